"""How right a batch of diagnoses is, against a truth that was kept apart."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callcause_error import CallcauseError, UsageError

CANNOT_TELL, NO_FAULT = "cannot_tell", "no_fault"
PREFIXES = {
    "reg": "registration",
    "acc": "access",
    "drop": "drop",
    "mos": "mos",
    "csfb": "csfb",
    "all": "shared",
}
# Causes where the network does what it should (is_fault false in the cause list): blaming it is wrong blame.
NOT_A_FAULT = frozenset(
    {
        "all-planned-work",
        "all-ticket-incomplete",
        "all-out-of-scope",
        "reg-volte-not-subscribed",
        "reg-terminal-unsupported",
        "reg-switch-off",
        "reg-sim-card-or-slot",
        "reg-account-barred",
        "acc-user-behaviour",
        "acc-blocked-by-policy",
        "drop-normal-release-or-cs-handover",
        "csfb-expected-for-terminal",
        "csfb-counter-artefact",
    }
)
BINS = 10
ALL = "all"


@dataclass(frozen=True)
class Outcome:
    """One ticket: what was true and what was said."""

    ticket_id: str
    group: str
    truth: str
    truth_category: str
    category: str
    verdict: str
    causes: tuple[tuple[str, float], ...]
    missing: tuple[str, ...]
    removed: tuple[str, ...] = ()

    @property
    def is_cause(self) -> bool:
        """Whether the truth names a cause (not cannot_tell or no_fault)."""
        return self.truth not in (CANNOT_TELL, NO_FAULT)

    def right(self, depth: int) -> bool:
        """Whether the truth is among the first `depth` answers; verdict truths by the verdict."""
        if not self.is_cause:
            return self.verdict == self.truth
        return self.truth in [cause for cause, _ in self.causes[:depth]]

    @property
    def names_removed(self) -> bool:
        """Whether `missing` names what was removed; any need counts where the truth does not say what was."""
        if not self.removed:
            return bool(self.missing)
        return any(_is_named(need, removed) for need in self.missing for removed in self.removed)

    @property
    def probability(self) -> float:
        """Probability given to the first cause, 0 when none is named."""
        return self.causes[0][1] if self.causes else 0.0

    @property
    def network_is_good(self) -> bool:
        """Whether no network fault is behind the ticket."""
        return self.truth == NO_FAULT or self.truth in NOT_A_FAULT

    @property
    def blamed(self) -> bool:
        """Whether the network is blamed for what it did not do."""
        said = self.causes[0][0] if self.causes else ""
        return self.network_is_good and self.verdict == "cause" and said not in NOT_A_FAULT


@dataclass(frozen=True)
class Score:
    """Figures of one group; a share whose denominator is 0 is None (not measured), never 0."""

    n: int
    category_accuracy: float | None
    top1: float | None
    top3: float | None
    cannot_tell_n: int
    cannot_tell_right: float | None
    cannot_tell_names_missing: float | None
    no_fault_n: int
    no_fault_right: float | None
    good_network_n: int
    wrong_blame: float | None
    calibration_error: float | None
    brier: float | None


# Roles under which the call record of a ticket is asked for.
ROLES = {"called": "call", "calling": "call"}


def _is_named(need: str, removed: str) -> bool:
    """Whether a need (`call`, `call.t_100`) is the removed input: the same, its record, or a part of it."""
    record, _, column = need.partition(".")
    record = ROLES.get(record, record)
    of, _, field = removed.partition(".")
    return record == of and (not column or field in ("", "*", column))


def _share(hits: Iterable[bool]) -> float | None:
    values = list(hits)
    return sum(values) / len(values) if values else None


def calibration_error(probabilities: list[float], right: list[bool]) -> float | None:
    """Compute the expected calibration error, the mean gap of confidence and accuracy over ten bins."""
    if not probabilities:
        return None
    total = 0.0
    for number in range(BINS):
        inside = [i for i, p in enumerate(probabilities) if min(int(p * BINS), BINS - 1) == number]
        if inside:
            confidence = sum(probabilities[i] for i in inside) / len(inside)
            accuracy = sum(right[i] for i in inside) / len(inside)
            total += len(inside) * abs(confidence - accuracy)
    return total / len(probabilities)


def brier_score(probabilities: list[float], right: list[bool]) -> float | None:
    """Mean square of probability minus truth (0 or 1) of the first cause."""
    if not probabilities:
        return None
    return sum((p - float(hit)) ** 2 for p, hit in zip(probabilities, right, strict=True)) / len(
        probabilities
    )


def score(outcomes: list[Outcome]) -> Score:
    """All figures of a group. Calibration looks at tickets whose verdict names a cause first."""
    told = [o for o in outcomes if o.causes and o.verdict != CANNOT_TELL]
    hits = [o.is_cause and o.right(1) for o in told]
    probabilities = [o.probability for o in told]
    unknown = [o for o in outcomes if o.truth == CANNOT_TELL]
    fine = [o for o in outcomes if o.truth == NO_FAULT]
    good = [o for o in outcomes if o.network_is_good]
    known = [o for o in outcomes if o.truth_category]
    return Score(
        n=len(outcomes),
        category_accuracy=_share(o.category == o.truth_category for o in known),
        top1=_share(o.right(1) for o in outcomes),
        top3=_share(o.right(3) for o in outcomes),
        cannot_tell_n=len(unknown),
        cannot_tell_right=_share(o.right(1) for o in unknown),
        cannot_tell_names_missing=_share(o.names_removed for o in unknown),
        no_fault_n=len(fine),
        no_fault_right=_share(o.right(1) for o in fine),
        good_network_n=len(good),
        wrong_blame=_share(o.blamed for o in good),
        calibration_error=calibration_error(probabilities, hits),
        brier=brier_score(probabilities, hits),
    )


@dataclass(frozen=True)
class Evaluation:
    """Scores by group (`all` first), single outcomes, and tickets of the truth that have no result."""

    scores: Mapping[str, Score]
    outcomes: tuple[Outcome, ...]
    unanswered: tuple[str, ...]
    unknown_tickets: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Figures for JSON."""
        return {
            "groups": {name: dict(vars(value)) for name, value in self.scores.items()},
            "unanswered": list(self.unanswered),
            "unknown_tickets": list(self.unknown_tickets),
            "wrong": [
                {
                    "ticket_id": o.ticket_id,
                    "truth": o.truth,
                    "verdict": o.verdict,
                    "first": o.causes[0][0] if o.causes else None,
                }
                for o in self.outcomes
                if not o.right(1)
            ],
        }

    def table(self) -> str:
        """Figures as text columns for a terminal."""
        head = (
            "group",
            "n",
            "category",
            "top-1",
            "top-3",
            "cannot_tell",
            "named",
            "no_fault",
            "wrong blame",
            "ECE",
            "Brier",
        )
        rows = [head] + [_row(name, value) for name, value in self.scores.items()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        if self.unanswered:
            lines.append(f"{len(self.unanswered)} tickets of the truth have no result and count as wrong")
        if self.unknown_tickets:
            lines.append(
                f"{len(self.unknown_tickets)} results belong to no ticket of the truth and are left out"
            )
        lines.append("ECE: expected calibration error of the first probability, ten bins")
        return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _row(name: str, s: Score) -> tuple[str, ...]:
    return (
        name,
        str(s.n),
        _percent(s.category_accuracy),
        _percent(s.top1),
        _percent(s.top3),
        _percent(s.cannot_tell_right),
        _percent(s.cannot_tell_names_missing),
        _percent(s.no_fault_right),
        _percent(s.wrong_blame),
        _number(s.calibration_error),
        _number(s.brier),
    )


def read_truth(path: Path) -> dict[str, dict[str, str]]:
    """Rows of the truth by ticket id; `ticket_id` and `cause_id` are required and filled."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            for key in ("ticket_id", "cause_id"):
                if key not in names:
                    raise UsageError(
                        f"no column {key!r}, found {', '.join(names)}", file=str(path), line=1, key=key
                    )
            return _truth_rows(reader, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot be read: {error}", file=str(path)) from error


def _truth_rows(reader: Iterable[dict[str, str]], path: Path) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for line, row in enumerate(reader, start=2):
        ticket = row["ticket_id"]
        if not ticket or not row["cause_id"]:
            raise UsageError("ticket_id and cause_id must be filled", file=str(path), line=line)
        if ticket in rows:
            raise UsageError("second row for the same ticket", file=str(path), line=line, key=ticket)
        rows[ticket] = row
    return rows


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """Diagnoses of a results file (JSON array of the contract) by ticket id."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be read as JSON: {error}", file=str(path)) from error
    if not isinstance(document, list):
        raise UsageError("expected a JSON array of diagnoses", file=str(path))
    results: dict[str, dict[str, Any]] = {}
    for number, item in enumerate(document):
        if not isinstance(item, dict) or not isinstance(item.get("ticket_id"), str):
            raise UsageError("diagnosis without a ticket_id", file=str(path), key=f"[{number}]")
        results[item["ticket_id"]] = item
    return results


def _group(row: Mapping[str, str]) -> tuple[str, str]:
    """Group for the table and true category ("" when the truth does not say)."""
    category = row.get("category") or ""
    prefix = PREFIXES.get(row["cause_id"].split("-", 1)[0], "")
    if not category and prefix != "shared":
        category = prefix
    return category or prefix or "unassigned", category


def _outcome(ticket: str, row: Mapping[str, str], result: Mapping[str, Any], path: Path) -> Outcome:
    group, category = _group(row)
    try:
        causes = tuple((str(c["id"]), float(c["probability"])) for c in result.get("causes") or [])
        said = str((result.get("category") or {}).get("id", ""))
        missing = tuple(str(need["need"]) for need in result.get("missing") or [])
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise UsageError(f"not a diagnosis of the contract: {error!r}", file=str(path), key=ticket) from error
    verdict = str(result.get("verdict", "none"))
    removed = tuple(part for part in (row.get("removed_input") or "").split(";") if part)
    return Outcome(ticket, group, row["cause_id"], category, said, verdict, causes, missing, removed)


def evaluate(truth: Path, results: Path) -> Evaluation:
    """Compare a results file with a truth file.

    A truth `cannot_tell` or `no_fault` is right when the verdict is; a cause is right when it stands first. A
    ticket without a result counts as wrong. Raises UsageError for files that are not what they should be.
    """
    rows, answers = read_truth(Path(truth)), read_results(Path(results))
    if not rows:
        raise CallcauseError("the truth has no ticket", file=str(truth))
    outcomes = tuple(_outcome(t, row, answers.get(t, {}), Path(results)) for t, row in rows.items())
    groups: dict[str, list[Outcome]] = {ALL: list(outcomes)}
    for outcome in sorted(outcomes, key=lambda o: o.group):
        groups.setdefault(outcome.group, []).append(outcome)
    return Evaluation(
        {name: score(members) for name, members in groups.items()},
        outcomes,
        tuple(t for t in rows if t not in answers),
        tuple(t for t in answers if t not in rows),
    )
