"""What an alert is about, whose failed attempts are looked at, and what is said of them together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from callcause.service.alert_answer import NO_RECORD, body_of, element_answer, group_answer, title_of
from callcause.service.alert_element import Element, Inventory, distinct, element_of
from callcause.service.alert_tickets import Failures
from callcause.service.settings import AlertSettings
from collectors.records import Pseudonymiser, load_key, load_rows, load_schemas
from collectors.store import SourceFile, Store

AT = datetime(2024, 3, 6, 9, 0, tzinfo=UTC)
CELL, OTHER = "460-00-345014-3", "460-00-345014-1"
SETTINGS = AlertSettings()


def rows(kind: str, *given: dict[str, Any]) -> tuple[str, pl.DataFrame]:
    frame = pl.DataFrame(given, infer_schema_length=None)
    lacking = [name for name in load_schemas()[kind].required_columns if name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
    loaded = load_rows(kind, frame, source="test", pseudonymiser=Pseudonymiser(load_key()))
    assert loaded.bad.is_empty(), loaded.bad
    return kind, loaded.good


def call(number: int, minutes: float = 0, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"C-{number}",
        "icid": f"i-{number}",
        "leg": "mo",
        "started_at": (AT + timedelta(minutes=minutes)).isoformat(),
        "calling_number": f"86138000000{number:02}",
        "called_number": "8613987654321",
        "first_ecgi": CELL,
        "final_status": 500,
        "scscf_name": "sip:scscf-1.ims.example.net:5060",
        "t_200": None,
        "csfb_flag": None,
        **fields,
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    tables = [
        rows(
            "cell",
            {"ecgi": CELL, "cell_name": "KM-S0014-3", "mme_pool": "POOL-1"},
            {"ecgi": OTHER, "cell_name": "KM-S0014-1", "mme_pool": None},
        ),
        rows(
            "node",
            {
                "node_id": "SCSCF-1",
                "node_type": "scscf",
                "names": "scscf-1.ims.example.net",
                "region": "0871",
            },
            {"node_id": "MME-1", "node_type": "mme", "names": "mme-1", "region": "0872", "pool": "POOL-1"},
            {"node_id": "HSS-1", "node_type": "hss", "names": "10.0.0.9", "region": "0871"},
        ),
        rows(
            "call",
            call(1, 2),
            call(2, -40),  # too early
            call(3, 1, final_status=486),  # the user was busy
            call(4, 1, first_ecgi=OTHER, scscf_name="scscf-2"),
            call(5, 5, final_status=200, t_200=AT.isoformat(), reasons='[{"protocol":"SIP","cause":503}]'),
            call(6, 6, calling_number="8613800000001"),  # the customer of call 1 again
            call(7, 3, final_status=200, t_200=AT.isoformat()),  # a good call
        ),
        rows(
            "registration",
            {
                "id": "R-1",
                "started_at": AT.isoformat(),
                "imsi": "460001234567809",
                "impu": "sip:+8613800000009@ims.example.net",
                "ecgi": CELL,
                "final_status": 403,
                "scscf_name": "scscf-1.ims.example.net",
            },
        ),
    ]
    with Store.open(tmp_path / "store") as opened:
        for number, (kind, frame) in enumerate(tables):
            opened.add(SourceFile(f"{kind}.csv", f"{number:064x}"), {kind: frame})
        opened.refresh()
        yield opened


@pytest.mark.parametrize(
    ("labels", "kind", "name", "region", "known"),
    [
        ({"ecgi": CELL}, "cell", CELL, "0872", True),
        ({"cell": "KM-S0014-3"}, "cell", CELL, "0872", True),
        ({"cell": "460-00-9-9", "region": "0873"}, "cell", "460-00-9-9", "0873", False),
        ({"entity": CELL, "scope": "cell"}, "cell", CELL, "0872", True),
        ({"entity": "SCSCF-1", "scope": "node"}, "node", "SCSCF-1", "0871", True),
        ({"entity": CELL, "scope": "network", "key": "cell", "region": "0871"}, "cell", CELL, "0872", True),
        ({"entity": "SCSCF-1", "scope": "network", "key": "node"}, "node", "SCSCF-1", "0871", True),
        (
            {"entity": "AL-1", "scope": "network", "key": "alarm", "region": "0871"},
            "region",
            "0871",
            "0871",
            True,
        ),
        ({"node": "SIP:SCSCF-1.ims.example.net:5060"}, "node", "SCSCF-1", "0871", True),
        ({"node": "nobody"}, "node", "nobody", None, False),
        ({"instance": "mme-1:9090"}, "node", "MME-1", "0872", True),
        ({"region": "0871", "instance": "callcause:8470"}, "region", "0871", "0871", True),
        ({"instance": "callcause:8470"}, "network", "network", None, True),
        ({}, "network", "network", None, True),
    ],
)
def test_labels_name_the_element(
    store: Store, labels: dict[str, str], kind: str, name: str, region: str | None, known: bool
) -> None:
    element = element_of(labels, AT, Inventory(store), SETTINGS)
    assert (element.kind, element.id, element.region, element.known) == (kind, name, region, known)


def attempts(store: Store, settings: AlertSettings = SETTINGS, **labels: str) -> list[tuple[str, str]]:
    element = element_of(labels, AT, Inventory(store), settings)
    frame = Failures(store, settings).attempts(element)
    return list(frame.select("id", "category").iter_rows())


def test_failed_attempts_at_a_cell_are_looked_at_one_a_user_the_nearest_first(store: Store) -> None:
    assert attempts(store, ecgi=CELL) == [("R-1", "registration"), ("C-1", "access"), ("C-5", "drop")]
    assert attempts(store, ecgi=OTHER) == [("C-4", "access")]
    assert attempts(store, ecgi=CELL, category="drop") == [("C-5", "drop")]
    assert attempts(store, AlertSettings(sample=1), ecgi=CELL) == [("R-1", "registration")]
    assert attempts(store, AlertSettings(window_min=1), ecgi=CELL) == [("R-1", "registration")]


def test_failed_attempts_at_a_node_are_those_that_name_it(store: Store) -> None:
    assert [name for name, _ in attempts(store, node="SCSCF-1")] == ["R-1", "C-1", "C-5"]
    assert attempts(store, node="nobody") == []


def test_a_node_that_no_record_names_served_all_of_them(store: Store) -> None:
    assert [name for name, _ in attempts(store, node="HSS-1")] == ["R-1", "C-4", "C-1", "C-5"]
    assert len(attempts(store)) == 4  # the whole network


def test_failed_attempts_of_a_region_are_those_of_its_nodes(store: Store) -> None:
    assert [name for name, _ in attempts(store, region="0871")] == ["R-1", "C-1", "C-5"]
    assert attempts(store, region="0899") == []


def test_tickets_of_an_alert_are_no_cluster_and_belong_to_who_met_it(store: Store) -> None:
    element = element_of({"ecgi": CELL}, AT, Inventory(store), SETTINGS)
    tickets = Failures(store, SETTINGS).tickets(element, "abc-aa")
    assert tickets["id"].to_list() == ["abc-aa.0", "abc-aa.1", "abc-aa.2", "abc-aa.3"]
    assert tickets["repeat_of"].null_count() == 0
    assert tickets["msisdn"].n_unique() == 4
    assert tickets["msisdn"].str.starts_with("num_").all()
    assert tickets["ecgi"].to_list() == [CELL] * 4


def test_of_the_same_element_alerted_twice_the_earliest_counts() -> None:
    def at(minutes: int) -> Element:
        return Element("cell", CELL, None, AT + timedelta(minutes=minutes), "X", None, None, True)

    assert distinct([at(5), at(1), at(3)]) == [at(1)]


def result(name: str, verdict: str = "cause", cause: str = "drop-weak-coverage", sure: float = 0.8) -> Any:
    top = {"id": cause, "probability": sure, "department": "RAN", "remedy": {"en": "do", "zh": "做"}}
    return {
        "ticket_id": name,
        "verdict": verdict,
        "category": {"id": "drop"},
        "causes": [top] if cause else [],
    }


ELEMENT = Element("cell", CELL, "0871", AT, "CellDrops", None, None, True)


def test_the_cause_that_most_attempts_share_is_first() -> None:
    answer = element_answer(
        ELEMENT,
        [
            result("own", "cannot_tell"),
            result("a", cause="x", sure=0.99),
            result("b", sure=0.6),
            result("c", sure=0.7),
        ],
    )
    assert (answer["verdict"], answer["top_cause"]) == ("cause", "drop-weak-coverage")
    assert answer["result"]["ticket_id"] == "c"
    assert answer["causes_of_attempts"] == [
        {"id": "drop-weak-coverage", "attempts": 2},
        {"id": "x", "attempts": 1},
    ]


def test_where_no_attempt_tells_the_element_itself_does() -> None:
    own = element_answer(ELEMENT, [result("own", "cause", "y"), result("a", "cannot_tell")])
    assert (own["verdict"], own["top_cause"], own["failed_attempts"]) == ("cause", "y", 1)
    none = element_answer(ELEMENT, [result("own", "cannot_tell", "")])
    assert (none["verdict"], none["top_cause"]) == ("cannot_tell", None)


def of_cell(*causes: tuple[str, float, bool, bool]) -> Any:
    """The result of a cell that nobody called from: id, probability, proved, contradicted of each cause."""
    none = {"id": NO_RECORD, "probability": 0.62, "department": "Front office", "supported_by": ["G-04"]}
    rest = [
        {
            "id": name, "probability": sure, "department": "RAN",
            "remedy": {"en": "do", "zh": "做"}, "supported_by": ["DRP-06"] if proved else [],
            "contradicted_by": ["DRP-04"] if contradicted else [],
        }
        for name, sure, proved, contradicted in causes
    ]  # fmt: skip
    return {**result("own", "cannot_tell"), "causes": [none, *rest]}


def test_an_element_needs_no_record_of_a_customer_where_its_counters_prove_the_cause() -> None:
    answer = element_answer(ELEMENT, [of_cell(("drop-uplink-interference", 0.33, True, False))])
    assert (answer["verdict"], answer["top_cause"]) == ("cause", "drop-uplink-interference")
    assert answer["department"] == "RAN"
    assert answer["result"]["causes"][0]["probability"] == pytest.approx(0.33 / 0.38, abs=1e-4)
    assert title_of(group_answer([answer], 0)) == f"drop, {CELL} (0871): drop-uplink-interference"


@pytest.mark.parametrize(
    "causes",
    [
        [],
        [("unproved", 0.33, False, False)],
        [("contradicted", 0.33, True, True)],
        [("one of several", 0.15, True, False), ("another", 0.14, True, False), ("third", 0.09, True, False)],
    ],
)
def test_an_element_without_proof_of_one_cause_stays_open_but_names_no_customer(causes: list[Any]) -> None:
    answer = element_answer(ELEMENT, [of_cell(*causes)])
    assert answer["verdict"] == "cannot_tell"
    assert NO_RECORD not in [cause["id"] for cause in answer["result"]["causes"]]
    assert answer["top_cause"] == (causes[0][0] if causes else None)


def test_attempts_that_failed_still_come_before_what_counters_say() -> None:
    own = of_cell(("drop-uplink-interference", 0.33, True, False))
    answer = element_answer(ELEMENT, [own, result("a", cause="x")])
    assert (answer["top_cause"], answer["causes_of_attempts"]) == ("x", [{"id": "x", "attempts": 1}])
    open_attempt = element_answer(ELEMENT, [own, result("a", "cannot_tell")])
    assert open_attempt["top_cause"] == "drop-uplink-interference"


def test_the_title_is_class_area_and_top_cause() -> None:
    told = element_answer(ELEMENT, [result("own")])
    answer = group_answer([told], 2)
    assert title_of(answer) == f"drop, {CELL} (0871): drop-weak-coverage"
    assert answer["elements_left_out"] == 2
    assert "https://c/alerts/1" in body_of(answer, "https://c/alerts/1")
    open_one = group_answer([element_answer(ELEMENT, [result("own", "cannot_tell")])], 0)
    assert title_of(open_one).endswith(": cannot tell")
