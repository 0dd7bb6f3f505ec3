"""The report of a rehearsed month, as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from callcause.loop.indicator import indicators
from callcause.loop.service_report import SHOWN
from callcause.rehearsal.findings import Findings, Judged
from callcause.rehearsal.learning import Taught
from callcause.rehearsal.month import Month
from diagnosis.recalibration import Quality

WARNING_COLUMNS = ("day", "type", "region", "level", "count", "threshold", "state", "truth")
CLUSTER_COLUMNS = ("key", "entity", "tickets", "top cause", "chance", "truth")


def text(month: Month, found: Findings, learnt: Taught, counts: Mapping[str, int]) -> str:
    """Return the whole report."""
    zone = month.zone.key
    parts = [
        f"Rehearsal of {month.begin:%Y-%m-%d} to {month.end:%Y-%m-%d}: {counts['posted']} tickets, "
        f"{_states(found.states)}",
        f"first answer right: {_ratio(found.first, sum(found.states.values()))}",
        "steps: " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items()) if name != "posted"),
        *(_section(found.lives, month, by, zone) for by in ((), ("region",), ("department",), ("category",))),
        "\nWarnings raised, and their truth\n" + _judged(found.warnings, WARNING_COLUMNS),
        "\nClusters found, and their truth\n" + _judged(found.clusters, CLUSTER_COLUMNS),
        "\nEffect of remedies\n" + _effects(found.effects),
        "\nCalibration\n" + _calibration(learnt),
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _section(lives: pl.DataFrame, month: Month, by: Sequence[str], zone: str) -> str:
    title = f"Indicators by {by[0]}" if by else "Indicators"
    return f"\n{title}\n" + _frame(indicators(lives, month.customers, by, zone), by)


def _frame(frame: pl.DataFrame, by: Sequence[str]) -> str:
    if not by:
        row = frame.row(0, named=True)
        return "\n".join(f"  {name:<26}{_cell(row[name])}" for name in SHOWN)
    shown = [name for name in SHOWN if frame[name].null_count() < frame.height]
    return table(
        (by[0], *shown), [[_cell(v) for v in row] for row in frame.select(by[0], *shown).iter_rows()]
    )


def _judged(judged: Judged, columns: Sequence[str]) -> str:
    told = (
        f"  precision {_ratio(judged.right, judged.found)}, recall {_ratio(judged.met, judged.true)}"
        if judged.found or judged.true
        else "  none"
    )
    return (table(columns, judged.rows) + "\n" if judged.rows else "") + told


def _effects(effects: Mapping[tuple[str, str], int]) -> str:
    rows = [(true, seen, str(number)) for (true, seen), number in effects.items()]
    return table(("truth", "seen", "tickets"), rows) if rows else "  none"


def _calibration(learnt: Taught) -> str:
    rows = []
    if learnt.half is not None:
        rows += _pair("half way, held back", learnt.half.before, learnt.half.after)
    rows += _pair("closed after half way", learnt.later_before, learnt.later_after)
    rows += _pair("at the end, held back", learnt.end.before, learnt.end.after)
    return table(("tickets", "weights", "n", "top-1", "calibration error", "log loss"), rows)


def _pair(name: str, before: Quality, after: Quality) -> list[tuple[str, ...]]:
    return [
        (
            name, weights, str(one.tickets), _cell(one.top_1), _cell(one.calibration_error),
            _cell(one.log_loss),
        )
        for weights, one in (("expert", before), ("learnt", after))
    ]  # fmt: skip


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned table."""
    widths = [max(len(str(row[n])) for row in (columns, *rows)) for n in range(len(columns))]
    lines = (
        "  " + "  ".join(str(v).ljust(w) for v, w in zip(row, widths, strict=True))
        for row in (columns, *rows)
    )
    return "\n".join(line.rstrip() for line in lines)


def _states(states: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in states.items())


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _ratio(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % ({part}/{whole})" if whole else "-"
