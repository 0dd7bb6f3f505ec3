"""What the service report says of feedback: precision with what only advises, and the effect of remedies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop.precision import precisions
from callcause.loop.remedy import IMPROVED, NO_DATA, NOT_IMPROVED
from callcause.loop.settings import AdvisorySettings
from callcause.state.feedback import Feedback
from callcause.state.ticket import Ticket

OPEN = "open"
OUTCOMES = (IMPROVED, NOT_IMPROVED, NO_DATA, OPEN)
EFFECT = pl.Schema({"cause": pl.String(), "remedied": pl.Int64(), **dict.fromkeys(OUTCOMES, pl.Int64())})
PRECISION = pl.Schema(
    {"what": pl.String(), "id": pl.String(), "closed": pl.Int64(), "precision": pl.Float64(),
     "floor": pl.Float64(), "standing": pl.String()}
)  # fmt: skip
WORDS = {
    "precision_title": ("Precision of runbooks and causes", "诊断规则与原因的准确率"),
    "effect_title": ("Effect of remedies", "整改效果"),
    "what": ("of", "对象"),
    "id": ("id", "编号"),
    "precision": ("precision", "准确率"),
    "floor": ("floor", "下限"),
    "standing": ("standing", "状态"),
    "advisory": ("advisory: under its floor, sends nothing by itself", "仅供参考：低于下限，不自动派单"),
    "in_force": ("in force", "有效"),
    "too_few": ("too few closed tickets to judge", "归档工单太少，无法评价"),
    "runbook": ("runbook", "诊断规则"),
    "cause": ("cause", "原因"),
    "remedied": ("remedied", "已整改"),
    IMPROVED: ("improved", "已改善"),
    NOT_IMPROVED: ("not improved", "未改善"),
    NO_DATA: ("no data", "无数据"),
    OPEN: ("open", "待评价"),
}


@dataclass(frozen=True, slots=True)
class FeedbackFigures:
    """`precision`: one row a runbook or cause; `effects`: one row a confirmed cause."""

    precision: pl.DataFrame
    effects: pl.DataFrame

    def tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield the tables that have rows, with the word of their heading."""
        for name, frame in (("precision_title", self.precision), ("effect_title", self.effects)):
            if frame.height:
                yield name, frame


def feedback_figures(
    session: Session, start: datetime, end: datetime, settings: AdvisorySettings
) -> FeedbackFigures:
    """Read precision as it stood at the end of the period, and the effects of tickets received in it."""
    rows = [
        (one.kind, one.id, one.tickets, one.ratio, one.floor, _standing(one.judged, one.advisory))
        for one in precisions(session, settings, end)
    ]
    query = (
        select(Feedback.confirmed_cause, Feedback.effect)
        .join(Ticket, Ticket.id == Feedback.ticket_id)
        .where(Ticket.received_at >= start, Ticket.received_at < end, Feedback.remedied_at.is_not(None))
    )
    counts: dict[str, Counter[str]] = {}
    for cause, effect in session.execute(query):
        counts.setdefault(cause, Counter())[effect["outcome"] if effect else OPEN] += 1
    effects = [(cause, n.total(), *(n[o] for o in OUTCOMES)) for cause, n in sorted(counts.items())]
    return FeedbackFigures(
        pl.DataFrame(rows, schema=PRECISION, orient="row"), pl.DataFrame(effects, schema=EFFECT, orient="row")
    )


def _standing(judged: bool, advisory: bool) -> str:
    if not judged:
        return "too_few"
    return "advisory" if advisory else "in_force"
