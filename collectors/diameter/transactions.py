"""Requests and their answers put together: the rows of `diameter_answer`."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from collectors.diameter.names import PEER_COMMANDS
from collectors.records.schema import load_schemas
from collectors.signalling.sighting import DiameterMessage, Endpoint, Sighting

WAIT_S = 10.0  # longer than any Tw or transaction timer in use; later answers are told as late
MOST_OPEN = 100_000
_REMEMBERED = 100_000  # finished transactions, for copies of them


@dataclass(slots=True)
class _Open:
    at: datetime
    request: DiameterMessage


Key = tuple[frozenset[str], int, int, str]


class DiameterTransactions:
    """A part of the assembly: pairs Diameter requests and answers, seen once or several times.

    `counts`: `diameter_request`, `diameter_answer`, `diameter_duplicate` (a copy or a retransmission),
    `diameter_peer` (keep-alives of neighbours), `diameter_answer_alone`, `diameter_unanswered`.
    """

    def __init__(self, wait_s: float = WAIT_S, most_open: int = MOST_OPEN) -> None:
        self.counts: Counter[str] = Counter()
        self._wait, self._most = timedelta(seconds=wait_s), most_open
        self._open: OrderedDict[Key, _Open] = OrderedDict()
        self._done: OrderedDict[Key, bool] = OrderedDict()
        self._rows: list[dict[str, Any]] = []
        self._latest: datetime | None = None

    def take(self, sighting: Sighting) -> None:
        """Take one sighting; what is no Diameter is not this part's."""
        if self._latest is None or sighting.at > self._latest:
            self._latest = sighting.at
        message = sighting.message
        if not isinstance(message, DiameterMessage):
            return
        if message.command in PEER_COMMANDS:
            self.counts["diameter_peer"] += 1
            return
        key = _key(message, sighting.source, sighting.destination)
        (self._take_request if message.is_request else self._take_answer)(key, sighting.at, message)

    def _take_request(self, key: Key, at: datetime, message: DiameterMessage) -> None:
        if key in self._open or key in self._done:
            self.counts["diameter_duplicate"] += 1
            return
        self.counts["diameter_request"] += 1
        self._open[key] = _Open(at, message)
        if len(self._open) > self._most:
            _, oldest = self._open.popitem(last=False)
            self._tell_unanswered(oldest, known=False)

    def _take_answer(self, key: Key, at: datetime, message: DiameterMessage) -> None:
        if key in self._done:
            self.counts["diameter_duplicate"] += 1
            return
        opened = self._open.pop(key, None)
        self._done[key] = True
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        self.counts["diameter_answer" if opened else "diameter_answer_alone"] += 1
        asked_at, request = (opened.at, opened.request) if opened else (at, None)
        self._rows.append(answer_row(asked_at, request, message, at))

    def _tell_unanswered(self, opened: _Open, known: bool) -> None:
        self.counts["diameter_unanswered" if known else "diameter_cut_off"] += 1
        self._rows.append(answer_row(opened.at, opened.request, None, None, silent=known))

    def ripe(self, now: datetime) -> dict[str, pl.DataFrame]:
        """Return the transactions that are answered, or unanswered for longer than the wait."""
        for key in [key for key, opened in self._open.items() if now - opened.at >= self._wait]:
            self._tell_unanswered(self._open.pop(key), known=True)
        rows, self._rows = self._rows, []
        return {"diameter_answer": pl.DataFrame(rows, schema=answer_columns())} if rows else {}

    def rest(self) -> dict[str, pl.DataFrame]:
        """Return everything; a request too near to the end of what was seen has an unknown outcome."""
        end = self._latest
        for opened in self._open.values():
            self._tell_unanswered(opened, known=end is not None and end - opened.at >= self._wait)
        self._open.clear()
        return self.ripe(end) if end is not None else {}


def _key(message: DiameterMessage, source: Endpoint, destination: Endpoint) -> Key:
    """Name a transaction on one connection; over a second connection (an agent) it is another one."""
    ends = frozenset((source.host, destination.host))
    return ends, message.hop_by_hop, message.end_to_end, message.session_id


_COLUMNS = (
    *("id", "at", "interface", "command", "client_node", "server_node", "impi", "impu", "imsi", "icid"),
    *("vendor", "code", "answered", "answered_after", "source"),
)


def answer_columns() -> dict[str, pl.DataType]:
    """Columns of the rows, with their types."""
    schema = load_schemas()["diameter_answer"]
    return {name: schema.field(name).dtype for name in _COLUMNS}


def transaction_id(*parts: object) -> str:
    """Name a transaction by what makes it unique, the same in every run."""
    text = "\n".join(str(part) for part in parts)
    return "DA-" + hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def answer_row(
    at: datetime,
    request: DiameterMessage | None,
    answer: DiameterMessage | None,
    answered_at: datetime | None,
    silent: bool = False,
) -> dict[str, Any]:
    """Make a row of a request, its answer, or both; `silent` says that the answer was waited for in vain."""
    some = answer or request
    if some is None:
        raise ValueError("neither request nor answer")
    asked = request or some
    after = (answered_at - at).total_seconds() if answered_at and request else None
    server = answer.origin_host if answer and answer.origin_host else asked.destination_host
    return {
        "id": transaction_id(some.session_id, some.hop_by_hop, some.end_to_end, at.isoformat()),
        "at": at,
        "interface": some.interface,
        "command": some.command,
        "client_node": (request.origin_host if request else "") or None,
        "server_node": server or None,
        **{name: _either(request, answer, name) for name in ("impi", "impu", "imsi", "icid")},
        "vendor": answer.vendor if answer else None,
        "code": answer.code if answer else None,
        "answered": True if answer else False if silent else None,
        "answered_after": None if after is None else max(after, 0.0),
        "source": some.origin,
    }


def _either(request: DiameterMessage | None, answer: DiameterMessage | None, name: str) -> str | None:
    for message in (request, answer):
        text = getattr(message, name, "") if message else ""
        if text:
            return str(text)
    return None
