"""A page: a template with the words of one language, and the headers that keep it to itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from callcause.service.settings import Role
from callcause.web import words
from callcause.web.board import boards_of
from callcause.web.chart import control_figure, course_figure, library
from callcause.web.refusal import PAGE_ERRORS, Refusal, refusal_of
from callcause.web.sayings import say
from callcause.web.session import COOKIE, VISIT, csrf_of, keep, visit_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LANGUAGE, THEME = "callcause_language", "callcause_theme"
STEPS = ("/ui/step/", "/ui/answers/", "/ui/confirm/")
"""Where the forms of a ticket's page go; the id of the ticket follows."""
LOG = logging.getLogger(__name__)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


PAGES = (
    ("queue", "/ui/tickets"),
    ("new_complaint", "/ui/new"),
    ("alerts", "/ui/alerts"),
    ("incidents", "/ui/incidents"),
    ("warnings", "/ui/warnings"),
    ("worst", "/ui/worst"),
    ("map", "/ui/map"),
    ("runbooks", "/ui/runbooks"),
    ("sources", "/ui/collectors"),
    ("reports", "/ui/reports"),
    ("vault", "/ui/vault"),
)
"""The pages of the navigation: key of the word, path."""


def language_of(request: Request) -> str:
    """Return `en` or `zh`: what the switch was set to, else what the browser prefers."""
    wanted = request.cookies.get(LANGUAGE)
    if wanted in ("en", "zh"):
        return wanted
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def render(request: Request, template: str, status: int = 200, **given: Any) -> HTMLResponse:
    """Return a page; with the status of what was refused, where something was."""
    refusal: Refusal | None = getattr(request.state, "refusal", None)
    theme = request.cookies.get(THEME)
    who = getattr(request.state, "who", None)
    query = f"?{request.url.query}" if request.url.query else ""
    text = _environment().get_template(template).render(
        lang=language_of(request),
        theme=theme if theme in ("light", "dark") else "auto",
        who=who,
        acts=who is not None and who.role.covers(Role.engineer),
        csrf=csrf_of(request),
        here=quote(request.url.path) + query,
        path=request.url.path,
        now=datetime.now(UTC),
        signed_in=COOKIE in request.cookies,
        cause_title=_titles(request),
        department=_departments(request),
        board=boards_of(request),
        charts=library(),
        refusal=refusal,
        say=_says(request),
        typed=refusal.value if refusal else _nothing_typed,
        **given,
    )  # fmt: skip
    return HTMLResponse(text, refusal.status if refusal else status)


def _nothing_typed(form: str, name: str) -> str:
    return ""


def see_other(path: str, **query: str) -> RedirectResponse:
    """Send the browser on after a form."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)


def local_path(path: str) -> str:
    """Return a path of our own pages; anything else becomes the queue."""
    ours = path == "/ui" or path.startswith(("/ui/", "/ui?"))
    return path if ours and "\\" not in path and not any(ord(c) < 32 for c in path) else "/ui/tickets"


class PageRoute(APIRoute):
    """A route whose errors are pages too; every answer carries the policy."""

    def get_route_handler(self) -> Handler:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handler(request)
            except PAGE_ERRORS as error:
                response = _refused(request, error)
            except Exception as error:  # the boundary of a page: a person gets a page, the log the error
                LOG.exception("a page failed", extra={"path": request.scope["path"]})
                response = _refused(request, error)
            return _closed(request, response)

        return answer


def _refused(request: Request, error: Exception) -> Response:
    refusal = refusal_of(request, error)
    if refusal.status == 401 and request.method == "GET":
        query = f"?{request.url.query}" if request.url.query else ""
        return see_other("/ui/login", next=request.url.path + query)
    request.state.refusal = refusal
    return render(request, "refused.html.j2", way_back=way_back(request.scope["path"]))


def way_back(path: str) -> tuple[str, str]:
    """Return the page that a path belongs to: the key of its word, and its address.

    A step of a ticket leads back to the ticket.
    """
    for step in STEPS:
        if path.startswith(step):
            return "ticket", f"/ui/tickets/{quote(path.removeprefix(step))}"
    for key, target in PAGES:
        if path.startswith(f"{target}/") or path == target:
            return key, target
    return ("map", "/ui/map") if path.startswith("/ui/cells/") else PAGES[0]


def _closed(request: Request, response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.headers.get("content-type", "").startswith("text/html") and not request.cookies.get(VISIT):
        keep(request, response, VISIT, visit_of(request), 30 * 24 * 3600)
    return response


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("callcause.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        t=_word,
        kind=_kind,
        both=_both,
        field=_field,
        percent=words.percent,
        chance=words.chance,
        value=_value,
        moment=words.moment,
        span=_span,
        course=course_figure,
        control=control_figure,
        rt=_report_word,
        refused_for=_refused_for,
    )
    environment.globals["pages"] = PAGES
    environment.filters["when"] = _when
    environment.filters["segment"] = lambda text: quote(str(text), safe="/:")
    return environment


def _when(text: str | None) -> datetime | None:
    """Read a moment as it stands in JSON."""
    return datetime.fromisoformat(text) if text else None


def _titles(request: Request) -> Callable[[str | None], str]:
    """Give the title of a cause in the page's language; its id before the runbooks are loaded."""
    service, lang = request.app.state.service, language_of(request)
    causes = service.diagnostician.runbooks.causes if service.diagnostician.runbook_version else {}

    def title(cause_id: str | None) -> str:
        known = causes.get(cause_id)
        return str(known.title.in_language(lang)) if known else cause_id or "–"

    return title


def _says(request: Request) -> Callable[[str | None], str]:
    """Give the engine's sentences in the page's language."""
    lang, title = language_of(request), _titles(request)
    return lambda text: say(text, lang, title)


def _departments(request: Request) -> Callable[[str | None], str]:
    """Give the name of a department, or of several, in the page's language."""
    service, lang = request.app.state.service, language_of(request)
    known = service.diagnostician.runbooks.departments if service.diagnostician.runbook_version else {}

    def name(text: str | None) -> str:
        parts = [part.strip() for part in (text or "–").split(";")]
        return "; ".join(known.get(part) or words.office(part) if lang == "zh" else part for part in parts)

    return name


@pass_context
def _word(context: Context, key: str) -> str:
    return words.word(key, context["lang"])


@pass_context
def _value(context: Context, reading: object) -> str:
    return words.value(reading, context["lang"])


@pass_context
def _span(context: Context, due: datetime | None, now: datetime) -> str:
    return words.span(due, now, context["lang"])


@pass_context
def _kind(context: Context, group: str, name: object) -> str:
    return words.kind(group, name, context["lang"])


@pass_context
def _report_word(context: Context, key: str) -> str:
    return words.report_word(key, context["lang"])


@pass_context
def _refused_for(context: Context, refusal: Refusal) -> str:
    return words.refused_for(refusal.code, context["lang"])


@pass_context
def _field(context: Context, name: str) -> str:
    return words.field(name, context["lang"])


@pass_context
def _both(context: Context, texts: Any) -> str:
    """Give the wording of the page's language of a text that has both."""
    found = texts.get(context["lang"]) if isinstance(texts, dict) else getattr(texts, context["lang"])
    return str(found or "")
