"""`/tickets/{id}/...` and `/queue`: what people do to tickets, and which wait for them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from callcause.loop import queue
from callcause.loop.desk import make_step, read_life
from callcause.loop.life import LoopError
from callcause.loop.once import Asked, asked
from callcause.loop.reply import notice_text, reply_text
from callcause.loop.step import Step
from callcause.loop.work_notice import change_of
from callcause.service.authentication import Principal, requires
from callcause.service.logs import scrubbed
from callcause.service.problem import Problem
from callcause.service.service import Service
from callcause.service.settings import Role
from callcause.service.ticket_record import check
from callcause.state.base import utc_now
from callcause.state.ticket import Result, Ticket
from diagnosis.question import Question, closed_questions, missing_questions, open_question

router = APIRouter(tags=["loop"])
Viewer = Annotated[Principal, Depends(requires(Role.viewer))]
Engineer = Annotated[Principal, Depends(requires(Role.engineer))]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]
Text = Annotated[str, Field(max_length=2000), AfterValidator(scrubbed)]
Name = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(scrubbed)]
Version = Annotated[int, Field(ge=1, description="version of the ticket that the caller has read")]
Cause = Annotated[
    str | None, Field(max_length=128, description="cause id of the loaded runbooks, or `not_found`")
]
Moment = Annotated[AwareDatetime | None, Field(description="when it was remedied; else when it was resolved")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Version
    why: Text = ""


class StepBody(_Body):
    """A step: the state to go to, and what that state needs."""

    to: str
    department: Name | None = None
    parent: Annotated[str | None, Field(max_length=64)] = None
    level: Annotated[int | None, Field(ge=0, le=2)] = None
    satisfaction: Annotated[int | None, Field(ge=1, le=5)] = None
    no_contact: Text | None = None
    solved: bool | None = None
    overdue_reason: str | None = None
    question: Annotated[str | None, Field(max_length=64)] = None
    disturbs: bool | None = None
    serious: bool | None = None
    confirmed_cause: Cause = None
    remedied_at: Moment = None


class DispatchBody(_Body):
    """A dispatch; without a department that of the first cause."""

    department: Name | None = None
    question: Annotated[str | None, Field(max_length=64)] = None


class CallBackBody(_Body):
    """What the second call-back found."""

    satisfaction: Annotated[int | None, Field(ge=1, le=5)] = None
    no_contact: Text | None = None


class CloseBody(CallBackBody):
    """Closing: after a reply, and with satisfaction or a documented no-contact."""

    solved: bool | None = None
    overdue_reason: str | None = None
    confirmed_cause: Cause = None
    remedied_at: Moment = None


class FeedbackBody(BaseModel):
    """What really was wrong: a cause id of the loaded runbooks, or `not_found`."""

    model_config = ConfigDict(extra="forbid")

    confirmed_cause: Annotated[str, Field(min_length=1, max_length=128)]
    remedied_at: Moment = None


class AnswersBody(BaseModel):
    """Answers of the customer, by field of the record `ticket`."""

    model_config = ConfigDict(extra="forbid")

    version: Version
    answers: dict[str, str | int | float | bool]


class OneTicket(BaseModel):
    """One ticket of a bulk dispatch."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=200)
    version: Version


class ManyBody(BaseModel):
    """A bulk dispatch; without a department each goes to that of its first cause."""

    model_config = ConfigDict(extra="forbid")

    tickets: list[OneTicket] = Field(min_length=1, max_length=1000)
    department: Name | None = None
    why: Text = ""


@router.get("/queue")
async def get_queue(
    request: Request,
    who: Viewer,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: str | None = None,
    state: str | None = None,
    department: str | None = None,
    category: str | None = None,
    region: str | None = None,
    priority: str | None = None,
    cause: str | None = None,
    cluster: str | None = None,
    overdue: bool | None = None,
    waiting: bool | None = None,
    text: Annotated[str | None, Query(max_length=200)] = None,
) -> dict[str, Any]:
    """List open tickets, the highest priority and the first due first; `state` names any state."""
    wanted = queue.Filter(
        state, department, category, region, priority, cause, cluster, overdue, waiting, text
    )
    service: Service = request.app.state.service
    return await service.database.reading(lambda s: queue.page(s, wanted, limit, after, utc_now()))


@router.get("/queue/counts")
async def get_counts(request: Request, who: Viewer, region: str | None = None) -> dict[str, Any]:
    """Count open tickets by who holds them and their state."""
    service: Service = request.app.state.service
    wanted = queue.Filter(region=region)
    found = await service.database.reading(lambda s: queue.counts(s, wanted, utc_now()))
    return {"counts": found}


@router.post("/queue/dispatch")
async def dispatch_many(request: Request, body: ManyBody, who: Engineer, key: Key = None) -> dict[str, Any]:
    """Dispatch many tickets; each is done or refused for itself."""
    service: Service = request.app.state.service
    wanted = [(one.id, one.version) for one in body.tickets]
    step = make_step("dispatched", who.name, why=body.why, department=body.department)
    return await service.loop.dispatch_many(wanted, step, _asked(request, who, key, body))


@router.get("/tickets/{ticket_id:path}/life")
async def get_life(request: Request, ticket_id: str, who: Viewer) -> dict[str, Any]:
    """Tell where a ticket stands: state, next states, who has it, its clocks."""
    service: Service = request.app.state.service
    found = await service.database.reading(lambda s: read_life(s, ticket_id, service.loop.settings))
    if found is None:
        raise Problem(404, "no such ticket")
    return found


@router.post("/tickets/{ticket_id:path}/steps")
async def post_step(
    request: Request, ticket_id: str, body: StepBody, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """Move a ticket to another state of its life."""
    told = body.model_dump(exclude={"version", "to"})
    return await _step(request, ticket_id, make_step(body.to, who.name, **told), body, who, key)


@router.post("/tickets/{ticket_id:path}/dispatch")
async def post_dispatch(
    request: Request, ticket_id: str, body: DispatchBody, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """Dispatch a ticket to a department, or to that of its first cause."""
    told = body.model_dump(exclude={"version"})
    return await _step(request, ticket_id, make_step("dispatched", who.name, **told), body, who, key)


@router.post("/tickets/{ticket_id:path}/reply")
async def post_reply(
    request: Request, ticket_id: str, body: _Body, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """Record that the customer was replied to."""
    return await _step(request, ticket_id, make_step("replied", who.name, why=body.why), body, who, key)


@router.post("/tickets/{ticket_id:path}/call-back")
async def post_call_back(
    request: Request, ticket_id: str, body: CallBackBody, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """Record the second call-back with its satisfaction, or why nobody was reached."""
    told = body.model_dump(exclude={"version"})
    return await _step(request, ticket_id, make_step("called_back", who.name, **told), body, who, key)


@router.post("/tickets/{ticket_id:path}/close")
async def post_close(
    request: Request, ticket_id: str, body: CloseBody, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """Close a ticket."""
    told = body.model_dump(exclude={"version"})
    return await _step(request, ticket_id, make_step("closed", who.name, **told), body, who, key)


@router.post("/tickets/{ticket_id:path}/feedback")
async def post_feedback(
    request: Request, ticket_id: str, body: FeedbackBody, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """Write down what really was wrong; a later word replaces an earlier one."""
    loop, once = request.app.state.service.loop, _asked(request, who, key, body)
    found: dict[str, Any] = await loop.confirm(
        ticket_id, who.name, body.confirmed_cause, body.remedied_at, once
    )
    return found


@router.post("/tickets/{ticket_id:path}/effect")
async def post_effect(request: Request, ticket_id: str, who: Engineer) -> dict[str, Any]:
    """Run the checks that failed again over the window after the remedy, and keep what they say."""
    service: Service = request.app.state.service
    found: dict[str, Any] = await service.effects.look(ticket_id, who.name)
    return found


@router.post("/tickets/{ticket_id:path}/wait")
async def post_wait(
    request: Request, ticket_id: str, body: _Body, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """Begin to wait for the customer: the clocks stop."""
    loop, once = request.app.state.service.loop, _asked(request, who, key, body)
    found: dict[str, Any] = await loop.wait(ticket_id, who.name, body.why, body.version, once)
    return found


@router.post("/tickets/{ticket_id:path}/resume")
async def post_resume(
    request: Request, ticket_id: str, body: _Body, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """End the wait: the clocks go on."""
    loop, once = request.app.state.service.loop, _asked(request, who, key, body)
    found: dict[str, Any] = await loop.resume(ticket_id, who.name, body.why, body.version, once)
    return found


@router.post("/tickets/{ticket_id:path}/exchanges")
async def post_exchange(
    request: Request, ticket_id: str, body: _Body, who: Engineer, key: Key = None
) -> dict[str, Any]:
    """Count an exchange with somebody outside."""
    loop, once = request.app.state.service.loop, _asked(request, who, key, body)
    found: dict[str, Any] = await loop.exchange(ticket_id, who.name, body.why, body.version, once)
    return found


@router.get("/tickets/{ticket_id:path}/questions")
async def get_questions(request: Request, ticket_id: str, who: Viewer) -> dict[str, Any]:
    """Give the open question, what the ticket lacks, then the closed ones by what they would decide."""
    service: Service = request.app.state.service
    row, contract = await diagnosed(service, ticket_id)
    runbooks, category = service.diagnostician.runbooks, contract["category"]
    found = closed_questions(contract["causes"], runbooks, row.told, category)
    return {
        "ticket_id": ticket_id,
        "open": _question(open_question(category["id"])),
        "missing": [_question(one) for one in missing_questions(row.told, contract)],
        "closed": [_question(one) for one in found],
    }


@router.post("/tickets/{ticket_id:path}/answers")
async def post_answers(request: Request, ticket_id: str, body: AnswersBody, who: Engineer) -> dict[str, Any]:
    """Take what the customer answered; the ticket is diagnosed again."""
    service: Service = request.app.state.service
    ingest = service.configuration.ingest
    given = {"id": ticket_id, "received_at": utc_now().isoformat(), **body.answers}
    if set(body.answers) & {"id", "received_at"} or not body.answers:
        raise Problem(422, "expected answers, by field of the record `ticket`")
    checked = check([given], service.pseudonymiser, ingest.zone, ingest.country_code)
    if checked.errors:
        raise Problem(422, "nothing was taken in: fields are wrong", errors=checked.errors)
    left = {"id", "received_at", "absent"}
    answers = {name: value for name, value in checked.records[0].items() if name not in left}
    found = await service.loop.answer(ticket_id, who.name, answers, body.version)
    service.tickets.wake()
    return found


@router.get("/tickets/{ticket_id:path}/reply-text")
async def get_reply_text(request: Request, ticket_id: str, who: Viewer) -> dict[str, Any]:
    """Give the reply to the customer in Chinese and English, with the promised time."""
    service: Service = request.app.state.service
    row, contract = await diagnosed(service, ticket_id)
    zone = service.loop.settings.calendar.zone
    solved = row.resolved_at is not None
    texts = {
        "en": reply_text(contract, "en", row.reply_due_at, zone, solved=solved),
        "zh": reply_text(contract, "zh", row.reply_due_at, zone, solved=solved),
    }
    change = row.change_ref
    known = await service.sink.read(lambda store: change_of(store, change)) if change else None
    notice = {"en": notice_text(known, "en", zone), "zh": notice_text(known, "zh", zone)} if known else None
    return {"ticket_id": ticket_id, **texts, "planned_work": notice}


async def _step(
    request: Request, ticket_id: str, step: Step, body: _Body, who: Principal, key: str | None
) -> dict[str, Any]:
    service: Service = request.app.state.service
    return await service.loop.step(ticket_id, step, body.version, _asked(request, who, key, body))


def _asked(request: Request, who: Principal, key: str | None, body: BaseModel) -> Asked | None:
    return asked(who.name, request.url.path, key, body.model_dump_json())


async def diagnosed(service: Service, ticket_id: str) -> tuple[Ticket, dict[str, Any]]:
    """Return a ticket with its result; LoopError where it is not known, Problem 409 before its diagnosis."""

    def find(session: Session) -> tuple[Ticket, Result | None]:
        row = session.get(Ticket, ticket_id)
        if row is None:
            raise LoopError("unknown_ticket", "no such ticket", key="ticket")
        return row, session.get(Result, row.result_id) if row.result_id else None

    row, result = await service.database.reading(find)
    if result is None:
        raise Problem(409, "the ticket is not diagnosed yet")
    return row, result.contract


def _question(found: Question) -> dict[str, Any]:
    return {"field": found.field, "text": found.text, "answers": found.answers, "bits": found.bits}
