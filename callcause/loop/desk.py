"""The desk of the loop: what people and the engine do to tickets, each as one unit of work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from callcause.loop import course, shown
from callcause.loop import step as steps
from callcause.loop.audit_log import append
from callcause.loop.feedback import check_cause, confirm, told
from callcause.loop.flow import flow_of
from callcause.loop.life import LoopError, State, parse_state
from callcause.loop.once import Answer, Asked, once
from callcause.loop.precision import MARK
from callcause.loop.settings import LoopSettings
from callcause.loop.step import Step
from callcause.state import Database, StaleVersion
from callcause.state.base import utc_now
from callcause.state.feedback import NOT_FOUND, Feedback
from callcause.state.ticket import PENDING, Result, Ticket
from diagnosis.question import closed_questions, missing_questions
from runbooks.model import Runbooks

MOST_TOGETHER = 1000
CANNOT_TELL = "cannot_tell"


class Counting(Protocol):
    """Where counts go that outlive the process."""

    def add(self, name: str, labels: Mapping[str, str], by: float = 1) -> None:
        """Count."""


class LoopDesk:
    """Steps of tickets. `runbooks`: those that are loaded, for the question to the customer."""

    def __init__(
        self,
        database: Database,
        settings: LoopSettings,
        counters: Counting,
        runbooks: Callable[[], Runbooks],
    ) -> None:
        self._database, self.settings, self._counters = database, settings, counters
        self._runbooks = runbooks
        self.formers: Mapping[str, str] = {}
        """Pseudonyms of customers -> those that they had under the former key, while both are known."""
        self.on_confirmed: list[Callable[[], None]] = []
        """Called after a cause was confirmed."""

    async def step(
        self, ticket_id: str, asked: Step, version: int | None, request: Asked | None = None
    ) -> Answer:
        """Move a ticket; LoopError for a step that is not allowed, StaleVersion where it moved on."""

        def work(session: Session, step: Step) -> Answer:
            now = utc_now()
            row = steps.ticket_of(session, ticket_id, version)
            act = steps.hand_on if step.to is State.DISPATCHED else steps.take
            act(session, row, step, now, self.settings)
            self._confirm(session, row, step)
            detail = {"to": step.to.value, "department": row.holder, "why": step.why}
            append(session, now, step.who, "ticket.step", ticket_id, detail)
            return self._life(session, row)

        answer = await self._counted(asked, request, work)
        if asked.confirmed_cause is not None:
            self._tell()
        return answer

    async def wait(
        self, ticket_id: str, who: str, why: str, version: int | None, request: Asked | None = None
    ) -> Answer:
        """Begin to wait for the customer, which stops the clocks."""

        def work(session: Session) -> Answer:
            now, row = utc_now(), steps.ticket_of(session, ticket_id, version)
            steps.begin_wait(session, row, who, why, now)
            return self._settled(session, row, now)

        return await self._once(request, work)

    async def resume(
        self, ticket_id: str, who: str, why: str, version: int | None, request: Asked | None = None
    ) -> Answer:
        """End the wait: the clocks go on."""

        def work(session: Session) -> Answer:
            now, row = utc_now(), steps.ticket_of(session, ticket_id, version)
            if not steps.end_wait(session, row, now):
                raise LoopError("not_waiting", "it waits for nobody", key="waiting")
            steps.event(session, row, row.state, row.state, who, f"resumed: {why}".rstrip(": "), now)
            return self._settled(session, row, now)

        return await self._once(request, work)

    async def exchange(
        self, ticket_id: str, who: str, why: str, version: int | None, request: Asked | None = None
    ) -> Answer:
        """Count an exchange with somebody outside."""

        def work(session: Session) -> Answer:
            now, row = utc_now(), steps.ticket_of(session, ticket_id, version)
            row.exchanges += 1
            steps.event(session, row, row.state, row.state, who, f"exchange: {why}", now)
            return self._settled(session, row, now)

        return await self._once(request, work)

    async def answer(
        self, ticket_id: str, who: str, answers: Mapping[str, Any], version: int | None
    ) -> Answer:
        """Take what the customer answered; the ticket is diagnosed again with it.

        Answers join those that are there, so a diagnosis that came since `version` was read is no conflict;
        a question that someone else answered meanwhile is (StaleVersion).
        """

        def work(session: Session) -> Answer:
            now, row = utc_now(), steps.ticket_of(session, ticket_id, None)
            if set(answers) & set(row.answers or {}):
                steps.ticket_of(session, ticket_id, version)
            row.answers = {**(row.answers or {}), **answers}
            row.exchanges, row.diagnosis, row.question = row.exchanges + 1, PENDING, None
            steps.end_wait(session, row, now)
            names = ", ".join(sorted(answers))
            steps.event(session, row, row.state, row.state, who, f"the customer answered: {names}", now)
            return self._settled(session, row, now)

        return await self._database.writing(work)

    async def dispatch_many(
        self, tickets: Sequence[tuple[str, int | None]], asked: Step, request: Asked | None = None
    ) -> Answer:
        """Dispatch many tickets; each is done or refused for itself, with the reason."""
        if len(tickets) > MOST_TOGETHER:
            raise LoopError("too_many", f"at most {MOST_TOGETHER} tickets at once", key="tickets")

        def work(session: Session, step: Step) -> Answer:
            now = utc_now()
            answers = self._all_at_once(session, tickets, step, now)
            if answers is None:  # one is refused: now each for itself
                step.counts.clear()
                answers = [self._one_of_many(session, *one, step, now) for one in tickets]
            done = [one["id"] for one in answers if one["done"]]
            append(session, now, step.who, "ticket.dispatch_many", f"{len(done)} tickets", {"tickets": done})
            return {"tickets": answers, "done": len(done), "refused": len(answers) - len(done)}

        return await self._counted(asked, request, work)

    async def close_children(self, incident_id: str, asked: Step, end: Callable[[Session], Answer]) -> Answer:
        """End an incident (`end`) and close the tickets that were merged into it, in one unit of work.

        The cause that was found, where one is told, and its remedy are those of each of them that has none
        of its own; a ticket whose cause was found and remedied is solved. Returns the answer of `end` with
        `tickets_closed`.
        """
        cause = asked.confirmed_cause
        if cause is not None:
            check_cause(cause, self.causes())
            solved = True if cause != NOT_FOUND else None
            asked = replace(asked, why=f"{asked.why}; cause of the incident: {cause}", solved=solved)

        def work(session: Session, step: Step) -> Answer:
            found, now = end(session), utc_now()
            query = select(Ticket).where(Ticket.parent_id == incident_id, Ticket.state == State.MERGED)
            rows = list(session.scalars(query.order_by(Ticket.id)))
            pauses = steps.pauses_of_children(session, incident_id)
            with session.no_autoflush:
                for row in rows:
                    steps.take(session, row, step, now, self.settings, pauses.get(row.id, []))
                    if session.get(Feedback, row.id) is None:
                        self._confirm(session, row, step)
            return {**found, "tickets_closed": len(rows)}

        answer = await self._counted(asked, None, work)
        if cause is not None:
            self._tell()
        return answer

    async def confirm(
        self, ticket_id: str, who: str, cause: str, remedied_at: datetime | None, request: Asked | None = None
    ) -> Answer:
        """Write down what really was wrong with a ticket, at any time after its diagnosis; audited."""

        def work(session: Session) -> Answer:
            row = steps.ticket_of(session, ticket_id, None)
            found = confirm(session, row, cause, who, remedied_at, self.causes())
            append(session, utc_now(), who, "ticket.confirm", ticket_id, {"cause": cause})
            session.flush()
            return told(found)

        answer = await self._once(request, work)
        self._tell()
        return answer

    def _tell(self) -> None:
        for hear in self.on_confirmed:
            hear()

    def _confirm(self, session: Session, row: Ticket, step: Step) -> None:
        """Write down the confirmed cause that came with a step; closing may need one."""
        if step.confirmed_cause is not None:
            confirm(session, row, step.confirmed_cause, step.who, step.remedied_at, self.causes())
            return
        needed = step.to is State.CLOSED and self.settings.closing_needs_cause and row.parent_id is None
        if needed and session.get(Feedback, row.id) is None:
            why = "a ticket closes with the cause that was found, or not_found"
            raise LoopError("cause_missing", why, key="confirmed_cause")

    def causes(self) -> frozenset[str]:
        """Return the cause ids of the loaded runbooks, overlays included."""
        return frozenset(self._runbooks().causes)

    def on_taken(self, session: Session, row: Ticket) -> None:
        """Begin the life of a ticket, in the transaction that takes it in."""
        course.begin(row, row.record, self.settings)

    def on_diagnosis(self, session: Session, row: Ticket, result: Result) -> None:
        """Find its repeat, its priority, its question; send it on. In the transaction of the diagnosis."""
        now = utc_now()
        if row.owner is None:
            course.begin(row, row.record, self.settings)
        row.repeat_of = row.repeat_of or self._earlier(session, row)
        course.judge(row)
        if row.verdict == CANNOT_TELL:
            row.question = self._question(row, result)
        advisory = result.contract.get(MARK)
        if row.state == State.DIAGNOSED and advisory:
            named = ", ".join(f"{one['of']} {one['id']}" for one in advisory)
            why = f"{named} was right too seldom: a person decides where it goes"
            steps.event(session, row, row.state, row.state, steps.SYSTEM, why, now)
        elif row.state == State.DIAGNOSED and self.settings.automatic_dispatch:
            why = f"{row.verdict}: {row.top_cause or '-'}" + (f"; ask {row.question}" if row.question else "")
            step = Step(State.DISPATCHED, steps.SYSTEM, why, question=row.question)
            steps.take(session, row, step, now, self.settings)
            return
        course.set_dues(row, steps.pauses_of(session, row.id), now, self.settings)

    def _earlier(self, session: Session, row: Ticket) -> str | None:
        """Find the ticket of the same customer and category within the days before (SD, QC-BJ)."""
        if row.customer is None:
            return None
        names = [row.customer, *([self.formers[row.customer]] if row.customer in self.formers else [])]
        since = row.received_at - timedelta(days=self.settings.repeat_days)
        query = select(Ticket.id).where(
            Ticket.customer.in_(names),
            Ticket.received_at >= since,
            or_(
                Ticket.received_at < row.received_at,
                and_(Ticket.received_at == row.received_at, Ticket.id < row.id),
            ),
            Ticket.category == row.category,
        )
        return session.scalars(query.order_by(Ticket.received_at.desc(), Ticket.id).limit(1)).first()

    def _question(self, row: Ticket, result: Result) -> str | None:
        """Name the question that is asked first: what the ticket lacks, else what decides most."""
        contract = result.contract
        decide = closed_questions(contract["causes"], self._runbooks(), row.told, contract["category"])
        found = [*missing_questions(row.told), *decide, *missing_questions(row.told, contract)]
        return found[0].field if found else None

    def _all_at_once(
        self, session: Session, tickets: Sequence[tuple[str, int | None]], step: Step, now: datetime
    ) -> list[Answer] | None:
        """Dispatch all of them, which costs a third of one after the other; None where one is refused."""
        ids = [name for name, _ in tickets]
        try:
            with session.begin_nested(), session.no_autoflush:
                rows = steps.tickets_of(session, ids)
                pauses = steps.pauses_of_all(session, ids)
                for name, version in tickets:
                    steps.check_version(rows.get(name), version)
                    steps.hand_on(session, rows[name], step, now, self.settings, pauses.get(name, []))
        except (LoopError, StaleVersion):
            return None
        return [{"id": n, "done": True, "holder": rows[n].holder, "version": rows[n].version} for n in ids]

    def _one_of_many(
        self, session: Session, ticket_id: str, version: int | None, step: Step, now: datetime
    ) -> Answer:
        try:
            with session.begin_nested():
                row = steps.ticket_of(session, ticket_id, version)
                steps.hand_on(session, row, step, now, self.settings)
        except LoopError as error:
            return {"id": ticket_id, "done": False, "code": error.code, "detail": error.message}
        except StaleVersion as error:
            return {"id": ticket_id, "done": False, "code": "stale_version", "detail": error.message}
        return {"id": ticket_id, "done": True, "holder": row.holder, "version": row.version}

    def _settled(self, session: Session, row: Ticket, now: datetime) -> Answer:
        course.set_dues(row, steps.pauses_of(session, row.id), now, self.settings)
        return self._life(session, row)

    def _life(self, session: Session, row: Ticket) -> Answer:
        session.flush()
        return shown.life(row)

    async def _once(self, request: Asked | None, work: Callable[[Session], Answer]) -> Answer:
        return await self._database.writing(lambda session: once(session, request, lambda: work(session)))

    async def _counted(
        self, asked: Step, request: Asked | None, work: Callable[[Session, Step], Answer]
    ) -> Answer:
        """Do the work; its counters move after the commit, whichever attempt it was."""
        last: list[Step] = []

        def attempt(session: Session) -> Answer:
            last[:] = [replace(asked, counts=[])]
            return once(session, request, lambda: work(session, last[0]))

        answer = await self._database.writing(attempt)
        for name, labels in last[0].counts:
            self._counters.add(name, labels)
        return answer


def read_life(session: Session, ticket_id: str, settings: LoopSettings) -> Answer | None:
    """Return a ticket's life with its clocks; None where there is no such ticket."""
    row = session.get(Ticket, ticket_id)
    if row is None:
        return None
    found = course.clocks(row, steps.pauses_of(session, ticket_id), utc_now(), settings)
    clocks = [shown.clock(one) for one in found.values()]
    feedback = session.get(Feedback, ticket_id)
    found_so = told(feedback) if feedback else None
    return {**shown.life(row), "flow": flow_of(row), "clocks": clocks, "feedback": found_so}


def make_step(to: str, who: str, **told: Any) -> Step:
    """Read a step; LoopError for a state that does not exist."""
    return Step(parse_state(to), who, **told)
