"""Captures of our own making, decoded by tshark."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import polars as pl
import pytest
from capture_call import (
    ALICE,
    ALICE_MEDIA,
    BOB_MEDIA,
    INVITE,
    NUMBER,
    PROXY,
    START,
    media,
    message,
    sdp,
    signalling,
)
from capture_writer import fragments, gtp_u, ip_in_ip, pcap, sctp, tcp, udp, write

from collectors.capture.header import is_capture
from collectors.capture.read import Capture, read_capture
from collectors.capture.tshark import Bounds
from collectors.errors import BadFile
from collectors.ingest import ingest
from collectors.store import FileState, Store

Packets = list[tuple[float, bytes]]


def read(tmp_path: Path, packets: Packets) -> Capture:
    capture = read_capture(write(tmp_path / "x.pcap", packets))
    kinds = sum(n for name, n in capture.counts.items() if name.startswith("packets_"))
    assert kinds == capture.packets == len(packets)  # every packet ends in one counted state
    return capture


def calls(capture: Capture) -> list[dict[str, object]]:
    return capture.frames["call"].sort("leg").to_dicts() if "call" in capture.frames else []


def test_a_call_becomes_both_legs_with_times_ladder_and_voice(tmp_path: Path) -> None:
    lost = frozenset(range(100, 110)) | frozenset({200})
    packets = signalling() + media(ALICE_MEDIA, BOB_MEDIA, lost=lost) + media(BOB_MEDIA, ALICE_MEDIA, ssrc=2)
    capture = read(tmp_path, packets)
    mo, mt = calls(capture)
    assert (mo["leg"], mt["leg"], mo["icid"], mo["final_status"]) == ("mo", "mt", "icid-1", 200)
    assert mo["other_leg_id"] == mt["id"]
    assert capture.frames["hop"].height == 10
    voice = capture.frames["voice_slice"]
    assert set(voice.select("call_id", "leg", "direction").unique().rows()) == {
        (mo["id"], "mo", "uplink"),
        (mo["id"], "mo", "downlink"),
        (mt["id"], "mt", "uplink"),
        (mt["id"], "mt", "downlink"),
    }
    up = voice.filter(leg="mo", direction="uplink").sort("start")
    assert up["packets_expected"].to_list() == [250, 250]
    assert up["packets_lost"].to_list() == [11, 0]
    assert up["loss"][0] == pytest.approx(4.4)
    assert up["max_gap"][0] == pytest.approx(0.22, abs=0.001)
    assert up["codec"].to_list() == ["PCMA", "PCMA"]
    assert up["mos_method"].to_list() == ["E_MODEL", "E_MODEL"]
    assert up["mos"][0] < up["mos"][1] == pytest.approx(4.409, abs=0.001)
    assert up["jitter"].max() < 1


def test_packets_that_were_captured_three_times_and_in_tunnels_count_once(tmp_path: Path) -> None:
    speech = media(ALICE_MEDIA, BOB_MEDIA, packets=300) + media(BOB_MEDIA, ALICE_MEDIA, packets=300, ssrc=2)
    once = read(tmp_path, signalling() + speech)
    copies: Packets = []
    for at, packet in signalling() + speech:
        copies += [(at, gtp_u(("172.16.0.1", 0), ("172.16.0.9", 0), 7, packet)), (at + 0.0001, packet)]
        copies += [(at + 0.0002, packet), (at + 0.0003, ip_in_ip("192.0.2.1", "192.0.2.2", packet))]
    many = read(tmp_path, copies)
    assert calls(many) == calls(once)
    assert many.frames["hop"]["sightings"].to_list() == [4] * 10
    assert many.counts["duplicate"] == 30
    voice = many.frames["voice_slice"]
    assert set(voice["point"].to_list()) == {"s1u", "sbc"}
    assert (
        voice.filter(point="sbc")
        .drop("start", "jitter")
        .sort("leg", "direction")
        .equals(once.frames["voice_slice"].drop("start", "jitter").sort("leg", "direction"))
    )


def test_one_way_audio_is_silence_of_the_other_direction_after_the_answer(tmp_path: Path) -> None:
    ring_back = media(BOB_MEDIA, ALICE_MEDIA, begin=START + 0.6, packets=60, ssrc=2)
    speech = media(BOB_MEDIA, ALICE_MEDIA, packets=501, first=65_460, ssrc=2)
    capture = read(tmp_path, signalling() + ring_back + speech)
    voice = capture.frames["voice_slice"].filter(leg="mo")
    heard, silent = (voice.filter(direction=way).sort("start") for way in ("downlink", "uplink"))
    assert heard["packets_expected"].sum() == 561
    assert silent["packets_expected"].null_count() == silent.height >= 1
    assert silent["loss"].null_count() == silent.height  # nothing was seen: that is no ratio
    assert min(silent["max_gap"]) > 4.9
    answered = calls(capture)[0]["t_200"]
    assert silent["start"].min() > answered


def test_a_tap_that_sees_one_direction_alone_tells_of_no_silence(tmp_path: Path) -> None:
    own = [(at, p) for at, p in signalling() if p[12:16] == bytes([10, 1, 0, 2])]
    capture = read(tmp_path, own + media(ALICE_MEDIA, BOB_MEDIA))
    assert all(row["packets_expected"] for row in capture.frames["voice_slice"].to_dicts())


def test_a_large_message_in_fragments_is_one_message(tmp_path: Path) -> None:
    large = message(INVITE, "INVITE", body=sdp(ALICE_MEDIA), extra=f"X-Padding: {'x' * 2000}\r\n")
    parts = [(START + n / 1000, p) for n, p in enumerate(fragments(ALICE, PROXY, large))]
    answer = [(START + 0.1, udp(PROXY, ALICE, message("SIP/2.0 486 Busy Here", "INVITE", tag=";tag=p")))]
    capture = read(tmp_path, parts + answer)
    (mo,) = calls(capture)
    assert (mo["final_status"], mo["sdp_offered_codecs"]) == (486, ["PCMA"])
    assert capture.counts["message"] == 2


def test_sip_over_tcp_in_segments_and_retransmissions_is_read(tmp_path: Path) -> None:
    whole = message(INVITE, "INVITE", body=sdp(ALICE_MEDIA))
    back = message("SIP/2.0 404 Not Found", "INVITE", tag=";tag=p")
    packets: Packets = [
        (START, tcp(ALICE, PROXY, 1000, b"", 0x02)),
        (START + 0.01, tcp(ALICE, PROXY, 1001, whole[:200])),
        (START + 0.02, tcp(ALICE, PROXY, 1001, whole[:200])),
        (START + 0.04, tcp(ALICE, PROXY, 1001 + 400, whole[400:])),
        (START + 0.05, tcp(ALICE, PROXY, 1001 + 200, whole[200:400])),
        (START + 0.10, tcp(PROXY, ALICE, 5000, back)),
    ]
    (mo,) = calls(read(tmp_path, packets))
    assert (mo["final_status"], mo["leg"]) == (404, "mo")


def test_sip_over_ipv6_is_read(tmp_path: Path) -> None:
    ends = ("2001:db8::2", 5060), ("2001:db8::9", 5060)
    packets: Packets = [
        (START, udp(*ends, message(INVITE, "INVITE", body=sdp(ALICE_MEDIA)))),
        (
            START + 0.1,
            udp(*ends[::-1], message("SIP/2.0 480 Temporarily Unavailable", "INVITE", tag=";tag=p")),
        ),
    ]
    (mo,) = calls(read(tmp_path, packets))
    assert mo["final_status"] == 480


def diameter(command: int, *avps: bytes, request: bool = True) -> bytes:
    body = b"".join(avps)
    head = struct.pack(">II", 1 << 24 | 20 + len(body), (0x80 if request else 0) << 24 | command)
    return head + struct.pack(">III", 16777216, 7, 8) + body


def avp(code: int, value: bytes, vendor: int = 0) -> bytes:
    head = 12 if vendor else 8
    packed = struct.pack(">II", code, (0xC0 if vendor else 0x40) << 24 | head + len(value))
    return packed + (struct.pack(">I", vendor) if vendor else b"") + value + bytes(-len(value) % 4)


IMPI = b"460001234567890@ims.mnc000.mcc460.3gppnetwork.org"


def test_diameter_over_sctp_gives_results_and_stands_in_the_registration(tmp_path: Path) -> None:
    scscf, hss = ("10.9.0.3", 40_001), ("10.9.0.8", 3868)
    mar = diameter(303, avp(263, b"s;1"), avp(264, b"scscf1"), avp(1, IMPI))
    maa = diameter(303, avp(263, b"s;1"), avp(264, b"hss1"), avp(268, struct.pack(">I", 3004)), request=False)
    head = (
        "Via: SIP/2.0/UDP 10.1.0.2:5060;branch=z9hG4bKr\r\nFrom: <sip:+8613800000001@ims.example>;tag=r\r\n"
        "To: <sip:+8613800000001@ims.example>{}\r\nCall-ID: reg-1\r\nCSeq: 1 REGISTER\r\n"
    )
    register = "REGISTER sip:ims.example SIP/2.0\r\n" + head.format("") + (
        f'Authorization: Digest username="{IMPI.decode()}",realm="ims.example",uri="sip:x",nonce=""\r\n'
        "Content-Length: 0\r\n\r\n"
    )  # fmt: skip
    refused = "SIP/2.0 403 Forbidden\r\n" + head.format(";tag=s") + "Content-Length: 0\r\n\r\n"
    capture = read(
        tmp_path,
        [
            (START, udp(ALICE, PROXY, register.encode())),
            (START + 0.01, sctp(scscf, hss, 1, mar, 46)),
            (START + 0.0101, gtp_u(("172.16.0.1", 0), ("172.16.0.9", 0), 7, sctp(scscf, hss, 1, mar, 46))),
            (START + 0.02, sctp(hss, scscf, 900, maa, 46)),
            (START + 0.03, udp(PROXY, ALICE, refused.encode())),
        ],
    )
    (answer,) = capture.frames["diameter_answer"].to_dicts()
    assert (answer["command"], answer["vendor"], answer["code"], answer["client_node"]) == (
        "MAR",
        0,
        3004,
        "scscf1",
    )
    assert answer["answered_after"] == pytest.approx(0.01, abs=1e-6)
    assert capture.counts["diameter_answer"] == 1  # the copy in the tunnel made no second one
    (registration,) = capture.frames["registration"].to_dicts()
    assert registration["final_status"] == 403
    assert (registration["cx_command"], registration["cx_vendor"], registration["cx_code"]) == (
        "MAR",
        0,
        3004,
    )


# --- files


def test_a_capture_is_recognised_by_its_magic_and_read_from_gzip(tmp_path: Path) -> None:
    plain = pcap(signalling())
    assert is_capture(plain)
    assert not is_capture(b"PK")
    path = tmp_path / "anything.bin"
    path.write_bytes(gzip.compress(plain))
    with Store.open(tmp_path / "store") as store:
        assert ingest(store, [path]).states == {FileState.STORED: 1}
        stored = store.records("call").collect()
    assert sorted(stored["leg"]) == ["mo", "mt"]
    assert NUMBER[1:] not in str(stored.to_dicts())
    assert stored["calling_number"].str.starts_with("num_").all()


def test_a_capture_that_is_ingested_twice_is_known_and_stored_once(tmp_path: Path) -> None:
    path = write(tmp_path / "x.pcap", signalling())
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [path])
        assert report.kinds["capture"] == 1
        assert ingest(store, [path]).states == {FileState.KNOWN: 1}
        assert store.records("hop").collect().height == 10
    files = [file.read_bytes() for file in (tmp_path / "store").rglob("*") if file.is_file()]
    rows = [str(pl.read_parquet(file).to_dicts()) for file in (tmp_path / "store").rglob("*.parquet")]
    assert len(rows) >= 2
    assert "13800000001" not in "".join(rows)
    assert not any(b"13800000001" in content for content in files)


def test_without_tshark_a_capture_waits_in_quarantine_with_advice_and_is_taken_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "x.pcap", signalling())
    with Store.open(tmp_path / "store") as store:
        with monkeypatch.context() as without:
            without.setenv("PATH", str(tmp_path))
            report = ingest(store, [path])
        (refused,) = report.refused
        assert refused.code == "tshark_missing"
        assert "apt install tshark" in str(refused)
        assert report.states == {FileState.QUARANTINED: 1}
        assert ingest(store, [path]).states == {FileState.STORED: 1}
        assert store.records("call").collect().height == 2


def test_a_capture_that_was_cut_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(signalling())[:-10])
    capture = read_capture(path)
    assert capture.counts["cut_short"] == 1
    assert capture.packets == 9


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pcap([])[:20], "not_a_capture"),
        (pcap([]), "no_packets"),
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "not_a_capture"),
    ],
)
def test_what_is_no_capture_behind_the_magic_is_quarantined(
    tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    with pytest.raises(BadFile) as caught:
        read_capture(path)
    assert caught.value.code == code
    with Store.open(tmp_path / "store") as store:
        assert ingest(store, [path]).states == {FileState.QUARANTINED: 1}


@pytest.mark.parametrize(
    ("bounds", "code"),
    [
        (Bounds(timeout_s=0.01), "too_slow"),
        (Bounds(memory_bytes=1 << 20), "tshark_failed"),
        (Bounds(file_bytes=100), "too_large"),
    ],
)
def test_time_memory_and_size_of_a_run_are_bounded(tmp_path: Path, bounds: Bounds, code: str) -> None:
    with pytest.raises(BadFile) as caught:
        read_capture(write(tmp_path / "x.pcap", signalling()), bounds=bounds)
    assert caught.value.code == code


def test_the_same_capture_gives_the_same_rows(tmp_path: Path) -> None:
    packets = signalling() + media(ALICE_MEDIA, BOB_MEDIA, packets=50)
    first, second = read(tmp_path, packets), read(tmp_path, packets)
    assert {k: f.to_dicts() for k, f in first.frames.items()} == {
        k: f.to_dicts() for k, f in second.frames.items()
    }
    assert first.counts == second.counts


def test_a_sip_message_that_cannot_be_read_is_counted_and_the_others_are_told(tmp_path: Path) -> None:
    broken = b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.2\r\nCall-ID: y\r\n\r\n"
    capture = read(tmp_path, [*signalling(), (START + 3, udp(ALICE, PROXY, broken))])
    assert capture.counts["sip_bad_header_missing"] == 1
    assert len(calls(capture)) == 2
