"""The header `X-RTP-Stat` that some terminals put into BYE and its answer: what they sent and received.

`CS` duration of the call in s; `PS`, `OS` packets and octets sent; `PR`, `OR` received; `PL=received,sent`
packets lost; `JI=average,most` jitter and `DL=average,least,most` delay in ms; `EN`, `DE` coder and decoder;
`IP=local,remote` addresses.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from collectors.signalling.sighting import Endpoint
from collectors.voice.codecs import codec_name
from collectors.voice.quality import BadReport, StreamQuality

MAX_CHARACTERS = 4096


def read_rtp_stat(text: str, at: datetime, sip_call_id: str = "") -> StreamQuality:
    """Read what the writer of the header received; `at` is when its message was seen.

    BadReport (`not_a_report`, `bad_value`, `too_large`) where it cannot be read. A duration of 0 is not
    known.
    """
    if len(text) > MAX_CHARACTERS:
        raise BadReport("too_large", f"a header of {len(text)} characters; {MAX_CHARACTERS} are taken")
    parts = (part.partition("=") for part in text.split(";"))
    values = {name.strip().upper(): value.strip() for name, equals, value in parts if equals}
    if "PR" not in values:
        raise BadReport("not_a_report", "no count of received packets", key="PR")
    received, lost = _number(values, "PR", 0), _number(values, "PL", 0)
    expected = None if received is None or lost is None else int(received + lost)
    length = _number(values, "CS", 0)
    local, _, remote = values.get("IP", "").partition(",")
    return StreamQuality(
        start=at - timedelta(seconds=min(length or 0, 1e6)),
        end=at if length else None,
        sender=_endpoint(remote),
        receiver=_endpoint(local),
        sip_call_id=sip_call_id,
        expected=expected,
        lost=None if lost is None else int(lost),
        loss=100 * lost / expected if expected and lost is not None else None,
        jitter=_number(values, "JI", 0),
        delay=_number(values, "DL", 0) or None,
        codec=codec_name(values.get("DE", "").split(",")[0]),
    )


def _number(values: dict[str, str], name: str, item: int) -> float | None:
    items = values.get(name, "").split(",")
    text = items[item] if item < len(items) else ""
    if text in ("", "-"):
        return None
    try:
        value = float(text)
    except ValueError:
        raise BadReport("bad_value", "must be a number", key=name) from None
    return value if 0 <= value < 1e12 else None


def _endpoint(text: str) -> Endpoint | None:
    host, colon, port = text.strip().rpartition(":")
    host = host.strip("[]")
    if not colon or not host:
        return None
    return Endpoint(host, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0)
