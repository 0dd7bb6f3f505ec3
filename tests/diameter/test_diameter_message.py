"""Diameter messages from their bytes, and requests paired with answers."""

from __future__ import annotations

import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.diameter.message import BadDiameter, read_diameter
from collectors.diameter.transactions import DiameterTransactions
from collectors.signalling.sighting import DiameterMessage, Endpoint, RtcpReport, Sighting

AT = datetime(2026, 3, 11, 9, 15, tzinfo=UTC)
SCSCF, HSS = Endpoint("10.0.0.1", 3868), Endpoint("10.0.0.9", 3868)
IMSI = "460001234567890"
IMPI = f"{IMSI}@ims.mnc000.mcc460.3gppnetwork.org"
TGPP = 10415


def avp(code: int, value: bytes | str | int, vendor: int = 0) -> bytes:
    data = (
        struct.pack(">I", value)
        if isinstance(value, int)
        else value
        if isinstance(value, bytes)
        else value.encode()
    )
    head = 12 if vendor else 8
    packed = struct.pack(">II", code, (0xC0 if vendor else 0x40) << 24 | head + len(data))
    return packed + (struct.pack(">I", vendor) if vendor else b"") + data + bytes(-len(data) % 4)


def message(command: int, *avps: bytes, request: bool = True, app: int = 16777216, hop: int = 7) -> bytes:
    body = b"".join(avps)
    head = struct.pack(">II", 1 << 24 | 20 + len(body), (0x80 if request else 0) << 24 | command)
    return head + struct.pack(">III", app, hop, hop + 1) + body


MAR = message(
    303,
    avp(263, "scscf1;1;7"),
    avp(264, "scscf1.ims.example"),
    avp(293, "hss1.ims.example"),
    avp(1, IMPI),
    avp(601, "sip:+8613800000001@ims.example", TGPP),
)
MAA = message(303, avp(263, "scscf1;1;7"), avp(264, "hss1.ims.example"), avp(268, 3004), request=False)


def test_a_request_and_its_answer_are_read_under_the_name_of_the_request() -> None:
    asked, told = read_diameter(MAR), read_diameter(MAA)
    assert (asked.interface, asked.command, asked.is_request) == ("Cx", "MAR", True)
    assert (asked.session_id, asked.origin_host, asked.impi) == ("scscf1;1;7", "scscf1.ims.example", IMPI)
    assert asked.imsi == IMSI  # an IMPI of the form of TS 23.003 13.3 holds the IMSI
    assert (told.command, told.is_request, told.vendor, told.code) == ("MAR", False, 0, 3004)
    assert (asked.vendor, asked.code) == (None, None)


def test_an_experimental_result_has_its_own_vendor_and_stands_above_the_base_result() -> None:
    group = avp(297, avp(266, TGPP) + avp(298, 5001))
    told = read_diameter(message(300, avp(268, 2001), group, request=False))
    assert (told.vendor, told.code) == (TGPP, 5001)


def test_the_vendor_of_the_application_is_not_that_of_the_result() -> None:
    application = avp(260, avp(266, TGPP) + avp(258, 16777216))
    told = read_diameter(message(300, application, avp(268, 5012), request=False))
    assert (told.vendor, told.code) == (0, 5012)


def test_gx_names_its_subscriber_bearer_and_rule_failure() -> None:
    told = read_diameter(
        message(
            272,
            avp(443, avp(450, 1) + avp(444, IMSI)),
            avp(443, avp(450, 0) + avp(444, "8613800000001")),
            avp(8, bytes([10, 1, 0, 2])),
            avp(30, "ims"),
            avp(1018, avp(1031, 10, TGPP), TGPP),
            avp(1001, avp(1003, avp(1016, avp(1028, 1, TGPP), TGPP) + avp(505, "icid-1", TGPP), TGPP), TGPP),
            app=16777238,
        )
    )
    assert (told.interface, told.command, told.apn, told.qci) == ("Gx", "CCR", "ims", 1)
    assert (told.imsi, told.msisdn, told.framed_address) == (IMSI, "8613800000001", "10.1.0.2")
    assert (told.rule_failure_code, told.icid) == (10, "icid-1")


def test_rx_names_address_charging_identifier_abort_cause_and_actions() -> None:
    prefix = bytes([0, 64]) + bytes.fromhex("20010db800000001")
    told = read_diameter(
        message(265, avp(97, prefix), avp(505, "icid-2", TGPP), avp(500, 0, TGPP), avp(513, 2, TGPP),
                avp(513, 9, TGPP), app=16777236)
    )  # fmt: skip
    assert (told.framed_address, told.icid, told.abort_cause) == ("2001:db8:0:1::", "icid-2", 0)
    assert told.specific_actions == (2, 9)


def test_on_s6a_the_user_name_is_the_imsi() -> None:
    told = read_diameter(message(316, avp(1, IMSI), app=16777251))
    assert (told.interface, told.command, told.imsi, told.impi) == ("S6a", "ULR", IMSI, "")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "truncated"),
        (MAR[:19], "truncated"),
        (MAR[:-4], "truncated"),
        (b"\x02" + MAR[1:], "bad_header"),
        (b"\x01\xff\xff\xff" + MAR[4:], "too_large"),
        (message(303, avp(263, "x")[:-4] + b"\0\0\0\0" + b"\0\0"), "bad_avp"),
        (message(303, struct.pack(">II", 1, 4)), "bad_avp"),
        (message(303, avp(268, b"\0\0"), request=False), "bad_avp"),
    ],
)
def test_a_message_that_cannot_be_read_is_told_by_code(data: bytes, code: str) -> None:
    with pytest.raises(BadDiameter) as caught:
        read_diameter(data)
    assert caught.value.code == code


def test_groups_inside_groups_inside_groups_end() -> None:
    nested = avp(1, "x")
    for _ in range(50):
        nested = avp(1003, nested, TGPP)
    assert read_diameter(message(272, nested)).impi == ""


CHANGES = st.tuples(st.integers(0, len(MAR) - 1), st.integers(0, 255))
DAMAGED = CHANGES.map(lambda change: MAR[: change[0]] + bytes([change[1]]) + MAR[change[0] + 1 :])


@given(data=st.binary(max_size=120) | DAMAGED)
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_message_or_a_named_error(data: bytes) -> None:
    with suppress(BadDiameter):
        read_diameter(data)


# --- transactions


def seen(data: bytes, after_s: float = 0.0, back: bool = False, tap: str = "a") -> Sighting:
    ends = (HSS, SCSCF) if back else (SCSCF, HSS)
    return Sighting(AT + timedelta(seconds=after_s), *ends, "sctp", tap, read_diameter(data))


def rows_of(*sightings: Sighting) -> tuple[list[dict[str, object]], DiameterTransactions]:
    part = DiameterTransactions()
    for sighting in sightings:
        part.take(sighting)
    frames = part.rest()
    return (frames["diameter_answer"].to_dicts() if frames else []), part


def test_a_request_and_its_answer_become_one_row_keyed_by_vendor_and_code() -> None:
    (row,), _ = rows_of(seen(MAR), seen(MAA, 0.008, back=True))
    assert (row["vendor"], row["code"], row["answered"]) == (0, 3004, True)
    assert row["answered_after"] == pytest.approx(0.008)
    assert (row["client_node"], row["server_node"]) == ("scscf1.ims.example", "hss1.ims.example")
    assert (row["at"], row["imsi"], row["source"]) == (AT, IMSI, "capture")


def test_copies_of_a_packet_are_counted_and_make_no_second_row() -> None:
    rows, part = rows_of(
        *(seen(MAR, at, tap=tap) for at, tap in ((0, "a"), (0.0001, "b"), (0.0002, "c"))),
        *(seen(MAA, at, back=True, tap=tap) for at, tap in ((0.01, "a"), (0.0101, "b"))),
    )
    assert len(rows) == 1
    assert part.counts == {"diameter_request": 1, "diameter_answer": 1, "diameter_duplicate": 3}


def test_silence_is_told_once_the_wait_is_over() -> None:
    part = DiameterTransactions(wait_s=10)
    part.take(seen(MAR))
    assert part.ripe(AT + timedelta(seconds=9)) == {}
    (row,) = part.ripe(AT + timedelta(seconds=10))["diameter_answer"].to_dicts()
    assert (row["answered"], row["code"], row["server_node"]) == (False, None, "hss1.ims.example")
    assert part.rest() == {}


def test_a_request_at_the_very_end_of_a_capture_has_an_unknown_outcome() -> None:
    (row,), part = rows_of(seen(MAR))
    assert row["answered"] is None
    assert part.counts["diameter_cut_off"] == 1


def test_a_request_long_before_the_end_of_a_capture_was_not_answered() -> None:
    later = Sighting(AT + timedelta(seconds=30), HSS, SCSCF, "udp", "a", RtcpReport(b"", "binary"))
    (row,), _ = rows_of(seen(MAR), later)
    assert row["answered"] is False


def test_an_answer_without_its_request_is_told_with_what_it_knows() -> None:
    (row,), part = rows_of(seen(MAA, back=True))
    assert (row["code"], row["client_node"], row["answered_after"]) == (3004, None, None)
    assert part.counts["diameter_answer_alone"] == 1


def test_keep_alives_of_neighbours_are_counted_and_are_no_rows() -> None:
    rows, part = rows_of(seen(message(280, avp(264, "a"), app=0)))
    assert rows == []
    assert part.counts == {"diameter_peer": 1}


def test_open_requests_are_bounded_and_the_oldest_is_told_as_unknown() -> None:
    part = DiameterTransactions(most_open=10)
    for hop in range(15):
        part.take(seen(message(303, avp(264, "s"), hop=100 * hop), hop / 100))
    rows = part.ripe(AT)["diameter_answer"]
    assert rows["answered"].to_list() == [None] * 5


def test_rows_are_the_same_in_every_run() -> None:
    first, _ = rows_of(seen(MAR), seen(MAA, 0.008, back=True))
    second, _ = rows_of(seen(MAR), seen(MAA, 0.008, back=True))
    assert first == second


def test_what_is_no_diameter_is_left_alone() -> None:
    rows, part = rows_of(Sighting(AT, HSS, SCSCF, "udp", "", RtcpReport(b"", "json")))
    assert (rows, part.counts) == ([], {})
    assert isinstance(read_diameter(MAR), DiameterMessage)
