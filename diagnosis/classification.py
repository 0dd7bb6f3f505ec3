"""Category of each ticket: its own category, the text, the handset answers and the evidence decide together.

Log-linear: each source adds the log of what it says about the six categories; `decided_by` is the source that
parted the winner most from the rest. All tickets at once; equal texts are read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from diagnosis.text_model import CATEGORIES, DATA, normalised, trained_model
from diagnosis.text_rules import TEXT, collect_text_flags, rule_log_odds, rules_met, without_denials

SOURCES = ("ticket", "text", "handset_state", "evidence")
Floats = NDArray[np.float64]
__all__ = ["CATEGORIES", "Classification", "classify", "collect_text_flags"]


@lru_cache(maxsize=1)
def _weights() -> Mapping[str, Any]:
    weights: dict[str, Any] = yaml.safe_load((DATA / "category_weights.yaml").read_text("utf-8"))
    return weights


@dataclass(frozen=True)
class Classification:
    """`probability`: tickets x categories; `said`: tickets x sources x categories, in log-odds."""

    probability: Floats
    said: Floats
    frame: pl.DataFrame  # the columns that `because` quotes

    def rows(self, start: int, count: int) -> Classification:
        """Return some tickets of the batch."""
        end = start + count
        return Classification(
            self.probability[start:end], self.said[start:end], self.frame.slice(start, count)
        )

    @cached_property
    def best(self) -> NDArray[np.int64]:
        """Number of the most probable category of each ticket."""
        return np.asarray(self.probability.argmax(axis=1))

    def decided_by(self) -> NDArray[np.int64]:
        """Return the number of the source that spoke most for the winner against the others."""
        rows = np.arange(len(self.said))
        winner = self.said[rows, :, self.best]
        lead = winner - (self.said.sum(axis=2) - winner) / (len(CATEGORIES) - 1)
        return np.asarray((lead + np.array([0, 1e-9, 0, 0])).argmax(axis=1))

    def result(self, row: int) -> dict[str, Any]:
        """Return the `category` object of the contract."""
        best = int(self.best[row])
        decided = int(self.decided_by_row(row))
        return {
            "id": CATEGORIES[best],
            "probability": round(float(self.probability[row, best]), 4),
            "decided_by": SOURCES[decided],
            "because": self.because(row),
        }

    def decided_by_row(self, row: int) -> int:
        """Return number of the deciding source of one ticket."""
        return int(
            Classification(
                self.probability[row : row + 1], self.said[row : row + 1], self.frame
            ).decided_by()[0]
        )

    def because(self, row: int) -> list[str]:
        """Return what spoke for the category, the strongest source first."""
        best = int(self.best[row])
        lead = self.said[row, :, best] - self.said[row].mean(axis=1)
        order = [int(s) for s in np.argsort(-lead, kind="stable") if lead[s] > 0.05]
        values = self.frame.row(row, named=True)
        return [text for source in order for text in _says(SOURCES[source], CATEGORIES[best], values)]


def classify(frame: pl.DataFrame) -> Classification:
    """Classify all tickets of an evidence frame; columns that it lacks count as not known."""
    columns = _columns(frame)
    said = np.stack(
        [_from_ticket(columns), _from_text(columns), _from_answers(columns), _from_evidence(columns)], axis=1
    )
    prior = np.log(np.array(_weights()["prior"]))
    total = said.sum(axis=1) + prior
    return Classification(np.exp(total - np.logaddexp.reduce(total, axis=1)[:, None]), said, columns)


def _columns(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns that classification reads, absent ones as nulls, and the evidence flags."""
    wanted: dict[str, pl.DataType | type[pl.DataType]] = {
        "ticket.category": pl.String, "ticket.category_confidence": pl.Float64, TEXT: pl.String,
        **dict.fromkeys(_weights()["answers"], pl.String), "call.csfb_flag": pl.Boolean,
        "call.t_200": pl.Datetime("us", "UTC"),
        "call.final_status": pl.Float64, "call.releasing_side": pl.String, "abnormal_reason": pl.Boolean,
        "registration.final_status": pl.Float64, "out_of_scope_text": pl.Boolean,
    }  # fmt: skip
    chosen = [_taken(frame, name, dtype).alias(name) for name, dtype in wanted.items()]
    columns = frame.select(pl.first().is_null().alias("_row"), *chosen).drop("_row")
    return columns.with_columns(**_evidence_flags())


def _taken(frame: pl.DataFrame, name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    if name not in frame.columns:
        return pl.lit(None, dtype)
    return pl.col(name) if frame.schema[name] == dtype else pl.col(name).cast(dtype, strict=False)


def _evidence_flags() -> dict[str, pl.Expr]:
    has_call = pl.col("call.final_status").is_not_null() | pl.col("call.t_200").is_not_null()
    answered = pl.col("call.t_200").is_not_null() | (pl.col("call.final_status") == 200)
    abnormal = (pl.col("call.releasing_side") == "network") | pl.col("abnormal_reason").fill_null(False)
    in_cs = pl.col("call.csfb_flag").fill_null(False)
    return {
        "csfb_call": in_cs,
        "cut_call": (has_call & answered & abnormal & ~in_cs).fill_null(False),
        "completed_call": (
            has_call & answered & ~abnormal & pl.col("call.releasing_side").is_not_null()
        ).fill_null(False),
        "unanswered_call": (has_call & ~answered & ~in_cs).fill_null(False),
        "failed_registration": (pl.col("registration.final_status") != 200).fill_null(False),
    }


def _from_ticket(columns: pl.DataFrame) -> Floats:
    """Read the front office's category: right with its own confidence, never certain."""
    low, high = _weights()["ticket_right_range"]
    confidence = columns["ticket.category_confidence"].fill_null(_weights()["ticket_right"]).fill_nan(None)
    right = np.clip(confidence.fill_null(_weights()["ticket_right"]).to_numpy(), low, high)
    number = {category: i for i, category in enumerate(CATEGORIES)}
    said = (
        columns["ticket.category"]
        .replace_strict(number, default=-1, return_dtype=pl.Int64)
        .fill_null(-1)
        .to_numpy()
    )
    log = np.tile(np.log((1 - right) / (len(CATEGORIES) - 1))[:, None], (1, len(CATEGORIES)))
    named = said >= 0
    log[named, said[named]] = np.log(right[named])
    log[~named] = 0
    return np.asarray(log)


def _from_text(columns: pl.DataFrame) -> Floats:
    texts = columns.select(normalised(without_denials(pl.col(TEXT))).alias("text"), "out_of_scope_text")
    unique = texts.select("text").unique(maintain_order=True)
    floor = _weights()["text_floor"]
    read = np.exp(trained_model().log_probabilities(unique["text"].to_list()))
    log = np.log((1 - floor) * read + floor / len(CATEGORIES))
    rules = unique.select(rule_log_odds(pl.col("text"), category).alias(category) for category in CATEGORIES)
    log = log + rules.to_numpy()
    log[unique["text"].str.len_chars().to_numpy() == 0] = 0
    at = texts.join(unique.with_row_index("at"), on="text", how="left", maintain_order="left")[
        "at"
    ].to_numpy()
    said = log[at].copy()
    outside = texts["out_of_scope_text"].fill_null(False).to_numpy()
    said[outside, CATEGORIES.index("other")] += _weights()["out_of_scope"]
    return np.asarray(said)


def answer_shares(field: str) -> tuple[tuple[str, ...], Floats]:
    """Return the categories, and P(answer | category) as answers x categories, of a field of the ticket.

    No rows where the field says nothing of the category.
    """
    table = _weights()["answers"].get(f"ticket.{field}", {})
    return tuple(_weights()["order"]), np.array(list(table.values()), dtype=np.float64)


def _from_answers(columns: pl.DataFrame) -> Floats:
    said = np.zeros((columns.height, len(CATEGORIES)))
    for name, table in _weights()["answers"].items():
        rows = {str(answer): i for i, answer in enumerate(table)}
        log = np.log(np.vstack([*table.values(), np.ones(len(CATEGORIES))]))
        at = columns[name].replace_strict(rows, default=len(rows), return_dtype=pl.Int64).fill_null(len(rows))
        said += log[at.to_numpy()]
    return said


def _from_evidence(columns: pl.DataFrame) -> Floats:
    said = np.zeros((columns.height, len(CATEGORIES)))
    for flag, weight in _weights()["evidence"].items():
        said += columns[flag].to_numpy()[:, None] * np.array(weight["add"])
    return said


def _says(source: str, category: str, values: Mapping[str, Any]) -> list[str]:
    if source == "ticket":
        return [f"ticket category {values['ticket.category']}"]
    if source == "text":
        return _text_says(category, values)
    if source == "handset_state":
        answers = [(name.removeprefix("ticket.answer_"), values[name]) for name in _weights()["answers"]]
        return [
            f"{name.replace('_', ' ')}: {value}" for name, value in answers if value not in (None, "unknown")
        ]
    number = CATEGORIES.index(category)
    return [w["says"] for flag, w in _weights()["evidence"].items() if values[flag] and w["add"][number] > 0]


@lru_cache(maxsize=4096)
def _words(text: str, category: str) -> tuple[str, ...]:
    flat = pl.select(normalised(pl.lit(text))).item()
    return tuple(trained_model().deciding_words(flat, category))


def _text_says(category: str, values: Mapping[str, Any]) -> list[str]:
    text = pl.select(without_denials(pl.lit(values[TEXT] or ""))).item()
    words = [f"text: {word}" for word in _words(text, category)]
    rules = [f"disambiguation rule {rule}" for rule, of in rules_met(text) if of == category]
    outside = ["text is about billing or data only"] if values["out_of_scope_text"] else []
    return outside + words + list(dict.fromkeys(rules))
