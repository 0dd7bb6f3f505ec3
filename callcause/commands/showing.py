"""`callcause ticket` and `callcause tickets`: in a terminal what the page shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from callcause.commands import diagnosing, drawing
from callcause.commands.narrow import ByWidth, Entry, labelled
from callcause.commands.ticket_source import Shown, of_results, of_service, queue_of_service, results_of
from callcause.terminal import out, progress
from callcause.web import words
from callcause.web.sayings import say
from callcause_error import UsageError
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store
from dashboards.report.evidence import as_json, evidence_of
from runbooks.loader import load_runbooks
from runbooks.model import Runbooks

COLOURS = {
    "cause": "red",
    "no_fault": "green",
    "cannot_tell": "yellow",
    "HIT": "red",
    "MISS": "green",
    "NO_DATA": "yellow",
}
LIFE = {"priority": "priority", "state": "state", "reply_due": "reply_due_at", "holder": "holder"}
"""Columns of a list of tickets that only a service knows, and where they stand in its answer."""
BAR = 24
QUESTIONS = 3


def ticket(ticket_id: str, store: Path | None, results: Path | None, url: str, lang: str) -> None:
    """Print everything about one ticket."""
    _one_source(store, results)
    if results is not None:
        found = of_results(results, ticket_id)
    elif store is not None:
        found = _of_store(store, ticket_id)
    else:
        with progress("ask the service"):
            found = of_service(url, ticket_id)
    for part in parts(found, load_runbooks(), lang):
        out.print(part)


def tickets(
    store: Path | None, results: Path | None, url: str, asked: Mapping[str, Any], limit: int, lang: str
) -> None:
    """Print a list of tickets: the queue of a service, or all of a store or file."""
    _one_source(store, results)
    if results is None and store is None:
        with progress("ask the service"):
            rows = queue_of_service(url, {**asked, "limit": limit})
    else:
        made = (
            results_of(results)
            if results
            else diagnosing.diagnosis_of(_there(store), None, None, (), None).results()
        )
        rows = [row for row in map(_row_of, made) if _wanted(row, asked)][:limit]
    out.print(_listing(rows, load_runbooks(), lang))


def parts(shown: Shown, runbooks: Runbooks, lang: str) -> Iterator[RenderableType]:
    """Yield what is shown of a ticket, in the order of the page."""
    result = shown.result
    yield _head(shown, lang)
    yield _facts(shown, runbooks, lang)
    if result is None:
        yield Text(words.word("pending", lang), "yellow")
    else:
        yield from _diagnosis(result, shown.evidence, runbooks, lang)
    if shown.questions:
        yield _questions(shown.questions, lang)
    if shown.reply:
        yield Group(_title("reply", lang), Text(shown.reply[lang]))
    if shown.events:
        yield _history(shown.events, runbooks, lang)


def _of_store(path: Path, ticket_id: str) -> Shown:
    """Diagnose one ticket of a store, and read what is drawn beside it."""
    batch = diagnosing.diagnosis_of(path, None, ticket_id, (), None)
    result = batch.results()[0]
    with Store.open(path) as store:
        row = store.records("ticket").filter(pl.col("id") == ticket_id).collect().row(0, named=True)
        drawn = evidence_of(store, result, row, load_runbooks(), load_catalogue(), row["ecgi"])
    return Shown(ticket_id, result, evidence=as_json(drawn))


def _diagnosis(
    result: Mapping[str, Any], evidence: Mapping[str, Any], runbooks: Runbooks, lang: str
) -> Iterator[RenderableType]:
    if result["causes"]:
        yield _causes(result["causes"], runbooks, lang)
    if evidence.get("courses"):
        yield Group(_title("evidence", lang), *drawing.courses(evidence["courses"], lang))
    if evidence.get("ladders"):
        yield Group(_title("ladder", lang), *drawing.ladders(evidence["ladders"]))
    if result["missing"]:
        yield _missing(result["missing"], runbooks, lang)
    yield _walk(result["checks"], runbooks, lang)
    yield Text(f"{words.word('version', lang)} {result['runbook_version']}", "dim")


def _head(shown: Shown, lang: str) -> Text:
    head = Text.assemble((f"{words.word('ticket', lang)} {shown.ticket_id}", "bold"))
    if shown.life:
        head.append(f"  {words.kind('state', shown.life['state'], lang)}  {shown.life['priority']}")
    if shown.result is not None:
        category, verdict = shown.result["category"], shown.result["verdict"]
        head.append(
            f"  {words.kind('category', category['id'], lang)} {words.percent(category['probability'])}"
        )
        head.append(f"  {words.kind('verdict', verdict, lang)}", COLOURS.get(verdict, ""))
    return head


def _facts(shown: Shown, runbooks: Runbooks, lang: str) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    life, result = shown.life, shown.result or {}
    for key, value in (
        ("received", life.get("received_at")),
        ("cell", life.get("cell")),
        ("region", life.get("region")),
        ("holder", life.get("holder")),
        ("reply_due", life.get("reply_due_at")),
        ("handling_due", life.get("handling_due_at")),
        ("incidents", life.get("incident_id")),
    ):
        if value:
            written = _department(runbooks, value, lang) if key == "holder" else _moment(value)
            table.add_row(words.word(key, lang), written)
    if result:
        because = result["category"]
        table.add_row(
            words.word("because", lang),
            "; ".join(_say(one, runbooks, lang) for one in because["because"] or [because["decided_by"]]),
        )
        node = result.get("guilty_node")
        if node:
            table.add_row(
                words.word("guilty", lang),
                f"{node['id']} ({node['type']}): {_say(node['because'], runbooks, lang)}",
            )
    return table


def _causes(causes: Sequence[Mapping[str, Any]], runbooks: Runbooks, lang: str) -> RenderableType:
    table = _table("probability", "cause", "department", "for", "against", lang=lang)
    entries: list[Entry] = []
    for cause in causes:
        share = cause["probability"]
        bar = ProgressBar(total=1.0, completed=share, width=BAR) if out.is_terminal else Text("")
        about = Text(_cause(runbooks, cause["id"], lang), "bold" if cause is causes[0] else "")
        whom = _department(runbooks, cause["department"], lang)
        proof = {"for": " ".join(cause["supported_by"]), "against": " ".join(cause["contradicted_by"])}
        lines = [Text(whom), *(labelled(words.word(key, lang), ids) for key, ids in proof.items() if ids)]
        if cause.get("remedy"):
            lines.insert(1, Text(cause["remedy"][lang], "dim"))
        entries.append(Entry(Text.assemble((f"{words.percent(share)} ", "bold"), about), lines))
        if cause.get("remedy"):
            about = about.copy().append(f"\n{cause['remedy'][lang]}", "dim")
        table.add_row(Group(Text(words.percent(share)), bar), about, whom, *proof.values())
    rest = max(0.0, 1.0 - sum(cause["probability"] for cause in causes))
    tail = [Text(f"{words.percent(rest)} {words.word('rest', lang)}", "dim")]
    if causes[0].get("would_change_if"):
        tail.append(
            Text(f"{words.word('change', lang)}: {_say(causes[0]['would_change_if'], runbooks, lang)}", "dim")
        )
    return Group(_title("ranked", lang), ByWidth(table, entries), *tail)


def _missing(missing: Sequence[Mapping[str, Any]], runbooks: Runbooks, lang: str) -> RenderableType:
    table = _table("need", "decides", "how", lang=lang)
    entries = []
    for item in missing:
        decides = ", ".join(item["would_decide"])
        how = _say(item["how"], runbooks, lang)
        table.add_row(item["need"], decides, how)
        lines = (Text(how), labelled(words.word("decides", lang), decides))
        entries.append(Entry(Text(item["need"], "bold"), lines))
    return Group(_title("missing", lang), ByWidth(table, entries))


def _walk(checks: Sequence[Mapping[str, Any]], runbooks: Runbooks, lang: str) -> RenderableType:
    table = _table("check", "outcome", "reading", "threshold", "baseline", "entity", lang=lang)
    entries = []
    for check in checks:
        if check["outcome"] == "NOT_APPLICABLE":
            continue
        known = runbooks.checks.get(check["id"])
        asked = f"{check['id']} {known.question.in_language(lang)}" if known else check["id"]
        outcome = Text(words.kind("outcome", check["outcome"], lang), COLOURS.get(check["outcome"], ""))
        told = _told(check, runbooks, lang)
        table.add_row(asked, outcome, *told.values())
        lines = [labelled(words.word(key, lang), text) for key, text in told.items() if text not in ("", "–")]
        entries.append(Entry(Text.assemble(outcome, " ", asked), [Text("; ").join(lines)] if lines else []))
    skipped = [check["id"] for check in checks if check["outcome"] == "NOT_APPLICABLE"]
    tail = (
        [Text(f"{words.kind('outcome', 'NOT_APPLICABLE', lang)}: {', '.join(skipped)}", "dim")]
        if skipped
        else []
    )
    return Group(_title("walk", lang), ByWidth(table, entries), *tail)


def _told(check: Mapping[str, Any], runbooks: Runbooks, lang: str) -> dict[str, str]:
    """Write what a check read, and against what, by the column that it stands in."""
    unit = check.get("unit") or "-"
    named = isinstance(check["reading"], float) and unit != "-"
    return {
        "reading": words.value(check["reading"], lang) + (f" {unit}" if named else ""),
        "threshold": words.value(check["threshold"], lang),
        "baseline": words.value(check["baseline"], lang),
        "entity": " ".join(filter(None, (check.get("at"), _say(check.get("reason"), runbooks, lang)))),
    }


def _questions(questions: Mapping[str, Any], lang: str) -> RenderableType:
    lines = [Text(f"- {questions['open']['text'][lang]}")]
    for one in questions["closed"][:QUESTIONS]:
        answers = " / ".join(answer[lang] for answer in one["answers"].values())
        lines.append(Text(f"- {one['text'][lang]} ({answers}; {one['bits']:.2f} {words.word('bits', lang)})"))
    return Group(_title("questions", lang), *lines)


def _history(events: Sequence[Mapping[str, Any]], runbooks: Runbooks, lang: str) -> RenderableType:
    table = _table("at", "who", "state", "why", lang=lang)
    entries = []
    for event in events:
        why = _say(event["why"], runbooks, lang) + (
            f" → {_department(runbooks, event['department'], lang)}" if event.get("department") else ""
        )
        state, at = words.kind("state", event["to"], lang), _moment(event["at"])
        table.add_row(at, event["who"], state, why)
        entries.append(Entry(Text.assemble((state, "bold"), f"  {at} · {event['who']}"), [Text(why)]))
    return Group(_title("history", lang), ByWidth(table, entries))


def _listing(rows: Sequence[Mapping[str, Any]], runbooks: Runbooks, lang: str) -> RenderableType:
    names = [name for name in LIFE if any(row.get(LIFE[name]) for row in rows)]
    table = _table("ticket", *names, "category", "verdict", "cause", lang=lang)
    entries = []
    now = datetime.now(UTC)
    for row in rows:
        given = {name: _lived(name, row.get(LIFE[name]), runbooks, lang, now) for name in names}
        verdict = Text(words.kind("verdict", row.get("verdict"), lang), _colour(row.get("verdict")))
        category = words.kind("category", row.get("category"), lang)
        cause = _cause(runbooks, row.get("top_cause"), lang)
        table.add_row(row["id"], *given.values(), category, verdict, cause)
        holder = given.pop("holder", Text())
        about = Text(f"{category}: {cause}") + (Text(f" → {holder}") if holder else Text())
        head = Text("  ").join([Text(row["id"], "bold"), *given.values(), verdict])
        entries.append(Entry(head, [about]))
    return ByWidth(table, entries) if rows else Text(words.word("none", lang))


def _lived(name: str, value: Any, runbooks: Runbooks, lang: str, now: datetime) -> Text:
    """Write one column of a ticket's life; what is past its clock is red."""
    match name:
        case "state":
            return Text(words.kind("state", value, lang))
        case "holder":
            return Text(_department(runbooks, value or "–", lang))
        case "reply_due":
            due = datetime.fromisoformat(value) if value else None
            return Text(words.span(due, now, lang), "red" if due and due < now else "")
    return Text(str(value or "–"))


def _colour(verdict: str | None) -> str:
    return COLOURS.get(verdict or "", "")


def _row_of(result: Mapping[str, Any]) -> dict[str, Any]:
    top = result["causes"][0] if result["causes"] else {}
    return {
        "id": result["ticket_id"], "category": result["category"]["id"], "verdict": result["verdict"],
        "top_cause": top.get("id"), "department": top.get("department"),
    }  # fmt: skip


def _wanted(row: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    names = {"category": "category", "cause": "top_cause", "department": "department"}
    unknown = [name for name in asked if asked[name] is not None and name not in names]
    if unknown:
        raise UsageError("only a running service knows this", key=f"--{unknown[0]}")
    return all(asked.get(name) in (None, row[column]) for name, column in names.items())


def _one_source(store: Path | None, results: Path | None) -> None:
    if store is not None and results is not None:
        raise UsageError("name one source, not two", key="--store, --results")


def _there(store: Path | None) -> Path:
    if store is None:
        raise UsageError("no source", key="--store")
    return store


def _table(*keys: str, lang: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for key in keys:
        table.add_column(words.word(key, lang), overflow="fold")
    return table


def _title(key: str, lang: str) -> Text:
    return Text(f"\n{words.word(key, lang)}", "bold")


def _cause(runbooks: Runbooks, cause: str | None, lang: str) -> str:
    known = runbooks.causes.get(cause or "")
    return f"{known.title.in_language(lang)} ({cause})" if known else cause or "–"


def _say(text: str | None, runbooks: Runbooks, lang: str) -> str:
    return say(text, lang, lambda cause: _cause(runbooks, cause, lang))


def _department(runbooks: Runbooks, text: str, lang: str) -> str:
    parts = [part.strip() for part in text.split(";")]
    return "; ".join(runbooks.departments.get(part, part) if lang == "zh" else part for part in parts)


def _moment(value: object) -> str:
    try:
        return words.moment(datetime.fromisoformat(str(value)))
    except ValueError:
        return str(value)
