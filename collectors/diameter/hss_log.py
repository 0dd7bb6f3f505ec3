"""The log of an HSS as JSON lines, a transaction or a message each; docs/hss-log.md has the format."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from collectors.diameter.message import VENDOR_3GPP, BadDiameter
from collectors.diameter.names import COMMAND_NAMES, INTERFACE_NAMES, PEER_COMMANDS
from collectors.diameter.transactions import DiameterTransactions, answer_columns, answer_row
from collectors.signalling.sighting import DiameterMessage, Endpoint, Sighting

MAX_LINE_BYTES = 65_536
_NEEDED = re.compile(rb'"(?:time|timestamp|at)"\s*:')
_COMMAND = re.compile(rb'"command"\s*:')
# Other spellings that a line may use for the same value.
_ALIASES = {
    "time": ("time", "timestamp", "at"),
    "origin": ("origin", "origin_host"),
    "destination": ("destination", "destination_host"),
    "server": ("server", "hss", "server_host"),
    "result": ("result", "result_code", "code"),
    "experimental_result": ("experimental_result", "experimental_result_code"),
    "type": ("type", "direction"),
}
_LATENCIES = (("latency_ms", 1000.0), ("latency_s", 1.0), ("duration_ms", 1000.0), ("duration_s", 1.0))
_TYPES = {"request": True, "answer": False, "response": False}
_ANSWER_NAMES = {name[:-1] + "A": name for name in COMMAND_NAMES}
# The Cx commands and who asks: a line that leaves the interface out is still clear.
_CX = frozenset({"UAR", "SAR", "LIR", "MAR", "RTR", "PPR"})


def is_hss_log(head: bytes) -> bool:
    """Whether the first line of a file is a transaction of an HSS log."""
    line = head.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0]
    return line.startswith(b"{") and bool(_NEEDED.search(line)) and bool(_COMMAND.search(line))


@dataclass(slots=True)
class HssLog:
    """Reads lines, whole transactions or halves, and gives rows of `diameter_answer`.

    `counts`: `transaction`, `message` (half of one), `peer`, `blank`, `bad`, and those of the pairing. `bad`
    holds `line`, `field`, `value`, `reason` of lines that were refused; no value of a line stands in it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _pairs: DiameterTransactions = field(default_factory=DiameterTransactions)

    def take(self, line: bytes, number: int) -> None:
        """Take one line; a bad one is counted and kept in `bad`."""
        if not line.strip():
            self.counts["blank"] += 1
            return
        try:
            self._take(_object(line), number)
        except BadDiameter as error:
            self.counts["bad"] += 1
            self.bad.append({"line": number, "field": error.key or "", "value": "", "reason": error.message})

    def _take(self, content: dict[str, Any], number: int) -> None:
        at, message, half, after = _read(content)
        if message.command in PEER_COMMANDS:
            self.counts["peer"] += 1
        elif half and not (message.session_id or message.hop_by_hop):
            raise BadDiameter("bad_avp", "half a transaction needs it, or hop_by_hop", key="session_id")
        elif half:
            self.counts["message"] += 1
            # The two halves meet under one name whichever end wrote them.
            self._pairs.take(Sighting(at, Endpoint("hss"), Endpoint("hss"), "", "", message))
        else:
            self.counts["transaction"] += 1
            self._rows.append(_row(at, message, after))
            self.lines.append(number)

    def rows(self, now: datetime | None = None) -> pl.DataFrame:
        """Return the rows that are complete by `now`; without a time everything, at the end of a file."""
        frames = self._pairs.rest() if now is None else self._pairs.ripe(now)
        rows, self._rows, self.lines = self._rows, [], []
        whole = pl.DataFrame(rows, schema=answer_columns())
        return pl.concat([whole, *frames.values()])

    def all_counts(self) -> Counter[str]:
        """Lines by the state they ended in, and what became of the halves."""
        return self.counts + self._pairs.counts


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise BadDiameter("too_large", f"a line of more than {MAX_LINE_BYTES} bytes")
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise BadDiameter("bad_header", "must be a JSON object") from None
    if not isinstance(content, dict):
        raise BadDiameter("bad_header", "must be a JSON object")
    return {str(key).lower(): value for key, value in content.items()}


def _read(content: dict[str, Any]) -> tuple[datetime, DiameterMessage, bool, float | None]:
    """Return time, message, whether it is half a transaction, and the latency in s."""
    command, is_answer = _command(content)
    kind = _text(content, "type").lower()
    if kind and kind not in _TYPES:
        raise BadDiameter("bad_avp", "must be request or answer", key="type")
    half = bool(kind) or is_answer
    is_request = _TYPES[kind] if kind else not is_answer
    vendor, code = _result(content)
    message = DiameterMessage(
        interface=_interface(content, command),
        command=command,
        is_request=half and is_request,
        session_id=_text(content, "session_id"),
        hop_by_hop=_integer(content, "hop_by_hop") or 0,
        end_to_end=_integer(content, "end_to_end") or 0,
        origin_host=_text(content, "origin"),
        destination_host=_text(content, "destination"),
        vendor=vendor,
        code=code,
        impi=_text(content, "impi"),
        impu=_text(content, "impu"),
        imsi=_text(content, "imsi"),
        icid=_text(content, "icid"),
        server_name=_text(content, "server"),
        origin="hss_log",
    )
    return _time(content), message, half, _latency(content)


def _row(at: datetime, message: DiameterMessage, after: float | None) -> dict[str, Any]:
    """Make the row of a line that is a whole transaction; its origin is the client, unless it says more."""
    row = answer_row(at, message, message if message.code is not None else None, None)
    answered = message.code is not None
    return {
        **row,
        "server_node": message.server_name or message.destination_host or None,
        "answered": answered,
        "answered_after": after if answered else None,
    }


def _named(content: dict[str, Any], name: str) -> Any:
    for key in _ALIASES.get(name, (name,)):
        if content.get(key) is not None:
            return content[key]
    return None


def _text(content: dict[str, Any], name: str) -> str:
    value = _named(content, name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadDiameter("bad_avp", "must be text", key=name)
    return str(value)


def _integer(content: dict[str, Any], name: str) -> int | None:
    value = _named(content, name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii():
        try:
            return int(value[:20], 0)
        except ValueError:
            pass
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadDiameter("bad_avp", "must be an integer", key=name)
    return value


def _command(content: dict[str, Any]) -> tuple[str, bool]:
    """Return the name of the request, and whether the line named the answer (MAA)."""
    name = _text(content, "command").upper()
    if name in COMMAND_NAMES:
        return name, False
    if name in _ANSWER_NAMES:
        return _ANSWER_NAMES[name], True
    if not name:
        raise BadDiameter("bad_avp", "must not be empty", key="command")
    raise BadDiameter("bad_avp", "must be a command such as UAR, MAR or SAR", key="command")


def _interface(content: dict[str, Any], command: str) -> Any:
    name = _text(content, "interface")
    if not name:
        return "Cx" if command in _CX else "other"
    for known in INTERFACE_NAMES:
        if known.lower() == name.lower().removesuffix("/s6d"):
            return known
    raise BadDiameter("bad_avp", f"must be one of {', '.join(INTERFACE_NAMES)}", key="interface")


def _result(content: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return (vendor, code): the experimental result, of 3GPP unless it says so, else the base one."""
    experimental = _named(content, "experimental_result")
    if isinstance(experimental, dict):
        code = _integer(experimental, "code")
        vendor = _integer(experimental, "vendor")
        return (VENDOR_3GPP if vendor is None else vendor, code) if code is not None else (None, None)
    if experimental is not None:
        return VENDOR_3GPP, _integer(content, "experimental_result")
    result = _named(content, "result")
    if isinstance(result, dict):
        code = _integer(result, "code")
        return (_integer(result, "vendor") or 0, code) if code is not None else (None, None)
    code = _integer(content, "result")
    vendor = _integer(content, "vendor")
    return (vendor or 0, code) if code is not None else (None, None)


def _time(content: dict[str, Any]) -> datetime:
    """Read RFC 3339, or seconds since 1970 as a number."""
    value = _named(content, "time")
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        at = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        raise BadDiameter(
            "bad_avp", "must be a time of RFC 3339, or seconds since 1970", key="time"
        ) from None
    if at.tzinfo is None:
        raise BadDiameter("bad_avp", "must have an offset", key="time")
    return at.astimezone(UTC)


def _latency(content: dict[str, Any]) -> float | None:
    """Read the latency in ms or in s, whatever the writer calls it."""
    for name, scale in _LATENCIES:
        value = content.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise BadDiameter("bad_avp", "must be a number, 0 or more", key=name)
        return value / scale
    return None
