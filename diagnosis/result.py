"""The diagnosis of a batch of tickets: columns inside, contract JSON outside."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from diagnosis.calibration import Calibration
from diagnosis.classification import CATEGORIES, Classification
from diagnosis.conditions import Limits, Readings
from diagnosis.counterfactual import Flip, find_flips
from diagnosis.guilty_node import guilty_node
from diagnosis.missing import Missing
from diagnosis.outcome import HIT, MISS, Mask, Outcomes, Plan, half_met
from diagnosis.ranking import Weights
from diagnosis.reading import CheckReader
from diagnosis.row import Columns, Row, Unknown
from diagnosis.settings import DiagnosisSettings
from diagnosis.support import NOT_A_COMPLAINT, STOPPING
from diagnosis.verdict import CANNOT_TELL, CAUSE, VERDICTS, Ranked

SCHEMA = "callcause.diagnosis/1"
SLICE = 2000


@dataclass(frozen=True)
class DiagnosisBatch:
    """All tickets of one run, in the order of their ids."""

    readings: Readings
    outcomes: Outcomes
    classification: Classification
    ranked: Ranked
    weights: Weights
    trees: Mapping[str, Mask]
    settings: DiagnosisSettings
    calibration: Calibration
    limits: Mapping[str, Limits]
    inputs: Mapping[str, Sequence[str]]
    kpi_scopes: Mapping[str, str]

    @property
    def plan(self) -> Plan:
        """The numbered runbooks."""
        return self.weights.plan

    @cached_property
    def ticket_ids(self) -> list[str]:
        """Ids of the tickets, one per row."""
        return self.outcomes.readings["ticket.id"].to_list()

    def __len__(self) -> int:
        return len(self.ticket_ids)

    def table(self, causes: int = 3) -> pl.DataFrame:
        """One row per ticket: id, category, verdict, and the first causes with their probabilities."""
        order = np.argsort(-self.ranked.causes, axis=1, kind="stable")[:, :causes]
        names = np.array(self.plan.causes)[order]
        values = np.take_along_axis(self.ranked.causes, order, axis=1)
        columns: dict[str, Any] = {
            "ticket_id": self.ticket_ids,
            "category": np.array(CATEGORIES)[self.ranked.category],
            "category_probability": self.classification.probability.max(axis=1),
            "verdict": np.array(VERDICTS)[self.ranked.verdict],
        }
        for place in range(order.shape[1]):
            columns |= {f"cause_{place + 1}": names[:, place], f"probability_{place + 1}": values[:, place]}
        return pl.DataFrame(columns)

    def results(self, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Contract objects of the named tickets, or of all; unknown ids are left out."""
        if ids is None:
            return [result for part in self.slices() for result in part]
        number = {ticket: row for row, ticket in enumerate(self.ticket_ids)}
        return self._of_rows([number[ticket] for ticket in ids if ticket in number])

    def slices(self) -> Iterator[list[dict[str, Any]]]:
        """Contract objects of all tickets, some at a time, so that memory stays bounded."""
        for start in range(0, len(self), SLICE):
            yield self._of_rows(list(range(start, min(start + SLICE, len(self)))))

    def write_json(self, path: Path) -> None:
        """Write the JSON array; the same inputs give the same bytes."""
        with Path(path).open("w", encoding="utf-8", newline="\n") as out:
            out.write("[")
            between = "\n"
            for part in self.slices():
                for result in part:
                    out.write(between + json.dumps(result, ensure_ascii=False, separators=(",", ":")))
                    between = ",\n"
            out.write("\n]\n")

    def _of_rows(self, rows: list[int]) -> list[dict[str, Any]]:
        if not rows:
            return []
        return _Writer(self, rows).all()


class _Writer:
    """Turns a slice of rows into contract objects."""

    def __init__(self, batch: DiagnosisBatch, rows: list[int]) -> None:
        self.batch, self.rows, self.plan = batch, rows, batch.plan
        self.columns = Columns(batch.readings, batch.outcomes.readings[rows])
        self.columns.read_known(name for check in self.plan.checks for name in check.names)
        self.reader = CheckReader(self.plan, batch.limits)
        self.missing = Missing(self.plan, batch.inputs, batch.kpi_scopes)
        entries = batch.outcomes.entries[rows]
        half = half_met(self.plan, entries, batch.readings, self.columns.frame, batch.limits)
        self.half_met: list[list[bool]] = half.tolist()
        self.entries: list[list[int]] = entries.tolist()
        self.checks: list[list[int]] = batch.outcomes.checks[rows].tolist()
        self.ranked_states: list[list[int]] = batch.ranked.states[rows].tolist()
        self.shown = self._checks_shown()
        self.departments = {
            cause.id: ";".join(d.en for d in cause.departments)
            for cause in self.plan.runbooks.causes.values()
        }
        self.listed = [self._listed(row) for row in rows]
        self.flips = self._flips()

    def _checks_shown(self) -> list[list[int]]:
        """Numbers of the checks of the trees that run, for each row."""
        categories = list(self.batch.trees)
        runs = np.stack([self.batch.trees[category][self.rows] for category in categories], axis=1)
        different, which = np.unique(runs, axis=0, return_inverse=True)
        shown = [
            [
                number
                for number, check in enumerate(self.plan.checks)
                if running[categories.index(check.category)]
            ]
            for running in different.tolist()
        ]
        return [shown[number] for number in which.ravel().tolist()]

    def _flips(self) -> dict[tuple[int, int], Flip]:
        ranked = self.batch.ranked
        total = ranked.scores[self.rows, : len(self.plan.causes)]
        by_rule = [
            self.plan.cause_number[c] for c in (*STOPPING, *NOT_A_COMPLAINT) if c in self.plan.cause_number
        ]
        forced = np.asarray(ranked.support.shared_hit[self.rows][:, by_rule].any(axis=1))
        return find_flips(
            self.batch.weights, ranked.states[self.rows], total, self.listed, self.batch.calibration, forced
        )

    def _listed(self, row: int) -> list[int]:
        """Causes shown: the likely ones, and at least three where the verdict is `cause`."""
        settings, ranked = self.batch.settings, self.batch.ranked
        probability = ranked.causes[row]
        order = np.argsort(-probability, kind="stable")
        likely = int((probability >= settings.min_probability).sum())
        least = 3 if ranked.verdict[row] == CAUSE else 0
        return [int(c) for c in order[: max(min(likely, settings.causes_shown), least)]]

    def all(self) -> list[dict[str, Any]]:
        """Build the objects of the slice; they hold no cycle, so nothing is searched for one meanwhile."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            return [self._result(i, row) for i, row in enumerate(self.rows)]
        finally:
            if collecting:
                gc.enable()

    def _result(self, i: int, row: int) -> dict[str, Any]:
        batch, ranked, evidence = self.batch, self.batch.ranked, Row(self.columns, i)
        unknown, listed = Unknown(evidence), self.listed[i]
        top = self.plan.causes[listed[0]] if listed else None
        supports = top is not None and ranked.verdict[row] == CAUSE
        return {
            "schema": SCHEMA,
            "ticket_id": batch.ticket_ids[row],
            "category": batch.classification.result(row),
            "verdict": VERDICTS[ranked.verdict[row]],
            "causes": [self._cause(i, row, cause, unknown) for cause in listed],
            "checks": self._checks(i, evidence),
            "missing": self._missing(i, row, evidence, unknown),
            "guilty_node": guilty_node(top, self.plan.runbooks.causes[top].guilty_node_type, evidence)
            if supports and top is not None
            else None,
            "cluster": _cluster(evidence) if self._hits(i, "G-03") else None,
            "runbook_version": self.plan.runbooks.version,
        }

    def _missing(self, i: int, row: int, evidence: Row, unknown: Unknown) -> list[dict[str, Any]]:
        if self._hits(i, "G-01"):
            return self.missing.of_ticket(evidence)
        settings = self.batch.settings
        undecided = self.batch.ranked.verdict[row] == CANNOT_TELL
        most = settings.needs_shown_undecided if undecided else settings.needs_shown
        return self.missing.of_row(self.entries[i], self.half_met[i], evidence, unknown, most)

    def _hits(self, i: int, check: str) -> bool:
        number = self.plan.check_number.get(check)
        return number is not None and self.checks[i][number] == HIT

    def _checks(self, i: int, evidence: Row) -> list[dict[str, Any]]:
        checks, entries = self.checks[i], self.entries[i]
        return [self.reader.check(number, checks[number], entries, evidence) for number in self.shown[i]]

    def _cause(self, i: int, row: int, cause: int, unknown: Unknown) -> dict[str, Any]:
        known = self.plan.runbooks.causes[self.plan.causes[cause]]
        states = self.ranked_states[i]
        supports = self.batch.weights.supports[cause]
        hit = [e.check_id for e in supports if states[e.number] == HIT]
        against = [
            e.check_id
            for e in supports
            if states[e.number] == MISS and e.spec.miss < 0 and e.check_id not in hit
        ]
        flip = self.flips.get((i, cause))
        return {
            "id": known.id,
            "probability": round(float(self.batch.ranked.causes[row, cause]), 4),
            "department": self.departments[known.id],
            "remedy": {"en": known.remedy.en, "zh": known.remedy.zh},
            "supported_by": list(dict.fromkeys(hit)),
            "contradicted_by": list(dict.fromkeys(against)),
            "would_change_if": self._change_text(flip, unknown) if flip else None,
        }

    def _change_text(self, flip: Flip, unknown: Unknown) -> str:
        names = flip.entry.spec.condition.names
        return flip.text(self.plan.causes, frozenset(name for name in names if unknown.get(name, True)))


def _cluster(evidence: Row) -> dict[str, Any]:
    return {
        "key_type": evidence.get("cluster_key_type"),
        "key": evidence.get("cluster_key"),
        "tickets_24h": evidence.get("tickets_24h"),
    }
