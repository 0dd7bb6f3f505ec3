"""Voice-quality reports as terminals, relays and probes write them."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.signalling.sighting import Endpoint
from collectors.voice.quality import BadReport
from collectors.voice.rtcp import read_rtcp
from collectors.voice.rtcp_json import read_rtcp_json
from collectors.voice.rtp_stat import read_rtp_stat
from collectors.voice.vq_report import read_vq_report

AT = datetime(2026, 3, 11, 9, 15, tzinfo=UTC)
FUZZ = {"max_examples": 150, "deadline": None}

DIALECT_A = b"""VQSessionReport: CallTerm\r
CallID:9-call@ue.example\r
LocalID:<sip:alice@ims.example>\r
RemoteID:<sip:bob@ims.example;user=phone>\r
LocalAddr:IP=10.1.0.2 PORT=40000 SSRC=0x0A0B0C0D\r
RemoteAddr:IP=10.9.0.1 PORT=30000 SSRC=0x01020304\r
x-UserAgent:phone/1\r
LocalMetrics:\r
Timestamps:START=2026-03-11T09:15:00Z STOP=2026-03-11T09:15:30Z\r
SessionDesc:PT=8 PD=PCMA SR=8000 PPS=50 SSUP=off\r
PacketLoss:NLR=5.5 JDR=0.0\r
Delay:RTD=120 ESD=30 IAJ=12\r
QualityEst:MOSLQ=3.8 MOSCQ=4.2\r
RemoteMetrics:\r
PacketLoss:NLR=0.5 JDR=0.1\r
QualityEst:RLQ=127 MOSLQ=127 MOSCQ=127 QoEEstAlg=G.107\r
"""
DIALECT_B = b"""VQIntervalReport
CallID: 9-call@ue.example
    LocalID: "Alice" <sip:alice@ims.example>
    LocalAddr:IP= 10.1.0.2 PORT=40000 SSRC=168496141
    RemoteAddr:IP= 10.9.0.1 PORT=30000 SSRC=16909060
    LocalMetrics:
    TimeStamps:START=2026-03-11T09:15:00+08:00 STOP=2026-03-11T09:15:06+08:00
    SessionDesc:PT=8 PD=G.711 A-Law PPS=50 SSUP=off
    PacketLoss:NLR=0.0 JDR=0.0
    Delay:RTD=0 ESD=55 IAJ=0
    Signal:RERL=127
    QualityEst:RLQ=93 RCQ=93 MOSLQ=4.1 MOSCQ=4.1
"""


def test_a_session_report_tells_what_the_terminal_heard_and_what_the_far_end_heard() -> None:
    report = read_vq_report(DIALECT_A)
    heard, far = report.streams
    assert (report.kind, report.sip_call_id) == ("session", "9-call@ue.example")
    assert heard.receiver == Endpoint("10.1.0.2", 40000)
    assert far.receiver == heard.sender == Endpoint("10.9.0.1", 30000)
    assert (heard.loss, heard.jitter, heard.mos, heard.mos_method) == (5.5, 12.0, 3.8, "OTHER")
    assert heard.delay == 120 / 2 + 30
    assert heard.end == heard.start + timedelta(seconds=30)
    assert (far.loss, far.codec, far.start) == (0.5, "PCMA", heard.start)


def test_127_is_no_score_and_a_round_trip_of_zero_is_no_delay() -> None:
    far = read_vq_report(DIALECT_A).streams[1]
    assert (far.mos, far.mos_method, far.jitter) == (None, "", None)
    assert read_vq_report(DIALECT_B).streams[0].delay is None


def test_the_dialect_with_blanks_and_decimal_ssrc_reads_alike() -> None:
    report = read_vq_report(DIALECT_B)
    (heard,) = report.streams
    assert report.kind == "interval"
    assert heard.receiver == Endpoint("10.1.0.2", 40000)
    assert (heard.codec, heard.mos, heard.loss) == ("PCMA", 4.1, 0.0)
    assert heard.start == datetime(2026, 3, 11, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_a_report"),
        (b"hello: world\n", "not_a_report"),
        (b"VQSessionReport: CallTerm\nCallID:1\n", "not_a_report"),
        (DIALECT_A.replace(b"NLR=5.5", b"NLR=lots"), "bad_value"),
        (DIALECT_A.replace(b"2026-03-11T09:15:00Z", b"yesterday"), "bad_value"),
        (DIALECT_A.replace(b"START=", b"S=").replace(b"STOP=", b"T="), "bad_value"),
        (b"VQSessionReport\n" + b"x" * 70_000, "too_large"),
    ],
)
def test_a_report_that_cannot_be_read_is_told_by_code(body: bytes, code: str) -> None:
    with pytest.raises(BadReport) as caught:
        read_vq_report(body)
    assert caught.value.code == code


def test_an_error_about_a_report_shows_no_subscriber() -> None:
    with pytest.raises(BadReport) as caught:
        read_vq_report(DIALECT_A.replace(b"NLR=5.5", b"NLR=sip:+8613800000001@x"))
    assert "13800000001" not in str(caught.value)


def test_the_real_reports_of_both_dialects_are_read(third_party_data: Path) -> None:
    folder = third_party_data / "vqrtcpxr_hep"
    snom = read_vq_report(
        (folder / "heplify-server/metric_prometheus_test__VQSessionReport.txt").read_bytes()
    )
    assert (snom.streams[0].loss, snom.streams[0].mos, snom.streams[0].codec) == (5.5, 3.8, "PCMA")
    whole = (folder / "rfc6035-2otel/standard-2026-08-12.txt").read_bytes()
    poly = read_vq_report(whole.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1])
    assert (poly.streams[0].loss, poly.streams[0].mos, poly.streams[0].codec) == (0.0, 4.1, "PCMA")
    assert poly.streams[0].receiver == Endpoint("10.0.0.139", 2224)
    assert poly.streams[0].delay is None


# --- RTCP


def reception(ssrc: int = 7, fraction: int = 26, lost: int = 10, highest: int = 1000, lsr: int = 0) -> bytes:
    return struct.pack(">IIIIII", ssrc, fraction << 24 | lost & 0xFFFFFF, highest, 160, lsr, 65_536 // 2)


def packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def receiver_report(*blocks: bytes, ssrc: int = 9) -> bytes:
    return packet(201, len(blocks), struct.pack(">I", ssrc) + b"".join(blocks))


def sender_report(*blocks: bytes, ssrc: int = 7, ntp: tuple[int, int] = (0x11112222, 0x33334444)) -> bytes:
    return packet(200, len(blocks), struct.pack(">IIIIII", ssrc, *ntp, 0, 50, 8000) + b"".join(blocks))


def voip_metrics(ssrc: int = 7, trip: int = 80, mos: int = 38) -> bytes:
    block = struct.pack(">IBBBBHHHHBBBBBBBBBBHHH", ssrc, 26, 5, 64, 0, 100, 900, trip, 20, 0, 0, 127, 16,
                        *(80, 127, mos, 127), 0, 0, 40, 60, 80)  # fmt: skip
    return packet(207, 0, struct.pack(">IBBH", 9, 7, 0, len(block) // 4) + block)


def test_a_compound_packet_gives_reception_and_voip_metrics() -> None:
    read = read_rtcp(receiver_report(reception()) + voip_metrics())
    (block,), (metrics,) = read.reports, read.metrics
    assert (read.ssrc, block.ssrc, block.lost, block.highest_sequence) == (9, 7, 10, 1000)
    assert block.fraction_lost == pytest.approx(0.1, abs=0.005)
    assert (metrics.mos_lq, metrics.mos_cq, metrics.r_factor) == (3.8, None, 80)
    assert (metrics.round_trip_ms, metrics.end_system_ms) == (80, 20)
    assert metrics.loss == pytest.approx(10.16, abs=0.01)


def test_127_in_voip_metrics_is_not_available_and_never_a_score() -> None:
    (metrics,) = read_rtcp(receiver_report() + voip_metrics(trip=0, mos=127)).metrics
    assert (metrics.mos_lq, metrics.round_trip_ms) == (None, None)


def test_a_negative_loss_by_duplicates_is_read_as_negative() -> None:
    assert read_rtcp(receiver_report(reception(lost=-3))).reports[0].lost == -3


def test_a_sender_report_tells_its_clock_and_what_follows_garbled_is_left() -> None:
    read = read_rtcp(sender_report(reception()) + b"\x01\x02\x03\x04")
    assert (read.ntp_middle, read.sent_packets) == (0x22223333, 50)
    assert len(read.reports) == 1


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "not_a_report"),
        (b"\x80\x00\x00\x01", "not_a_report"),
        (receiver_report(reception())[:-4], "truncated"),
        (packet(203, 0, b""), "not_a_report"),
        (packet(207, 0, struct.pack(">IBBH", 9, 7, 0, 8)), "truncated"),
    ],
)
def test_rtcp_that_cannot_be_read_is_told_by_code(payload: bytes, code: str) -> None:
    with pytest.raises(BadReport) as caught:
        read_rtcp(payload)
    assert caught.value.code == code


def test_json_of_a_probe_reads_like_the_packet() -> None:
    sent = {"ntp_timestamp_sec": 0x11112222, "ntp_timestamp_usec": 0x33334444, "packets": 50}
    block = {"source_ssrc": 7, "fraction_lost": 26, "packets_lost": 10, "highest_seq_no": 1000,
             "ia_jitter": 160, "lsr": 0, "dlsr": 32768}  # fmt: skip
    read = read_rtcp_json(
        json.dumps({"ssrc": 9, "sender_information": sent, "report_blocks": [block]}).encode()
    )
    assert read.reports == read_rtcp(receiver_report(reception())).reports
    assert read.ntp_middle == 0x22223333


def test_metrics_of_json_say_127_for_not_available() -> None:
    block = {"fraction_lost": 26, "mos_lq": 127, "mos_cq": 41, "r_factor": 127, "round_trip_delay": 0}
    (metrics,) = read_rtcp_json(json.dumps({"ssrc": 1, "report_blocks_xr": block}).encode()).metrics
    assert (metrics.mos_lq, metrics.mos_cq, metrics.r_factor, metrics.round_trip_ms) == (
        None,
        4.1,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{", "not_a_report"),
        (b"[1]", "not_a_report"),
        (b'{"media": "audio", "rtt": 11}', "not_a_report"),
        (b'{"ssrc": 1}', "not_a_report"),
        (b'{"ssrc": {}, "report_blocks": [{"a": 1}]}', "bad_value"),
        (b'{"ssrc": 1e999, "report_blocks": [{"a": 1}]}', "bad_value"),
        (b"[" * 60_000, "not_a_report"),
        (b" " * 70_000, "too_large"),
    ],
)
def test_json_that_cannot_be_read_is_told_by_code(payload: bytes, code: str) -> None:
    with pytest.raises(BadReport) as caught:
        read_rtcp_json(payload)
    assert caught.value.code == code


def test_the_real_json_of_a_probe_is_read_and_that_of_a_server_refused(third_party_data: Path) -> None:
    folder = third_party_data / "vqrtcpxr_hep/heplify-server"
    read = read_rtcp_json((folder / "metric_prometheus_test__RTCPStat.txt").read_bytes())
    assert (read.ssrc, read.reports[0].ssrc, read.reports[0].jitter) == (2543003035, 1393754395, 159)
    assert read.metrics == ()  # its XR object holds a delay, but neither loss nor score
    with pytest.raises(BadReport):
        read_rtcp_json((folder / "metric_prometheus_test__janusStat.txt").read_bytes())


def test_the_header_of_a_terminal_tells_what_it_received() -> None:
    text = "CS=7;PS=1433;PR=190;PL=10,0;JI=23,2;DL=20,20,21;EN=PCMA,FAX;DE=PCMA;IP="
    text += "10.1.0.2:40000,[2001:db8::1]:30000"
    heard = read_rtp_stat(text, AT, "call-1")
    assert (heard.expected, heard.lost, heard.loss, heard.jitter, heard.delay) == (200, 10, 5.0, 23.0, 20.0)
    assert heard.receiver == Endpoint("10.1.0.2", 40000)
    assert heard.sender == Endpoint("2001:db8::1", 30000)
    assert (heard.start, heard.end) == (AT - timedelta(seconds=7), AT)


def test_a_duration_of_zero_in_the_header_is_not_known() -> None:
    heard = read_rtp_stat("CS=0;PR=1522;PL=0,0;DE=PCMA", AT)
    assert (heard.start, heard.end, heard.loss) == (AT, None, 0.0)


# --- Nothing but BadReport escapes


@given(
    payload=st.one_of(
        st.binary(max_size=300),
        st.integers(0, 200).map(lambda n: (receiver_report(reception()) + voip_metrics())[:n]),
    )
)
@settings(**FUZZ)
def test_any_bytes_as_rtcp_give_a_packet_or_a_named_error(payload: bytes) -> None:
    with suppress(BadReport):
        read_rtcp(payload)


@given(at=st.integers(0, len(DIALECT_A) - 1), byte=st.binary(min_size=0, max_size=3), cut=st.booleans())
@settings(**FUZZ)
def test_a_damaged_report_gives_a_report_or_a_named_error(at: int, byte: bytes, cut: bool) -> None:
    with suppress(BadReport):
        read_vq_report(DIALECT_A[:at] + byte + (b"" if cut else DIALECT_A[at + 1 :]))


@given(
    payload=st.one_of(
        st.binary(max_size=80), st.text(max_size=80).map(lambda t: b"VQSessionReport:\n" + t.encode())
    )
)
@settings(**FUZZ)
def test_any_bytes_as_report_give_a_report_or_a_named_error(payload: bytes) -> None:
    with suppress(BadReport):
        read_vq_report(payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["ssrc", "report_blocks", "report_blocks_xr", "sender_information",
                                       "fraction_lost", "mos_lq", "packets"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(content=JSON)
@settings(**FUZZ)
def test_any_json_gives_a_packet_or_a_named_error(content: object) -> None:
    with suppress(BadReport):
        read_rtcp_json(json.dumps(content).encode())


@given(
    text=st.one_of(
        st.text(max_size=60),
        st.from_regex(r"(PL|CS|JI|IP|DE)=[-0-9a-z.,:]{0,8};PR=.{0,5}", fullmatch=True),
    )
)
@settings(**FUZZ)
def test_any_text_as_header_gives_a_stream_or_a_named_error(text: str) -> None:
    with suppress(BadReport):
        read_rtp_stat(text, AT)
