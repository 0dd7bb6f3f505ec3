"""Pages: stories of tickets rendered to self-contained HTML files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dashboards.report import words
from dashboards.report.course import course_svg
from dashboards.report.ladder import Step, call_steps, hop_steps, ladder_svg, registration_steps
from dashboards.report.story import Story
from runbooks.loader import Runbooks


def write_reports(stories: Sequence[Story], runbooks: Runbooks, output: Path) -> Path:
    """Write the batch and return the page to open.

    `output` with the ending .html becomes one file with everything; else it is a folder with
    `index.html` and a page a ticket.
    """
    renderer = Renderer(runbooks)
    if output.suffix == ".html":
        page = renderer.ticket(stories[0]) if len(stories) == 1 else renderer.batch(stories, together=True)
        output.write_text(page, encoding="utf-8")
        return output
    output.mkdir(parents=True, exist_ok=True)
    for story in stories:
        page = renderer.ticket(story, index_name="index.html")
        (output / page_name(story.ticket_id)).write_text(page, encoding="utf-8")
    index = output / "index.html"
    index.write_text(renderer.batch(stories, together=False), encoding="utf-8")
    return index


def page_name(ticket_id: str) -> str:
    """Return a file name for a ticket; anything that is no plain name character becomes its code point."""
    return re.sub(r"[^A-Za-z0-9_.-]", lambda match: f"~{ord(match[0]):x}", ticket_id).lstrip(".") + ".html"


class Renderer:
    """Templates with the words of one set of runbooks."""

    def __init__(self, runbooks: Runbooks) -> None:
        self._environment = _environment()
        self._causes = {cause.id: cause for cause in runbooks.causes.values()}
        self._checks = {check.id: check for check in runbooks.checks.values()}

    def ticket(self, story: Story, index_name: str | None = None) -> str:
        """Render one ticket as a page of its own."""
        return self._page("ticket.html.j2", index_name=index_name, **self._context(story))

    def batch(self, stories: Sequence[Story], *, together: bool) -> str:
        """Render the list of tickets; `together` puts every ticket under it in the same file."""
        bodies = (
            "".join(self._page("story.html.j2", **self._context(story)) for story in stories)
            if together
            else ""
        )
        verdicts = sorted(Counter(story.result["verdict"] for story in stories).items())
        link = (
            (lambda story: f"#{story.ticket_id}") if together else (lambda story: page_name(story.ticket_id))
        )
        return self._page(
            "batch.html.j2", stories=stories, bodies=Markup(bodies), verdicts=verdicts, link=link
        )

    def _page(self, template: str, **context: Any) -> str:
        return self._environment.get_template(template).render(
            style=Markup(_style()),
            cause_title=self._cause_title,
            department=self._department,
            question=self._question,
            **context,
        )

    def _context(self, story: Story) -> dict[str, Any]:
        walked = [check for check in story.result["checks"] if check["outcome"] != "NOT_APPLICABLE"]
        return {
            "story": story,
            "r": story.result,
            "rest": max(0.0, 1.0 - sum(cause["probability"] for cause in story.result["causes"])),
            "walk": walked,
            "skipped": [c["id"] for c in story.result["checks"] if c["outcome"] == "NOT_APPLICABLE"],
            "courses": [(course, course_svg(course)) for course in story.courses],
            "ladders": ladders_of(story),
        }

    def _cause_title(self, cause_id: str) -> Markup:
        cause = self._causes.get(cause_id)
        return words.both(cause.title.en, cause.title.zh) if cause else words.both(cause_id, cause_id)

    def _department(self, cause: dict[str, Any]) -> Markup:
        known = self._causes.get(cause["id"])
        if known and cause["department"].startswith(known.departments[0].en):
            return words.both(
                "; ".join(item.en for item in known.departments),
                "; ".join(item.zh for item in known.departments),
            )
        return words.both(cause["department"], cause["department"])

    def _question(self, check_id: str) -> Markup:
        check = self._checks.get(check_id)
        return words.both(check.question.en, check.question.zh) if check else Markup("")


def ladders_of(story: Story) -> list[tuple[str, Markup]]:
    """Draw a ladder for each call and registration that tells of messages; titles with them."""
    return [(title, ladder_svg(steps, title)) for title, steps in steps_of(story)]


def steps_of(story: Story) -> list[tuple[str, list[Step]]]:
    """Return the messages of each call and registration that tells of any; titles with them."""
    # The captured messages where there are any, else what the record tells of them.
    calls = [
        (f"call {c['id']} ({c.get('leg')})", hop_steps(story.hops_of(c)) or call_steps(c))
        for c in story.calls
    ]
    registrations = [
        (f"registration {r['id']}", hop_steps(story.hops_of(r)) or registration_steps(r))
        for r in story.registrations
    ]
    return [(title, steps) for title, steps in calls + registrations if steps]


@lru_cache(maxsize=1)
def _style() -> str:
    return (files("dashboards.report") / "templates" / "style.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dashboards.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        word=words.word,
        both=words.both,
        category=words.category,
        verdict=words.verdict,
        outcome=words.outcome,
        percent=_percent,
        moment=_moment,
        value=_value,
    )
    return environment


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share >= 0.1 else f"{share * 100:.1f} %"


def _moment(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else str(value or "–")


def _value(reading: object) -> str:
    if reading is None:
        return ""
    if isinstance(reading, bool):
        return "yes" if reading else "no"
    return f"{reading:.4g}" if isinstance(reading, float) else str(reading)
