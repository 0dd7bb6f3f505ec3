"""The desk of alerts: each group is diagnosed at once, like tickets, and looked at again for a while."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from sqlalchemy.orm import Session

from callcause.configuration import Configuration
from callcause.service import alert_rows as rows
from callcause.service.alert_answer import body_of, element_answer, group_answer, title_of
from callcause.service.alert_element import Element, Inventory, distinct, element_of
from callcause.service.alert_message import Delivery
from callcause.service.alert_tickets import Failures
from callcause.service.desk import Desk
from callcause.service.diagnostician import Diagnostician
from callcause.service.schedule import Counting
from callcause.service.stumbles import Stumbles
from callcause.service.ticket_desk import EVIDENCE
from callcause.state import Database
from callcause.state.alert import FIRING, RESOLVED, Alert, AlertGroup
from callcause.state.base import utc_now
from callcause.state.ticket import PENDING
from collectors.sink import StoreSink
from collectors.store import Store
from runbooks.model import Runbooks

GROUPS = 50
Question = tuple[AlertGroup, list[Alert]]


@dataclass(frozen=True, slots=True)
class _Case:
    """One element of one group, with its tickets."""

    group: str
    element: Element
    tickets: pl.DataFrame


class AlertDesk(Desk):
    """Takes deliveries in, diagnoses their groups, writes answers and notices."""

    def __init__(
        self,
        database: Database,
        sink: StoreSink,
        diagnostician: Diagnostician,
        configuration: Configuration,
        counters: Counting,
    ) -> None:
        super().__init__()
        self._database, self._sink, self._diagnostician = database, sink, diagnostician
        self._settings, self._watch = configuration.alerts, configuration.watch
        self._targets = [target.name for target in configuration.notices]
        self._url = configuration.service.public_url.rstrip("/")
        self._counters = counters
        self._evidence_came, self._looked_again = False, 0.0
        self._stumbles = Stumbles(self._watch.attempts, self._watch.first_pause_s)
        self.on_notice: list[Any] = []
        """Called after notices were written."""
        sink.on_stored(self._on_stored)

    async def take(self, delivery: Delivery) -> rows.TakenAlerts:
        """Write a delivery durably; a group that it closes is told onward."""
        taken = await self._database.writing(lambda s: self._take(s, delivery))
        for status, number in ((FIRING, taken.new), (RESOLVED, taken.resolved)):
            if number:
                self._counters.add("callcause_alerts_total", {"status": status}, number)
        self.wake()
        self._tell()
        return taken

    async def work(self) -> bool:
        """Diagnose the groups that wait, then those whose evidence may have come."""
        resting = self._stumbles.resting()
        new = await self._database.reading(lambda s: rows.waiting(s, GROUPS, resting))
        if new:
            await self._answer(new)
            return True
        due = time.monotonic() - self._looked_again >= self._watch.again_every_s
        if self._evidence_came and due:
            self._evidence_came, self._looked_again = False, time.monotonic()
            open_ones = await self._database.reading(lambda s: rows.watched(s, GROUPS, utc_now()))
            if open_ones:
                await self._answer(open_ones)
        return False

    def rest_s(self) -> float:
        """Rest until a group is tried again, or open verdicts are looked at again where evidence came."""
        tried_s = self._stumbles.due_s()
        rest_s = self.idle_s if tried_s is None else min(self.idle_s, tried_s)
        if not self._evidence_came:
            return rest_s
        return min(rest_s, max(self._looked_again + self._watch.again_every_s - time.monotonic(), 0.0))

    def _on_stored(self, kinds: frozenset[str]) -> None:
        if kinds & EVIDENCE:
            self._evidence_came = True
            self.wake()

    def _take(self, session: Session, delivery: Delivery) -> rows.TakenAlerts:
        taken = rows.take_in(session, delivery)
        group = session.get(AlertGroup, taken.group)
        if taken.closed and group is not None and group.answer is not None and group.resolved_at:
            title = f"Resolved: {title_of(group.answer)}"
            occasion = f"resolved {group.resolved_at.isoformat()}"
            body = body_of(group.answer, self._link(group.id))
            rows.add_notices(session, group.id, occasion, self._targets, title, body)
        return taken

    async def _answer(self, questions: Sequence[Question]) -> None:
        await self._sink.flush()
        cases, left_out = await self._sink.read(lambda store: self._cases(store, questions))
        tickets = pl.concat([case.tickets for case in cases])
        results, wrong = await self._diagnostician.diagnose_each(tickets)
        by_id = {result["ticket_id"]: result for result in results}
        for group, alerts in questions:
            own = [case for case in cases if case.group == group.id]
            elements = [_element(case, by_id) for case in own]
            told = [element for element in elements if element is not None]
            if told:
                self._stumbles.forget([group.id])
                answer = group_answer(told, left_out[group.id])
                await self._write(group.id, answer, len(alerts))
            else:
                await self._stumbled(group, _reason(own, wrong))
        self._tell()

    async def _stumbled(self, group: AlertGroup, error: str) -> None:
        """Let a group rest that stumbled, or fail at last; one that has an answer keeps it."""
        if group.diagnosis == PENDING and not self._stumbles.again(group.id):
            await self._database.writing(lambda session: rows.fail(session, group.id, error))

    async def _write(self, group: str, answer: dict[str, Any], alerts: int) -> None:
        def work(session: Session) -> bool:
            changed = rows.write_answer(session, group, answer, alerts, self._watch.again_for_s)
            if changed:
                occasion = f"{answer['verdict']} {answer['area'][:20]} {digestible(answer['top_cause'])}"[:64]
                title, body = title_of(answer), body_of(answer, self._link(group))
                rows.add_notices(session, group, occasion, self._targets, title, body)
            return changed

        if await self._database.writing(work):
            self._counters.add("alert_answers", {"verdict": answer["verdict"]})

    def _cases(self, store: Store, questions: Sequence[Question]) -> tuple[list[_Case], dict[str, int]]:
        inventory, failures = Inventory(store), Failures(store, self._settings)
        cases: list[_Case] = []
        left_out: dict[str, int] = {}
        runbooks = self._diagnostician.runbooks
        for group, alerts in questions:
            found = distinct(element_of(a.labels, a.starts_at, inventory, self._settings) for a in alerts)
            left_out[group.id] = max(0, len(found) - self._settings.elements)
            for number, element in enumerate(found[: self._settings.elements]):
                known = _with_category(element, runbooks)
                tickets = failures.tickets(known, f"{group.id}-{_letters(number)}")
                cases.append(_Case(group.id, known, tickets))
        return cases, left_out

    def _link(self, group: str) -> str:
        return f"{self._url}/alerts/{group}" if self._url else ""

    def _tell(self) -> None:
        for hear in self.on_notice:
            hear()


def digestible(cause: str | None) -> str:
    """Return a cause id, or a word for none."""
    return cause or "none"


def _element(case: _Case, results: dict[str, Any]) -> dict[str, Any] | None:
    own = [results[name] for name in case.tickets["id"] if name in results]
    return element_answer(case.element, own) if own else None


def _reason(cases: Sequence[_Case], wrong: Mapping[str, str]) -> str:
    """Say why none of the tickets of a group has a result."""
    return next((wrong[name] for case in cases for name in case.tickets["id"] if name in wrong), "no result")


def _with_category(element: Element, runbooks: Runbooks) -> Element:
    """Without a category label, take that of the checks that read the alerted KPI."""
    if element.category or not element.kpi:
        return element
    found = [c.category for c in runbooks.checks.values() if element.kpi in c.names and c.category != "all"]
    return replace(element, category=max(sorted(set(found)), key=found.count)) if found else element


def _letters(number: int) -> str:
    return chr(97 + number // 26) + chr(97 + number % 26)
