"""Which node an address is: told by settings, by the tap, by names; phones stand beside the edge."""

from __future__ import annotations

import pytest

from collectors.errors import ConfigError
from collectors.signalling.header_value import host_of, parameter, split_values, uri_of, user_of
from collectors.signalling.nodes import UE, UNKNOWN, NodeBook, interface, read_address, type_in_name
from collectors.signalling.settings import NodeSetting
from collectors.signalling.sighting import Endpoint
from collectors.signalling.subscribers import Subscriber, Subscribers, identity_key, imsi_of

P, S, PHONE = Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.3", 5060), Endpoint("10.9.0.1", 40_000)


def book(*nodes: NodeSetting) -> NodeBook:
    return NodeBook(nodes)


def node(name: str, node_type: str, *addresses: str, ids: tuple[int, ...] = ()) -> NodeSetting:
    return NodeSetting(name=name, type=node_type, addresses=addresses, capture_ids=ids)


def test_an_address_with_its_port_stands_above_the_address_alone() -> None:
    made = book(node("p", "pcscf", "10.0.0.1"), node("s", "scscf", "10.0.0.1:6060", "[2001:db8::1]:5060"))
    names = [
        made.known(Endpoint(*end)) for end in (("10.0.0.1", 5060), ("10.0.0.1", 6060), ("2001:db8::1", 5060))
    ]
    assert [one.name for one in names if one] == ["p", "s", "s"]


def test_an_end_without_a_name_beside_the_edge_is_a_phone_and_elsewhere_unknown() -> None:
    made = book(node("p", "pcscf", "10.0.0.1"), node("s", "scscf", "10.0.0.3"))
    assert made.ends(PHONE, P, "")[0] == UE
    assert made.ends(P, PHONE, "")[1] == UE
    assert made.ends(S, PHONE, "")[1] == UNKNOWN


def test_the_capture_id_names_the_end_that_nothing_else_names() -> None:
    made = book(node("p", "pcscf", "10.0.0.1"), node("s", "scscf", ids=(2003,)))
    assert [one.name for one in made.ends(P, S, "2003")] == ["p", "s"]
    assert [one.name for one in made.ends(S, P, "2003")] == ["s", "p"]
    assert [one.name for one in made.ends(P, S, "9")] == ["p", ""]


def test_a_host_name_in_a_via_names_its_sender_unless_the_settings_do() -> None:
    made = book(node("p", "pcscf", "10.0.0.1"))
    made.learn(S, "scscf7.ims.example")
    made.learn(P, "icscf1.ims.example")
    made.learn(PHONE, "10.9.0.1")
    assert [one.name for one in made.ends(P, S, "")] == ["p", "scscf7.ims.example"]
    assert made.known(PHONE) is None


def test_one_address_cannot_be_two_nodes() -> None:
    with pytest.raises(ConfigError, match="two nodes"):
        book(node("p", "pcscf", "10.0.0.1:5060"), node("s", "scscf", "10.0.0.1:5060"))


@pytest.mark.parametrize("text", ["", "10.0.0.1:port", "[2001:db8::1", "a b", "host:123456"])
def test_what_is_no_address_is_refused_with_its_key(text: str) -> None:
    with pytest.raises(ConfigError, match=r"nodes\.addresses"):
        read_address(text)


@pytest.mark.parametrize(
    ("host", "node_type"),
    [
        ("pcscf.ims.mnc000.mcc460.3gppnetwork.org", "pcscf"),
        ("i-cscf2.example", "icscf"),
        ("scscf3.example", "scscf"),
        ("sbc1.example", "sbc"),
        ("mmtel1.example", "as"),
        ("mgcf1.example", "mgcf"),
        ("sales.example", ""),
        ("10.0.0.1", ""),
    ],
)
def test_host_names_of_ims_nodes_tell_their_type(host: str, node_type: str) -> None:
    assert type_in_name(host) == node_type


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ("ue", "pcscf", "Gm"),
        ("sbc", "ue", "Gm"),
        ("pcscf", "scscf", "Mw"),
        ("scscf", "icscf", "Mw"),
        ("scscf", "as", "ISC"),
        ("scscf", "mgcf", ""),
        ("ue", "scscf", ""),
    ],
)
def test_reference_points_between_node_types(one: str, other: str, name: str) -> None:
    assert interface(one, other) == interface(other, one) == name


def test_parts_of_addresses() -> None:
    assert uri_of('"A <x>" <sip:a@h;lr>;tag=1') == "sip:a@h;lr"
    assert uri_of("sip:a@h;tag=1") == "sip:a@h"
    assert parameter("<sip:a@h;tag=uri>", "tag") == ""
    assert parameter('<sip:a@h>; TAG = "q\\"x"', "tag") == 'q"x'
    assert split_values('a;x="1,2", <b,c> ,, d') == ['a;x="1,2"', "<b,c>", "d"]
    assert [user_of(uri) for uri in ("tel:+86;phone-context=x", "sip:%2B86;npdi@h", "sip:h")] == [
        "+86",
        "+86",
        "",
    ]
    assert [host_of(uri) for uri in ("sip:a@[2001:DB8::1]:5060;lr", "sips:H.example?x=1", "h:5060")] == [
        "2001:db8::1",
        "h.example",
        "h",
    ]


def test_a_number_is_one_identity_in_every_spelling() -> None:
    spellings = ("tel:+86-138-0000-0001", "sip:+8613800000001@ims.example;user=phone", "sip:8613800000001@h")
    assert {identity_key(uri) for uri in spellings} == {"8613800000001"}
    assert identity_key("sip:Alice@H.example:5060") == "alice@h.example"
    assert identity_key("sip:h.example") == ""


def test_the_imsi_stands_in_identities_of_its_form_only() -> None:
    assert imsi_of("460000000000001@ims.mnc000.mcc460.3gppnetwork.org") == "460000000000001"
    assert imsi_of("alice@x", "sip:460000000000002@ims") == "460000000000002"
    assert imsi_of("8613800000001@ims", "") == ""


def test_the_memory_of_subscribers_is_bounded() -> None:
    from datetime import UTC, datetime

    at = datetime(2026, 3, 1, tzinfo=UTC)
    made = Subscribers(limit=10)
    for number in range(50):
        made.remember([f"tel:+86138000000{number:02d}"], Subscriber("4", "c", at, None, {}))
    assert len(made) == 10
    assert made.find("tel:+8613800000049") is not None
    assert made.find("tel:+8613800000000") is None
