"""HEP on the wire: what is read, and that nothing else than the named error ever escapes."""

from __future__ import annotations

import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hep_packets import chunk, version_2, version_3
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.hep.decoder import Decoder
from collectors.hep.packet import MAX_PAYLOAD, read_hep
from collectors.signalling.assembly import Assembly
from collectors.signalling.errors import BadMessage
from collectors.signalling.message import parse_sip
from collectors.signalling.sighting import Endpoint
from collectors.signalling.sip import SipPart

AT = datetime(2024, 3, 11, 9, 0, 1, 250_000, tzinfo=UTC)
A, B = Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5080)
A6, B6 = Endpoint("2001:db8::1", 5060), Endpoint("2001:db8::2", 5061)
SIP = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n"
    b"To: <sip:x>\r\nCall-ID: 1@a\r\nCSeq: 1 OPTIONS\r\n\r\n"
)


@pytest.mark.parametrize(("source", "destination"), [(A, B), (A6, B6)])
def test_version_3_gives_time_ends_and_capture_id(source: Endpoint, destination: Endpoint) -> None:
    packet = read_hep(
        version_3(SIP, AT, source, destination, more=chunk(17, b"call-9@x") + chunk(14, b"key"))
    )
    assert (packet.version, packet.at, packet.capture_id, packet.transport) == (3, AT, 2001, "udp")
    assert (packet.source, packet.destination, packet.payload) == (source, destination, SIP)
    assert (packet.correlation, packet.auth_key) == ("call-9@x", b"key")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("source", "destination"), [(A, B), (A6, B6)])
def test_version_2_is_read_in_either_byte_order(source: Endpoint, destination: Endpoint, order: str) -> None:
    packet = read_hep(version_2(SIP, AT, source, destination, order=order))
    assert (packet.version, packet.at, packet.capture_id) == (2, AT, 7)
    assert (packet.source, packet.destination, packet.payload) == (source, destination, SIP)


def test_version_1_has_no_time_of_its_own() -> None:
    packet = read_hep(version_2(SIP, AT, A, B, version=1))
    assert (packet.version, packet.at, packet.payload) == (1, None, SIP)


def test_chunks_of_vendors_are_passed_over() -> None:
    packet = read_hep(version_3(SIP, AT, A, B, more=chunk(15, b"not the payload", vendor=3)))
    assert packet.payload == SIP


def test_a_compressed_payload_is_inflated_within_a_limit() -> None:
    plain = version_3(b"", AT, A, B)
    head = plain[6 : plain.rindex(chunk(15, b""))]

    def packed(payload: bytes) -> bytes:
        body = head + chunk(16, zlib.compress(payload))
        return b"HEP3" + (6 + len(body)).to_bytes(2, "big") + body

    assert read_hep(packed(SIP)).payload == SIP
    with pytest.raises(BadMessage) as caught:
        read_hep(packed(b"0" * (MAX_PAYLOAD + 1)))
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"OPTIONS sip:x SIP/2.0", "not_hep"),
        (b"HEP3\x00", "truncated"),
        (version_3(SIP, AT, A, B)[:-1], "truncated"),
        (b"HEP3\x00\x06", "chunk_missing"),
        (b"HEP3\x00\x0c\x00\x00\x00\x01\x00\x20", "bad_chunk"),
        (b"\x02\x10\x02\x11", "truncated"),
        (version_2(b"x", datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC), A, B), "bad_chunk"),
        (version_3(SIP, AT, A, B).replace(chunk(11, b"\x01"), chunk(11, b"")), "truncated"),
    ],
)
def test_what_is_no_packet_is_refused_with_its_reason(data: bytes, code: str) -> None:
    with pytest.raises(BadMessage) as caught:
        read_hep(data)
    assert caught.value.code == code


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_raise_nothing_but_the_named_error(data: bytes, headed: bool) -> None:
    with suppress(BadMessage):
        read_hep(b"HEP3" + len(data).to_bytes(2, "big") + data if headed else data)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_packet_with_flipped_bytes_ends_in_one_counted_state(data: st.DataObject) -> None:
    good = bytearray(version_3(SIP, AT, A, B) if data.draw(st.booleans()) else version_2(SIP, AT, A, B))
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    decoder = Decoder(Assembly([SipPart()]))
    decoder.take([bytes(good), bytes(good[:cut])])
    assert sum(decoder.counts.values()) == 2


def test_packets_with_another_key_are_refused_and_counted() -> None:
    decoder = Decoder(Assembly([SipPart()]), b"secret")
    decoder.take([version_3(SIP, AT, A, B, more=chunk(14, key)) for key in (b"secret", b"wrong", b"")])
    assert decoder.counts == {"sip": 1, "wrong_key": 2}


def test_every_payload_type_ends_in_its_state_per_source() -> None:
    part = SipPart()
    decoder = Decoder(Assembly([part]))
    decoder.take(
        [
            version_3(SIP, AT, A, B, capture_id=1),
            version_3(b"{}", AT, A, B, capture_id=1, protocol=5),
            version_3(b"VQSessionReport: CallTerm\r\n", AT, A, B, capture_id=2, protocol=35),
            version_3(b"<x/>", AT, A, B, capture_id=2, protocol=2),
            version_3(b"\r\n\r\n", AT, A, B, capture_id=2),
            version_3(b"no sip", AT, A, B, capture_id=2),
            b"junk",
        ]
    )
    assert decoder.counts == {
        "sip": 1, "rtcp": 1, "voice_report": 1, "unwanted": 1, "keep_alive": 1, "bad_payload": 1,
        "malformed": 1,
    }  # fmt: skip
    assert decoder.sources["1"] == {"sip": 1, "rtcp": 1}
    assert part.counts == {"not_kept": 1}


def test_a_probe_whose_clock_is_far_ahead_does_not_end_every_wait() -> None:
    part = SipPart()
    decoder = Decoder(Assembly([part]))
    ahead = datetime(2099, 1, 1, tzinfo=UTC)
    register = SIP.replace(b"OPTIONS", b"INVITE")
    decoder.take([version_3(register, ahead, A, B), version_3(register, datetime.now(UTC), A, B)])
    assert decoder.ripe() == {}
    assert decoder.sources["2001"] == {"sip": 2, "clock_ahead": 1}
    assert (part.counts["message"], part.counts["duplicate"]) == (1, 1)


def test_the_number_of_sources_is_bounded() -> None:
    decoder = Decoder(Assembly([SipPart()]))
    decoder.take([version_3(SIP, AT, A, B, capture_id=number) for number in range(1, 1_500)])
    assert len(decoder.sources) == 1_001
    assert sum(sum(counts.values()) for counts in decoder.sources.values()) == 1_499


def test_a_packet_of_another_project_is_read(third_party_data: Path) -> None:
    data = (third_party_data / "vqrtcpxr_hep/heplify-server/decoder_decoder_test__hepPacket.bin").read_bytes()
    packet = read_hep(data)
    assert (packet.source.host, packet.source.port, packet.protocol) == ("192.168.247.250", 5060, 1)
    message = parse_sip(packet.payload)
    assert (message.status, message.method) == (200, "OPTIONS")
