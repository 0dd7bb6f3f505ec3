"""What of a trouble ticket is kept, and in which form: no identity passes, nothing ours is doubled."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcause.service.problem import Problem
from callcause.tmf621 import attributes
from callcause.tmf621.cleaning import DEEPEST, LONGEST, clean, looks_like_identity, reference
from collectors.records import Pseudonymiser

KEY = Pseudonymiser(b"tests-only-key-0123456789abcdef")
NOW = "2026-11-22T10:00:00+00:00"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-999_999, 999_999)
    | st.sampled_from(["drop", "north gate", "zh"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def refusal(call: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(Problem) as caught:
        call(*arguments, **more)
    assert caught.value.status == 400
    return str(caught.value.detail)


def test_a_body_keeps_known_attributes_and_drops_what_the_server_makes() -> None:
    body = {"name": "x", "href": "http://elsewhere", "creationDate": NOW, "@type": "TroubleTicket"}
    assert attributes.check_names(body, frozenset({"name"})) == {"name": "x"}


@pytest.mark.parametrize("body", [[], "text", None, 7])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert "one JSON object" in refusal(attributes.check_names, body, frozenset())


def test_a_misspelt_attribute_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(Problem) as caught:
        attributes.check_names({"descriptoin": "x", "colour": "red"}, frozenset({"description", "name"}))
    assert "2 attributes" in str(caught.value.detail)
    assert "description" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("value", "required", "kept"),
    [("drop", False, "drop"), (None, False, None), ("x" * 5, True, "xxxxx")],
)
def test_a_text_attribute_is_kept_as_it_is(value: str | None, required: bool, kept: str | None) -> None:
    assert attributes.text({"name": value}, "name", 5, required=required) == kept


@pytest.mark.parametrize(
    ("value", "required"), [("", False), ("  ", False), ("x" * 6, False), (7, False), (None, True)]
)
def test_a_text_that_is_empty_too_long_or_no_text_is_refused(value: object, required: bool) -> None:
    assert refusal(attributes.text, {"name": value}, "name", 5, required=required).startswith("name:")


@given(st.datetimes(timezones=st.timezones()))
def test_every_date_time_with_an_offset_is_the_same_moment_afterwards(at: datetime) -> None:
    kept = attributes.moment({"at": at.isoformat()}, "at")
    assert kept is not None
    assert datetime.fromisoformat(kept) == at


@pytest.mark.parametrize("value", ["tomorrow", "2026-11-22T10:00:00", 1_700_000_000, ["x"]])
def test_a_time_without_an_offset_or_no_time_at_all_is_refused(value: object) -> None:
    assert "offset" in refusal(attributes.moment, {"at": value}, "at")


@pytest.mark.parametrize(
    "value", [{"a": 1}, "x", [1], [{}, "x"], [{}] * (attributes.MANY + 1)], ids=lambda v: str(v)[:12]
)
def test_an_array_attribute_holds_a_bounded_number_of_objects(value: object) -> None:
    assert refusal(attributes.objects, {"note": value}, "note").startswith("note:")


def test_of_a_note_stay_its_words_and_its_time_and_who_posted_it() -> None:
    body = {"note": [{"author": "Li Na", "text": "call 13800000001", "date": "2026-11-21T09:00:00+08:00"}]}
    (note,) = attributes.kept_notes(body, "desk", NOW)
    assert (note["author"], note["date"]) == ("desk", "2026-11-21T09:00:00+08:00")
    assert note["text"] == "call [number]"
    assert "Li Na" not in json.dumps(note)


def test_notes_that_we_made_are_not_taken_in_again() -> None:
    body = {"note": [{"id": "callcause-1", "text": "verdict"}, {"id": "n-2", "text": "mine"}]}
    assert [note["text"] for note in attributes.kept_notes(body, "desk", NOW)] == ["mine"]


def test_a_party_has_a_pseudonym_that_survives_being_sent_back() -> None:
    body = {"relatedParty": [{"role": "customer", "partyOrPartyRole": {"id": "C-4711", "name": "Zhang"}}]}
    first = attributes.kept_parties(body, KEY)
    again = attributes.kept_parties({"relatedParty": first}, KEY)
    assert first == again
    assert "C-4711" not in json.dumps(first)
    assert "Zhang" not in json.dumps(first)


@pytest.mark.parametrize(
    "party", [{"role": "customer"}, {"partyOrPartyRole": {"id": 7}}, {"partyOrPartyRole": "C-1"}, {"id": ""}]
)
def test_a_party_without_an_id_is_refused(party: Any) -> None:
    assert "partyOrPartyRole.id" in refusal(attributes.kept_parties, {"relatedParty": [party]}, KEY)


def test_a_reference_to_a_system_stays_and_one_to_a_subscriber_does_not() -> None:
    body = {
        "relatedEntity": [
            {"role": "ecgi", "entity": {"id": "460-00-345014-3", "name": "secret site"}},
            {"role": "msisdn", "id": "+86 138 0000 0001", "href": "tel:13800000001"},
        ]
    }
    cell, subscriber = attributes.kept_references(body, "relatedEntity", "RelatedEntity", KEY)
    assert cell["entity"]["id"] == "460-00-345014-3"
    assert subscriber["id"].startswith("reference_")
    kept = json.dumps([cell, subscriber])
    assert "secret site" not in kept
    assert "138" not in kept


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "BooleanCharacteristic"),
        (3, "IntegerCharacteristic"),
        (0.5, "NumberCharacteristic"),
        ("x", "StringCharacteristic"),
        ({"a": 1}, "ObjectCharacteristic"),
        ([1], "ObjectCharacteristic"),
        (None, "ObjectCharacteristic"),
        (float("inf"), "ObjectCharacteristic"),
    ],
)
def test_a_characteristic_has_the_type_of_its_value(value: object, kind: str) -> None:
    made = attributes.characteristic("x", value, "id-1")
    assert (made["@type"], made["id"]) == (kind, "id-1")
    wrapped = kind == "ObjectCharacteristic" and not isinstance(value, dict)
    assert made["value"] == ({"value": value} if wrapped else value)


def test_characteristics_that_are_fields_or_ours_are_left_out() -> None:
    body = {
        "troubleTicketCharacteristic": [
            {"name": "ecgi", "value": "460-00-1-1"},
            {"id": "callcause-verdict", "name": "verdict", "value": "cause"},
            {"name": "contact", "value": 8_613_800_000_001},
        ]
    }
    (kept,) = attributes.kept_characteristics(body, frozenset({"ecgi"}))
    assert (kept["name"], kept["value"]) == ("contact", "[number]")


def test_our_fields_are_found_in_characteristics_and_entities_and_the_first_stands() -> None:
    body = {
        "troubleTicketCharacteristic": [
            {"name": "occurredAt", "value": NOW},
            {"name": "ecgi", "value": None},
            {"name": "colour", "value": "red"},
        ],
        "relatedEntity": [
            {"role": "ecgi", "id": "460-00-1-1"},
            {"role": "occurredAt", "id": "later"},
            {"role": "line", "entity": {"id": "8613800000001"}},
            {"role": "bill", "id": "B-1"},
        ],
    }
    wanted = {"occurredAt": "occurred_at", "ecgi": "ecgi"}
    assert attributes.given_values(body, wanted, str) == {
        "occurred_at": NOW,
        "ecgi": "460-00-1-1",
        "msisdn": "8613800000001",
    }


@pytest.mark.parametrize(
    "text",
    [
        "13800000001", "8613800000001", "+86 138-0000-0001", "460001234567891", "sip:x", "TEL:123", "a@b",
        "+4917012345678",
    ],
)  # fmt: skip
def test_numbers_and_addresses_of_subscribers_are_known(text: str) -> None:
    assert looks_like_identity(text)
    assert reference(text, KEY) == KEY.pseudonym("reference", text)


@pytest.mark.parametrize("text", ["C-4711", "460-00-345014-3", "ENB-345014", "12345", "KM-S0014", ""])
def test_ids_of_systems_stay_as_they_are(text: str) -> None:
    assert not looks_like_identity(text)
    assert reference(text, KEY) == text


@given(JSON)
def test_a_document_without_identities_is_not_changed(document: Any) -> None:
    assert clean(document) == document


@given(JSON, st.integers(10_000_000, 9_999_999_999_999))
def test_no_long_number_passes_however_deep_it_stands(document: Any, number: int) -> None:
    hidden = {"outer": [document, {"text": f"tel 1{number % 9 // 2 + 3}{number % 10**9:09d}", "n": number}]}
    cleaned = clean(hidden)
    assert cleaned["outer"][1] == {"text": "tel [number]", "n": "[number]"}
    assert cleaned["outer"][0] == document


def test_what_nests_too_deep_is_too_long_or_is_no_text_is_refused() -> None:
    deep: Any = "x"
    for _ in range(DEEPEST + 1):
        deep = [deep]
    assert "deeper" in refusal(clean, deep)
    assert str(LONGEST) in refusal(clean, {"a": "x" * (LONGEST + 1)})
    assert "no text" in refusal(clean, ["nul \x00"])
    assert "no text" in refusal(clean, {"half \ud800": 1})
