"""The walk from tickets to diagnoses: classify, gather evidence, check, rank, decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.threads import spread
from diagnosis import evidence as evidence_builder
from diagnosis.calibration import Calibration, load_calibration
from diagnosis.classification import CATEGORIES, Classification, classify, collect_text_flags
from diagnosis.evidence import Evidence, EvidenceSettings
from diagnosis.outcome import Mask, Outcomes, Plan, evaluate, make_plan
from diagnosis.ranking import Weights, make_weights
from diagnosis.result import DiagnosisBatch
from diagnosis.settings import DiagnosisSettings
from diagnosis.source import Kept, RecordSource
from diagnosis.verdict import Ranked, put, rank, room_for, running_trees
from runbooks.model import Runbooks

# Names that the engine itself reads, beside those of the conditions.
OWN_NAMES = frozenset({"mos_score", "rtp_loss_ratio", "rtp_jitter", "abnormal_reason"})
RANKED_AT_ONCE = 8192


class Engine:
    """Diagnoses batch after batch, and keeps what does not depend on the tickets.

    Kept are the numbered runbooks, their weights, the text model, and what is summed over all records of a
    store, this last only while those records stay the same: the answer is that of `diagnose`. One thread at
    a time.
    """

    def __init__(
        self,
        runbooks: Runbooks,
        catalogue: Catalogue,
        settings: DiagnosisSettings | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.plan = make_plan(runbooks)
        self.weights = make_weights(self.plan)
        self.catalogue = catalogue
        self.settings = settings or DiagnosisSettings()
        self.calibration = calibration or load_calibration()
        self._evidence_settings = _evidence_settings(self.plan, self.settings)
        self._scopes = kpi_scopes(catalogue)
        self._kept = Kept()

    def diagnose(self, source: RecordSource, tickets: pl.DataFrame | None = None) -> DiagnosisBatch:
        """Diagnose the given tickets (record `ticket`), or all that the source holds."""
        frame = source.records("ticket").collect() if tickets is None else tickets
        guessed = with_category_guess(frame)
        evidence = evidence_builder.build(
            source, guessed, self.catalogue, self._evidence_settings, self._kept
        )
        return decide(_with_text_flags(evidence), self.weights, self.settings, self.calibration, self._scopes)


def diagnose(
    source: RecordSource,
    tickets: pl.DataFrame | None,
    runbooks: Runbooks,
    catalogue: Catalogue,
    settings: DiagnosisSettings | None = None,
    calibration: Calibration | None = None,
) -> DiagnosisBatch:
    """Diagnose the given tickets (record `ticket`), or all that the source holds.

    All tickets go through every step at once; contract objects are built when they are asked for. A service
    that is asked again and again keeps an `Engine`.
    """
    return Engine(runbooks, catalogue, settings, calibration).diagnose(source, tickets)


def decide(
    evidence: Evidence,
    weights: Weights,
    settings: DiagnosisSettings,
    calibration: Calibration,
    scopes: Mapping[str, str],
) -> DiagnosisBatch:
    """Everything after the evidence; for callers that hold evidence already."""
    plan = weights.plan
    limits = settings.limits(plan.runbooks)
    classification = classify(evidence.frame)
    trees = running_trees(plan, classification, evidence, settings.rival_category_share)
    outcomes = evaluate(plan, evidence, limits, trees)
    ranked = _ranked(weights, outcomes, classification, trees, settings, calibration)
    return DiagnosisBatch(
        evidence,
        outcomes,
        classification,
        ranked,
        weights,
        trees,
        settings,
        calibration,
        limits,
        _inputs(plan),
        scopes,
    )


def _ranked(
    weights: Weights,
    outcomes: Outcomes,
    classification: Classification,
    trees: Mapping[str, Mask],
    settings: DiagnosisSettings,
    calibration: Calibration,
) -> Ranked:
    """Rank some tickets at a time: no ticket looks at another here, and the matrices stay in the cache."""

    def part(start: int) -> Ranked:
        end = start + RANKED_AT_ONCE
        return rank(
            weights,
            outcomes.rows(start, RANKED_AT_ONCE),
            classification.rows(start, RANKED_AT_ONCE),
            {category: runs[start:end] for category, runs in trees.items()},
            settings,
            calibration,
        )

    count, first = len(outcomes.entries), part(0)
    if count <= RANKED_AT_ONCE:
        return first
    whole = room_for(count, first)
    put(whole, 0, first)
    spread(lambda start: put(whole, start, part(start)), range(RANKED_AT_ONCE, count, RANKED_AT_ONCE))
    return whole


def with_category_guess(tickets: pl.DataFrame) -> pl.DataFrame:
    """Add `category_guess`: what ticket, text and answers say, before any record has been looked at."""
    named = tickets.rename({name: f"ticket.{name}" for name in tickets.columns})
    if "ticket.description" not in named.columns:
        named = named.with_columns(pl.lit(None, pl.String).alias("ticket.description"))
    named = named.with_columns(collect_text_flags(named)["out_of_scope_text"])
    best = pl.Series(
        "category_guess", [CATEGORIES[n] for n in classify(named).best.tolist()], dtype=pl.String
    )
    return tickets.with_columns(best)


def _with_text_flags(evidence: Evidence) -> Evidence:
    flags = collect_text_flags(evidence.frame)
    return replace(evidence, frame=evidence.frame.with_columns(flags))


def _evidence_settings(plan: Plan, settings: DiagnosisSettings) -> EvidenceSettings:
    names = {name for check in plan.checks for name in check.names}
    regional = {region: own.evidence for region, own in settings.regions.items() if own.evidence}
    limits: dict[str, Any] = dict(settings.evidence)
    return EvidenceSettings(names=frozenset(names | OWN_NAMES), regional=regional, **limits)


# Record that a derived value is read from, where it names no inputs of its own.
_RECORD_OF_PLACE = {
    "alarm": "alarm", "change": "change", "neighbour": "neighbour", "slices": "voice_slice",
    "cluster": "ticket_volume", "population": "device_model", "registration_history": "registration",
    "edge_node": "node", "own_records": "call",
    "ticket": "ticket", "gsm_cell": "call.gsm_cgi",
}  # fmt: skip


def _inputs(plan: Plan) -> dict[str, Sequence[str]]:
    """Return what each derived name is made of; a name that looks at checks is made of what those read."""
    found: dict[str, Sequence[str]] = {p: (record,) for p, record in _RECORD_OF_PLACE.items() if p != record}
    for name, spec in evidence_builder.derived_names().items():
        found[name] = spec.inputs or (_RECORD_OF_PLACE.get(spec.place, spec.place),)
    for name, checks in plan.hits_of.items():
        found[name] = [
            n for check in checks for n in plan.runbooks.checks[check].names if n not in plan.hits_of
        ]
    return found


def kpi_scopes(catalogue: Catalogue) -> dict[str, str]:
    """KPI id -> scope."""
    return {kpi.id: kpi.scope for kpi in catalogue.kpis}
