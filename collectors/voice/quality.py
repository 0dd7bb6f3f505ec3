"""What a report says about one direction of voice: the stream that one end received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callcause_error import CallcauseError
from collectors.signalling.sighting import Endpoint


class BadReport(CallcauseError):  # noqa: N818 - a report to count, named like BadFile
    """A voice-quality report that cannot be read; `code` is the state it is counted under.

    `not_a_report`, `truncated`, `bad_value`, `too_large`.
    """

    def __init__(self, code: str, message: str, *, line: int | None = None, key: str | None = None) -> None:
        self.code = code
        super().__init__(message, line=line, key=key)


@dataclass(frozen=True, slots=True)
class StreamQuality:
    """Voice from `sender` to `receiver`, as it was between `start` and `end`; None = not known.

    `loss` in %, `jitter`, `delay` (one way, mouth to ear) in ms, `codec_rate` in kbit/s, `silence` and
    `max_gap` in s. `mos` is the listening score of the report; `mos_method` OTHER unless it says more.
    `sip_call_id` names the dialog where the report does.
    """

    start: datetime
    end: datetime | None = None
    sender: Endpoint | None = None
    receiver: Endpoint | None = None
    ssrc: int | None = None
    sip_call_id: str = ""
    expected: int | None = None
    lost: int | None = None
    loss: float | None = None
    jitter: float | None = None
    jitter_units: int | None = None
    """Jitter in units of the RTP clock, where only the session description tells that clock."""
    delay: float | None = None
    mos: float | None = None
    mos_method: str = ""
    codec: str = ""
    codec_rate: float | None = None
    silence: float | None = None
    max_gap: float | None = None
    payload_bytes: int | None = None
    """Size of the payload of most packets: tells the mode of a codec that has several."""
    burst_ratio: float = 1.0
    point: str = ""
    """Where a tap on the path counted (`s1u`, `gm`, `sbc`); "" = the receiver counted."""
