"""RTCP as JSON: the form in which heplify and rtpengine send it in HEP packets of type 5."""

from __future__ import annotations

import json
from typing import Any

from collectors.voice.quality import BadReport
from collectors.voice.rtcp import ReceptionReport, RtcpPacket, VoipMetrics

MAX_BYTES = 65_536


def read_rtcp_json(payload: bytes) -> RtcpPacket:
    """Read one report; BadReport (`not_a_report`, `bad_value`, `too_large`) where it cannot be read.

    `type` 202 with report blocks is a sender report that the source description followed: both writers give
    the last type of the compound packet.
    """
    if len(payload) > MAX_BYTES:
        raise BadReport("too_large", f"a report of {len(payload)} bytes; {MAX_BYTES} are taken")
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        raise BadReport("not_a_report", "not JSON") from None
    if not isinstance(content, dict) or "ssrc" not in content:
        raise BadReport("not_a_report", "no RTCP report: it names no ssrc", key="ssrc")
    sender = _objects(content, "sender_information")
    blocks = _objects(content, "report_blocks")
    metrics = _objects(content, "report_blocks_xr")
    if not (sender or blocks or metrics):
        raise BadReport("not_a_report", "neither sender information nor report blocks")
    return RtcpPacket(
        _integer(content, "ssrc"),
        _ntp_middle(sender[0]) if sender else None,
        tuple(_reception(block) for block in blocks),
        tuple(_metrics(block) for block in metrics if "fraction_lost" in block or "mos_lq" in block),
        _integer(sender[0], "packets") if sender else None,
    )


def _objects(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Members that are one object in one writer and a list of objects in the other."""
    value = content.get(name)
    if isinstance(value, dict):
        return [value] if value else []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _integer(block: dict[str, Any], name: str) -> int:
    value = block.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadReport("bad_value", "must be a number", key=name)
    try:
        return int(value)
    except (ValueError, OverflowError):
        raise BadReport("bad_value", "must be a number", key=name) from None


def _ntp_middle(sender: dict[str, Any]) -> int | None:
    """Return the middle 32 bits of the NTP time; `ntp_timestamp_usec` is its fraction in 2^-32 s."""
    seconds, fraction = _integer(sender, "ntp_timestamp_sec"), _integer(sender, "ntp_timestamp_usec")
    return (seconds & 0xFFFF) << 16 | (fraction >> 16) & 0xFFFF if seconds else None


def _reception(block: dict[str, Any]) -> ReceptionReport:
    return ReceptionReport(
        _integer(block, "source_ssrc"),
        max(0, min(_integer(block, "fraction_lost"), 256)) / 256,
        _integer(block, "packets_lost"),
        _integer(block, "highest_seq_no"),
        _integer(block, "ia_jitter"),
        _integer(block, "lsr"),
        _integer(block, "dlsr"),
    )


def _metrics(block: dict[str, Any]) -> VoipMetrics:
    def share(name: str) -> float:
        return max(0, min(_integer(block, name), 255)) / 2.56

    def tenth(name: str) -> float | None:
        value = _integer(block, name)
        return value / 10 if 10 <= value <= 50 else None

    rating = _integer(block, "r_factor") if "r_factor" in block else 127
    return VoipMetrics(
        _integer(block, "ssrc") if "ssrc" in block else _integer(block, "source_ssrc"),
        share("fraction_lost"),
        share("fraction_discard"),
        share("burst_density"),
        share("gap_density"),
        _integer(block, "round_trip_delay") or None,
        _integer(block, "end_system_delay") or None,
        rating if 0 <= rating <= 100 else None,
        tenth("mos_lq"),
        tenth("mos_cq"),
    )
