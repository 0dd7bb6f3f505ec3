"""`/ui/tickets/{id}`: everything about one ticket, and the steps it may take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from callcause.loop.desk import make_step
from callcause.loop.life import State, next_states, parse_state
from callcause.loop.reply import reply_text
from callcause.loop.step import Step
from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.routes import life
from callcause.service.settings import Role
from callcause.state.feedback import NOT_FOUND, Feedback
from callcause.state.ticket import Result, Ticket, TicketEvent
from callcause.web import closing
from callcause.web.complaint import with_seconds
from callcause.web.page import PageRoute, language_of, render, see_other, way_back
from callcause.web.reader import ask, catalogue, runbooks_of, service_of
from callcause.web.refusal import FORM_ERRORS, again
from callcause.web.session import form_of, sees
from dashboards.report.evidence import evidence_of
from dashboards.report.ladder import ladder_svg
from diagnosis.question import Question, closed_questions, missing_questions, open_question, questions_data
from runbooks.model import Runbooks

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
Engineer = Annotated[Principal, Depends(sees(Role.engineer))]
SHOWN = ("description", "place_text", "device_model_text", "channel", "region", "ecgi", "direction")
QUESTIONS = 3


@router.get("/ui/tickets/{ticket_id:path}")
async def ticket(request: Request, ticket_id: str, who: Viewer) -> Response:
    """Show one ticket; while it waits for its diagnosis the page asks again by itself."""
    return await ticket_page(request, ticket_id)


async def ticket_page(request: Request, ticket_id: str) -> Response:
    """Make the page of a ticket; a form that was refused stands filled in on it."""
    row, result, events, found = await service_of(request).database.reading(lambda s: _found(s, ticket_id))
    if row is None:
        raise Problem(404, "no such ticket")
    given: dict[str, Any] = {"row": row, "events": events, "record": _shown(row.told), "found": found}
    given["choices"] = closing.choices_of(request, result.contract if result else None)
    given["next"] = [str(state) for state in offered(parse_state(row.state), row.incident_id)]
    if result is None:
        return render(request, "ticket.html.j2", r=None, **given)
    runbooks = runbooks_of(request)
    told = {**given["record"], **_times(row.told)}
    told["received_at"] = told["received_at"] or row.received_at
    cell = given["record"]["ecgi"] or row.cell
    drawn = await ask(
        request, lambda store: evidence_of(store, result.contract, told, runbooks, catalogue(), cell)
    )
    given |= _diagnosed(request, result.contract, runbooks, row)
    return render(
        request,
        "ticket.html.j2",
        courses=drawn.courses,
        ladders=[(title, ladder_svg(steps, title)) for title, steps in drawn.ladders],
        **given,
    )


@router.post("/ui/step/{ticket_id:path}")
async def take_step(request: Request, ticket_id: str, who: Engineer) -> Response:
    """Move the ticket as the form says; the rules of the loop decide whether it may."""
    form = await form_of(request)
    try:
        step, version = _step_of(form, who.name)
        await service_of(request).loop.step(ticket_id, step, version)
    except FORM_ERRORS as error:
        return await again(request, error, lambda: ticket_page(request, ticket_id))
    return see_other(way_back(request.scope["path"])[1])


@router.post("/ui/answers/{ticket_id:path}")
async def take_answers(request: Request, ticket_id: str, who: Engineer) -> Response:
    """Record what the customer answered; the ticket is diagnosed again with it."""
    form = await form_of(request)
    try:
        await life.post_answers(request, ticket_id, _answers_of(form), who)
    except FORM_ERRORS as error:
        return await again(request, error, lambda: ticket_page(request, ticket_id))
    return see_other(way_back(request.scope["path"])[1])


@router.post("/ui/confirm/{ticket_id:path}")
async def confirm(request: Request, ticket_id: str, who: Engineer) -> Response:
    """Write down what really was wrong; a later word replaces an earlier one."""
    form = await form_of(request)
    try:
        found = closing.found_of(form)
        cause = found["confirmed_cause"]
        if cause is None:
            raise Problem(422, "confirmed_cause: missing", hint=f"a cause, or {NOT_FOUND}")
        await service_of(request).loop.confirm(ticket_id, who.name, cause, found["remedied_at"])
    except FORM_ERRORS as error:
        return await again(request, error, lambda: ticket_page(request, ticket_id))
    return see_other(way_back(request.scope["path"])[1])


def offered(state: State, incident: str | None) -> list[State]:
    """Return the states that may follow, the usual one first; a merge only where there is an incident."""
    order = list(State)
    aside = (State.ESCALATED, State.MERGED)
    found = [one for one in next_states(state) if one is not State.MERGED or incident]
    here = order.index(state)
    return sorted(
        found,
        key=lambda one: (one in aside, one is State.ENTERED, order.index(one) < here, order.index(one)),
    )


def _step_of(form: FormData, who: str) -> tuple[Step, int | None]:
    told: dict[str, Any] = {
        name: str(form.get(name) or "").strip() or None for name in ("department", "no_contact", "parent")
    }
    told |= closing.found_of(form)
    satisfaction, version = (_number(form.get(name), name) for name in ("satisfaction", "version"))
    to, why = str(form.get("to") or ""), str(form.get("why") or "")
    if to != State.MERGED:
        del told["parent"]
    return make_step(to, who, why=why, satisfaction=satisfaction, **told), version


def _answers_of(form: FormData) -> life.AnswersBody:
    asked = {str(one["field"]) for kind in ("missing", "closed") for one in questions_data()[kind]}
    answers = {name: with_seconds(str(value)) for name, value in form.items() if name in asked and value}
    version = _number(form.get("version"), "version")
    if not answers or version is None:
        raise Problem(422, "nothing was answered")
    return life.AnswersBody(version=version, answers=answers)


def _found(
    session: Session, ticket_id: str
) -> tuple[Ticket | None, Result | None, list[TicketEvent], Feedback | None]:
    row = session.get(Ticket, ticket_id)
    if row is None:
        return None, None, [], None
    result = session.get(Result, row.result_id) if row.result_id else None
    query = select(TicketEvent).where(TicketEvent.ticket_id == ticket_id).order_by(TicketEvent.id)
    return row, result, list(session.scalars(query)), session.get(Feedback, ticket_id)


def _diagnosed(
    request: Request, result: Mapping[str, Any], runbooks: Runbooks, row: Ticket
) -> dict[str, Any]:
    zone = service_of(request).configuration.ingest.zone
    checks = result["checks"]
    return {
        "r": result,
        "rest": max(0.0, 1.0 - sum(cause["probability"] for cause in result["causes"])),
        "checks": {check["id"]: check for check in checks},
        "walk": [check for check in checks if check["outcome"] != "NOT_APPLICABLE"],
        "skipped": [check["id"] for check in checks if check["outcome"] == "NOT_APPLICABLE"],
        "known_causes": runbooks.causes,
        "known_checks": runbooks.checks,
        "questions": _questions(result, runbooks, row.told),
        "answered": _answered(row.told),
        "reply": reply_text(
            result,
            "zh" if language_of(request) == "zh" else "en",
            row.reply_due_at,
            zone,
            solved=row.resolved_at is not None,
        ),
    }


def _questions(result: Mapping[str, Any], runbooks: Runbooks, told: Mapping[str, Any]) -> list[Question]:
    category = result["category"]
    closed = closed_questions(result["causes"], runbooks, told, category) if result["causes"] else []
    return [open_question(category["id"]), *missing_questions(told, result), *closed[:QUESTIONS]]


def _answered(told: Mapping[str, Any]) -> list[tuple[Mapping[str, str], Mapping[str, str]]]:
    """Questions with the answers that the customer gave, in words."""
    found = []
    for entry in questions_data()["closed"]:
        value = told.get(entry["field"])
        if value in entry["answers"]:
            found.append((entry["ask"], entry["answers"][value]))
    return found


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that people read; identities are not among them, not even as pseudonyms."""
    return {name: record.get(name) for name in SHOWN}


def _times(record: Mapping[str, Any]) -> dict[str, datetime | None]:
    found = {name: record.get(name) for name in ("occurred_at", "received_at")}
    return {name: datetime.fromisoformat(text) if text else None for name, text in found.items()}


def _number(given: object, name: str) -> int | None:
    text = str(given or "").strip()
    if text and not text.isdecimal():
        raise Problem(422, f"{name}: expected a whole number")
    return int(text) if text else None
