"""What a client asks of a list: filters on attributes, the fields it wants, the page, the order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select

from callcause.service.problem import Problem
from callcause.state.ticket import Result, Ticket, TicketEvent
from callcause.state.trouble_ticket import TroubleTicket
from callcause.tmf621.status import PENDING, STATUSES, states_of
from callcause_error import did_you_mean

LIMIT, MOST = 100, 1000
DEEPEST = 10_000_000
PAGING = frozenset({"fields", "offset", "limit", "sort"})
_COMPARE = {"gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}
_TEXTS: dict[str, Any] = {
    "id": Ticket.id,
    "severity": func.coalesce(TroubleTicket.severity, "normal"),
    "ticketType": func.coalesce(TroubleTicket.ticket_type, "complaint"),
    "name": TroubleTicket.name,
    "priority": TroubleTicket.priority,
    "externalIdentifier.id": TroubleTicket.external_id,
    "externalId": TroubleTicket.external_id,
    "verdict": Ticket.verdict,
    "category": Ticket.category,
    "cause1": Ticket.top_cause,
    "department": Ticket.department,
}
_TIMES: dict[str, Any] = {"creationDate": Ticket.taken_in_at, "resolutionDate": Ticket.resolved_at}
LAST_UPDATE = "lastUpdate"
_ORDERS: dict[str, Any] = {"creationDate": Ticket.taken_in_at, "id": Ticket.id}
FILTERS = (*_TEXTS, *_TIMES, LAST_UPDATE, "status")


@dataclass(frozen=True, slots=True)
class Selection:
    """A parsed list request."""

    where: tuple[ColumnElement[bool], ...]
    order: tuple[Any, ...]
    offset: int
    limit: int
    fields: frozenset[str] | None

    def page(self) -> Select[str]:
        """Return the query of the ids of the page."""
        return self._over(select(Ticket.id)).order_by(*self.order).offset(self.offset).limit(self.limit)

    def total(self) -> Select[int]:
        """Return the query of how many there are in all."""
        return self._over(select(func.count(Ticket.id)))

    def _over(self, query: Select[Any]) -> Select[Any]:
        joined = query.select_from(Ticket).outerjoin(TroubleTicket, TroubleTicket.ticket_id == Ticket.id)
        return joined.where(TroubleTicket.deleted_at.is_(None), *self.where)


def selection(parameters: Iterable[tuple[str, str]]) -> Selection:
    """Parse the query parameters; Problem 400 for an attribute that cannot be filtered by."""
    paging: dict[str, str] = {}
    where = []
    for name, value in parameters:
        if "\x00" in value:
            raise Problem(400, "a parameter holds a character that is no text")
        if name in PAGING:
            paging[name] = value
        else:
            where.append(_condition(name, value))
    limit = _number(paging, "limit", LIMIT, MOST)
    offset = _number(paging, "offset", 0, DEEPEST)
    return Selection(tuple(where), _order(paging.get("sort")), offset, limit, fields(paging.get("fields")))


def fields(text: str | None) -> frozenset[str] | None:
    """Return the wanted attributes of the first level; None = all. id, href and @type always stand there."""
    if text is None:
        return None
    names = {part.strip().split(".")[0] for part in text.split(",")} - {""}
    return frozenset(names - {"none"} | {"id", "href", "@type"})


def only(document: Mapping[str, Any], wanted: frozenset[str] | None) -> dict[str, Any]:
    """Return the document with the wanted attributes only."""
    return {name: value for name, value in document.items() if wanted is None or name in wanted}


def _condition(name: str, value: str) -> ColumnElement[bool]:
    attribute, _, compare = name.rpartition(".")
    if compare in _COMPARE and attribute in _TIMES:
        at = _moment(value, name)
        found: ColumnElement[bool] = getattr(_TIMES[attribute], _COMPARE[compare])(at)
        return found
    if attribute == LAST_UPDATE and compare in _COMPARE:
        return _changed(compare, _moment(value, name))
    if name == LAST_UPDATE:
        at = _moment(value, name)
        return and_(_changed("gte", at), _changed("lte", at))
    if name in _TIMES:
        return or_(*(_TIMES[name] == _moment(part, name) for part in value.split(",")))
    if name == "status":
        return or_(*(_status(part) for part in value.split(",")))
    if name in _TEXTS:
        among: ColumnElement[bool] = _TEXTS[name].in_(value.split(","))
        return among
    raise Problem(400, "this attribute cannot be filtered by", hint=_hint(name))


def _changed(compare: str, at: datetime) -> ColumnElement[bool]:
    """Compare the last of all moments at which a ticket became another."""
    if compare.startswith("l"):
        return not_(_changed("gte" if compare == "lt" else "gt", at))
    after = _COMPARE[compare]
    event = exists().where(TicketEvent.ticket_id == Ticket.id, getattr(TicketEvent.at, after)(at))
    result = exists().where(Result.id == Ticket.result_id, getattr(Result.at, after)(at))
    added = func.coalesce(getattr(TroubleTicket.updated_at, after)(at), false())
    return or_(getattr(Ticket.taken_in_at, after)(at), added, result, event)


def _status(value: str) -> ColumnElement[bool]:
    if value not in STATUSES:
        raise Problem(400, f"status: expected one of {', '.join(STATUSES)}")
    flag = getattr(Ticket, "waiting_since", None)
    if value == PENDING:
        return Ticket.id.is_(None) if flag is None else and_(flag.is_not(None), Ticket.state.not_in(_ENDED))
    there = Ticket.state.in_(states_of(value))
    return there if flag is None or value in ("closed", "held") else and_(there, flag.is_(None))


_ENDED = (*states_of("closed"), *states_of("held"))


def _hint(name: str) -> str:
    return (
        did_you_mean(name, list(FILTERS)) or f"filters: {', '.join(FILTERS)}; dates with .gt, .gte, .lt, .lte"
    )


def _order(text: str | None) -> tuple[Any, ...]:
    if not text:
        return (Ticket.taken_in_at.desc(), Ticket.id.desc())
    name = text.lstrip("+-")
    if name not in _ORDERS:
        raise Problem(400, f"sort: expected {' or '.join(_ORDERS)}, with - for descending")
    down = text.startswith("-")
    columns = dict.fromkeys([_ORDERS[name], Ticket.id])
    return tuple(column.desc() if down else column.asc() for column in columns)


def _number(paging: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = paging.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem(400, f"{name}: expected a whole number, not negative")
    if name == "limit":
        return min(int(text), most)
    return min(int(text), most)


def _moment(value: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Problem(400, f"{name}: expected a date-time with an offset")
    return found
