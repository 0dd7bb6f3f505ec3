"""Voice beside the SIP of its calls: reports find their leg and direction."""

from __future__ import annotations

import json
import struct
from collections import Counter
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from collectors.signalling.message import parse_sip
from collectors.signalling.sighting import Endpoint, Message, RtcpReport, Sighting, VoiceReport
from collectors.signalling.sip import SipPart
from collectors.voice.codecs import rate_of
from collectors.voice.media import MediaBook, description_of
from collectors.voice.part import WithVoice
from collectors.voice.quality import StreamQuality
from collectors.voice.rtcp import read_rtcp
from collectors.voice.slices import MediaParty, slice_rows
from collectors.voice.streams import RtcpStreams

AT = datetime(2026, 3, 11, 9, 15, tzinfo=UTC)
PHONE, PROXY, CALLED = Endpoint("10.1.0.2", 5060), Endpoint("10.9.0.1", 5060), Endpoint("10.1.0.3", 5060)
VOICE, RELAY_NEAR = Endpoint("10.1.0.2", 40_000), Endpoint("10.9.0.5", 30_000)
RELAY_FAR, CALLED_VOICE = Endpoint("10.9.0.5", 31_000), Endpoint("10.1.0.3", 50_000)


def sdp(media: Endpoint) -> str:
    return f"v=0\r\nc=IN IP4 {media.host}\r\nt=0 0\r\nm=audio {media.port} RTP/AVP 8\r\n"


def sip(first: str, vias: int, body: str = "", tag: str = "", method: str = "INVITE") -> Message:
    hops = ["10.1.0.2:5060;branch=z9hG4bKa", "10.9.0.1:5060;branch=z9hG4bKp"][:vias][::-1]
    via = "".join(f"Via: SIP/2.0/UDP {hop}\r\n" for hop in hops)
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return parse_sip(
        f"{first}\r\n{via}From: <sip:a@x>;tag=a\r\nTo: <sip:b@x>{tag}\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\n"
        f"{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )


def seen(seconds: float, source: Endpoint, destination: Endpoint, message: Message) -> Sighting:
    return Sighting(AT + timedelta(seconds=seconds), source, destination, "udp", "1", message)


CALL = [
    seen(0, PHONE, PROXY, sip("INVITE sip:b@x SIP/2.0", 1, sdp(VOICE))),
    seen(0.1, PROXY, CALLED, sip("INVITE sip:b@10.1.0.3:5060 SIP/2.0", 2, sdp(RELAY_FAR))),
    seen(2.0, CALLED, PROXY, sip("SIP/2.0 200 OK", 2, sdp(CALLED_VOICE), ";tag=b")),
    seen(2.1, PROXY, PHONE, sip("SIP/2.0 200 OK", 1, sdp(RELAY_NEAR), ";tag=b")),
]


def report(lost: int, highest: int, jitter: int = 160) -> RtcpReport:
    block = {"source_ssrc": 7, "fraction_lost": 26, "packets_lost": lost, "highest_seq_no": highest,
             "ia_jitter": jitter, "lsr": 0, "dlsr": 0}  # fmt: skip
    return RtcpReport(json.dumps({"ssrc": 9, "report_blocks": [block]}).encode(), "json")


def voice_of(*sightings: Sighting) -> tuple[pl.DataFrame, WithVoice]:
    part = WithVoice(SipPart())
    for sighting in [*CALL, *sightings]:
        part.take(sighting)
    return part.rest().get("voice_slice", pl.DataFrame()), part


def rtcp_end(voice: Endpoint) -> Endpoint:
    return Endpoint(voice.host, voice.port + 1)


@pytest.mark.parametrize(
    ("source", "destination", "leg", "direction", "point"),
    [
        (VOICE, RELAY_NEAR, "mo", "downlink", "ue"),
        (RELAY_NEAR, VOICE, "mo", "uplink", "sbc"),
        (CALLED_VOICE, RELAY_FAR, "mt", "downlink", "ue"),
        (RELAY_FAR, CALLED_VOICE, "mt", "uplink", "sbc"),
    ],
)
def test_rtcp_is_about_what_its_sender_received(
    source: Endpoint, destination: Endpoint, leg: str, direction: str, point: str
) -> None:
    rows, _ = voice_of(
        seen(5, rtcp_end(source), rtcp_end(destination), report(0, 1000)),
        seen(10, rtcp_end(source), rtcp_end(destination), report(10, 1250)),
    )
    row = rows.sort("start").to_dicts()[-1]
    assert (row["leg"], row["direction"], row["point"]) == (leg, direction, point)
    assert (row["packets_expected"], row["packets_lost"], row["loss"], row["length"]) == (250, 10, 4.0, 5.0)
    assert (row["jitter"], row["codec"], row["mos_method"]) == (20.0, "PCMA", "E_MODEL")


def test_reports_wait_for_their_call_and_are_counted_when_none_comes() -> None:
    part = WithVoice(SipPart(), wait_s=60)
    part.take(seen(5, VOICE, RELAY_NEAR, report(0, 1000)))
    assert "voice_slice" not in part.ripe(AT + timedelta(seconds=10))
    assert part.counts["voice_unplaced"] == 0
    part.ripe(AT + timedelta(seconds=66))
    assert part.counts["voice_unplaced"] == 1


def test_copies_of_a_report_are_counted_once() -> None:
    rows, part = voice_of(*(seen(5 + n / 1000, VOICE, RELAY_NEAR, report(0, 1000)) for n in range(3)))
    assert (rows.height, part.counts["voice_duplicate"]) == (1, 2)


def test_a_published_report_and_one_outside_sip_become_slices() -> None:
    body = (
        "VQSessionReport: CallTerm\r\nCallID:c1\r\nLocalAddr:IP=10.1.0.2 PORT=40000 SSRC=1\r\n"
        "RemoteAddr:IP=10.9.0.5 PORT=30000 SSRC=2\r\nLocalMetrics:\r\n"
        "Timestamps:START=2026-03-11T09:15:02Z STOP=2026-03-11T09:15:42Z\r\nSessionDesc:PT=8 PD=PCMA\r\n"
        "PacketLoss:NLR=2.0\r\nQualityEst:MOSLQ=3.9\r\n"
    )
    head = "PUBLISH sip:collector@x SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.2;branch=z9hG4bKq\r\n"
    head += "From: <sip:a@x>;tag=q\r\nTo: <sip:c@x>\r\nCall-ID: q\r\nCSeq: 1 PUBLISH\r\nEvent: vq-rtcpxr\r\n"
    head += f"Content-Type: application/vq-rtcpxr\r\nContent-Length: {len(body)}\r\n\r\n"
    for message in (parse_sip((head + body).encode()), VoiceReport(body.encode())):
        (row,) = voice_of(seen(50, PHONE, PROXY, message))[0].to_dicts()
        assert (row["leg"], row["direction"], row["point"]) == ("mo", "downlink", "ue")
        assert (row["loss"], row["mos"], row["mos_method"], row["length"]) == (2.0, 3.9, "OTHER", None)


def test_bad_reports_are_counted_by_what_is_wrong() -> None:
    _, part = voice_of(
        seen(5, VOICE, RELAY_NEAR, RtcpReport(b"{", "json")),
        seen(6, VOICE, RELAY_NEAR, RtcpReport(b"\x80\xc8", "binary")),
        seen(7, VOICE, RELAY_NEAR, VoiceReport(b"")),
    )
    bad = {name: n for name, n in part.counts.items() if name.startswith("voice_bad")}
    assert bad == {"voice_bad_not_a_report": 2, "voice_bad_truncated": 1}


def test_behind_an_unseen_hop_a_phone_is_known_by_its_via_and_its_contact() -> None:
    book = MediaBook()
    for sighting in CALL[1:3]:
        book.take(sighting.message, PROXY)
    assert book.user_hosts("c1", "mo") == {"10.1.0.2"}
    assert book.user_hosts("c1", "mt") == {"10.1.0.3"}
    assert book.user_hosts("other", "mo") == set()
    parties = book.parties({("c1", "mo"): "CL-1"})
    assert parties == {Endpoint("10.1.0.2", 0): MediaParty("CL-1", "mo", "user", "PCMA")}


def test_a_call_on_hold_and_a_body_without_audio_name_no_media() -> None:
    assert description_of(sip("INVITE sip:b@x SIP/2.0", 1, sdp(Endpoint("0.0.0.0", 4)))) is None
    assert description_of(sip("INVITE sip:b@x SIP/2.0", 1, "hello")) is None


def test_round_trips_are_measured_with_the_clock_of_the_tap_on_both_sides() -> None:
    def packet(kind: int, *words: int) -> bytes:
        return struct.pack(f">BBH{len(words)}I", 0x81 if len(words) > 6 else 0x80, kind, len(words), *words)

    def sent(ssrc: int) -> bytes:
        return packet(200, ssrc, 0x1111_2222, 0x3333_4444, 0, 50, 8000)

    def received(ssrc: int, of: int, kept_s: float) -> bytes:
        return struct.pack(">BBH7I", 0x81, 201, 7, ssrc, of, 0, 1000, 0, 0x2222_3333, int(kept_s * 65_536))

    one, other = Endpoint("a", 1), Endpoint("b", 1)
    streams = RtcpStreams()
    list(streams.take(read_rtcp(sent(1)), AT, one, other))
    list(streams.take(read_rtcp(sent(2)), AT, other, one))
    (first,) = streams.take(read_rtcp(received(9, 1, 1.0)), AT + timedelta(seconds=1.06), other, one)
    assert first.delay is None  # only one half is known
    (second,) = streams.take(read_rtcp(received(8, 2, 1.0)), AT + timedelta(seconds=1.04), one, other)
    assert second.delay == pytest.approx((60 + 40) / 2, abs=0.1)


def test_round_trips_are_measured_through_a_relay_that_passes_the_reports_on() -> None:
    def report(own: int, of: int, echoed: int, kept_s: float) -> bytes:
        sender = (own, 0x1111_0000 + own, 0x3333_4444, 0, 50, 8000)
        block = (of, 0, 1000, 0, echoed, int(kept_s * 65_536))
        return struct.pack(">BBH12I", 0x81, 200, 12, *sender, *block)

    one, other = Endpoint("a", 1), Endpoint("b", 1)
    to_one, to_other = Endpoint("relay", 1), Endpoint("relay", 3)
    streams = RtcpStreams()
    seen = [
        (0.0, report(1, 2, 0, 0), one, to_one),
        (1.0, report(2, 1, 0x0001_3333, 0.4), other, to_other),  # 600 ms to the other phone and back
        (2.0, report(1, 2, 0x0002_3333, 0.96), one, to_one),  # 40 ms to this one
    ]
    told = [
        next(streams.take(read_rtcp(raw), AT + timedelta(seconds=s), source, destination))
        for s, raw, source, destination in seen
    ]
    assert [quality.delay for quality in told[:2]] == [None, None]
    assert told[2].delay == pytest.approx((600 + 40) / 2, abs=0.1)


def test_a_restarted_stream_has_no_loss_from_before() -> None:
    streams = RtcpStreams()
    ends = Endpoint("a", 1), Endpoint("b", 1)
    for lost, highest in ((0, 500), (3, 2**31)):
        raw = struct.pack(">BBH7I", 0x81, 201, 7, 9, 7, 26 << 24 | lost, highest, 0, 0, 0)
        (quality,) = streams.take(read_rtcp(raw), AT + timedelta(seconds=highest % 7), *ends)
    assert (quality.expected, quality.lost) == (None, None)
    assert quality.loss == pytest.approx(10, abs=0.3)


def test_without_a_relay_speech_on_the_path_is_uplink_of_one_and_downlink_of_the_other() -> None:
    parties = {
        VOICE: MediaParty("CL-1", "mo", "user", "PCMA"),
        CALLED_VOICE: MediaParty("CL-2", "mt", "user", "PCMA"),
    }
    stream = StreamQuality(
        AT, AT + timedelta(seconds=5), VOICE, CALLED_VOICE, expected=250, lost=0, loss=0.0, point="s1u"
    )
    counts: Counter[str] = Counter()
    rows = slice_rows([stream], parties, counts)
    assert rows.select("call_id", "direction").rows() == [("CL-2", "downlink"), ("CL-1", "uplink")]
    assert counts == {"voice_slices": 1}


@pytest.mark.parametrize(
    ("codec", "size", "rate"),
    [("AMR-WB", 33, 12.65), ("AMR-WB", 62, 23.85), ("AMR", 32, 12.2), ("AMR", 7, None), ("PCMA", 160, None)],
)
def test_the_mode_of_a_codec_is_told_by_the_size_of_its_frames(
    codec: str, size: int, rate: float | None
) -> None:
    assert rate_of(codec, size) == rate
