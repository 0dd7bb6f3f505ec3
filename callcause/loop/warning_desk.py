"""Early warning (投诉信息预警) at work: the day judged; warnings raised, reviewed, published, recovered."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

from callcause.loop.audit_log import append
from callcause.loop.life import LoopError
from callcause.loop.settings import WarningsSettings
from callcause.loop.shown import iso
from callcause.loop.warning import (
    HALF_YEAR,
    WARNING_ZH,
    WarningState,
    base_values,
    check_warning_step,
    filled,
    judge,
)
from callcause.service.desk import Desk
from callcause.state import Database, StaleVersion
from callcause.state.base import utc_now
from callcause.state.notice import Notice
from callcause.state.ticket import PENDING, Ticket
from callcause.state.warning import ComplaintDay, EarlyWarning

SYSTEM = "callcause"
ALIVE = (WarningState.RAISED, WarningState.APPROVED, WarningState.PUBLISHED)
DAYS_COUNTED_AGAIN = 3
"""Tickets come in late: the counts of these days are made anew each time."""
COUNTS = {
    "type": pl.String(),
    "region": pl.String(),
    "day": pl.Date(),
    "n": pl.Int64(),
    "alarmed": pl.Boolean(),
}


class WarningDesk(Desk):
    """One task that judges the day now and then; people review and publish through it."""

    def __init__(
        self, database: Database, settings: WarningsSettings, zone: str, targets: Sequence[str]
    ) -> None:
        super().__init__()
        self._database, self._settings, self._zone = database, settings, ZoneInfo(zone)
        self._targets = list(targets)
        self.judged_at: datetime | None = None
        """When the day was judged last."""
        self.on_notice: list[Callable[[], None]] = []
        """Called after notices were written."""

    async def work(self) -> bool:
        """Judge the day where that is due."""
        now = utc_now()
        if self._settings.enabled and self._due_s(now) <= 0:
            await self._database.writing(lambda session: self.look(session, now))
            self.judged_at = now
        return False

    def rest_s(self) -> float:
        """Rest until the next look."""
        return max(self._due_s(utc_now()), 1.0) if self._settings.enabled else self.idle_s

    def _due_s(self, now: datetime) -> float:
        """Return the seconds until the next look; a clock that was set back makes it due."""
        if self.judged_at is None or now < self.judged_at:
            return 0.0
        return self._settings.every_s - (now - self.judged_at).total_seconds()

    def look(self, session: Session, now: datetime) -> list[str]:
        """Count the last days, raise what is over its threshold, recover what is not; returns the raised."""
        today = now.astimezone(self._zone).date()
        self._count(session, today)
        rows = _history(session, today)
        if rows.is_empty():
            return []
        first = rows["day"].min()
        assert isinstance(first, date)  # noqa: S101 - there are rows
        every = filled(rows.drop("alarmed"), first, today).join(
            rows.select("type", "region", "day", "alarmed"), on=["type", "region", "day"], how="left"
        )
        bases = base_values(every.filter(pl.col("day") < today), today)
        yesterday = today - timedelta(days=1)
        before = base_values(every.filter(pl.col("day") < yesterday), yesterday)
        whole = self._judged(every.filter(pl.col("day") == yesterday), before)
        # Tickets come in late: a day may pass its threshold after midnight only.
        raised = self._raise_over(session, whole, yesterday, now)
        raised += self._raise_over(
            session, self._judged(every.filter(pl.col("day") == today), bases), today, now
        )
        self._recover(session, whole, yesterday, now)
        return raised

    def _raise_over(
        self, session: Session, rows: Sequence[Mapping[str, Any]], day: date, now: datetime
    ) -> list[str]:
        """Raise what is over its threshold on a day, once for that day and while no other one lasts."""
        return [
            self._raise(session, row, day, now)
            for row in rows
            if row["level"]
            and _alive(session, row["type"], row["region"]) is None
            and not _of_day(session, row["type"], row["region"], day)
        ]

    async def import_days(self, rows: Sequence[Mapping[str, Any]], who: str) -> int:
        """Take in daily counts from before the first ticket; a day that is known is replaced."""

        def work(session: Session) -> int:
            for row in rows:
                session.merge(ComplaintDay(**row))
            append(session, utc_now(), who, "warnings.import", "daily counts", {"days": len(rows)})
            return len(rows)

        return await self._database.writing(work)

    async def raise_by_hand(self, who: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """Raise a warning by hand (人工发布); it takes the same review."""

        def work(session: Session) -> dict[str, Any]:
            now = utc_now()
            row = EarlyWarning(
                id=_name(),
                source="manual",
                day=now.astimezone(self._zone).date(),
                raised_at=now,
                state=WarningState.RAISED,
                raised_by=who,
                department=told.get("department") or self._settings.issuing_department,
                recipients=list(told.get("recipients") or self._recipients("", "")),
                **{k: v for k, v in told.items() if k not in ("department", "recipients")},
            )
            session.add(row)
            append(session, now, who, "warning.raise", row.id, {"type": row.type, "region": row.region})
            return shown(row)

        return await self._database.writing(work)

    async def step(self, warning_id: str, to: str, who: str, why: str, version: int) -> dict[str, Any]:
        """Review (approved, rejected), publish or recover a warning; publishing tells its recipients."""

        def work(session: Session) -> dict[str, Any]:
            now, row = utc_now(), session.get(EarlyWarning, warning_id)
            if row is None:
                raise LoopError("unknown", "no such warning", key="warning")
            if row.version != version:
                raise StaleVersion(f"the warning is at version {row.version}, not {version}: read it again")
            self._move(session, row, _state(to), who, why, now)
            session.flush()
            return shown(row)

        found = await self._database.writing(work)
        for hear in self.on_notice:
            hear()
        return found

    def _move(
        self, session: Session, row: EarlyWarning, to: WarningState, who: str, why: str, now: datetime
    ) -> None:
        check_warning_step(WarningState(row.state), to)
        if to in (WarningState.APPROVED, WarningState.REJECTED):
            if row.raised_by == who:
                raise LoopError("forbidden", "nobody reviews a warning of their own", key="warning")
            row.reviewed_by, row.reviewed_at, row.review = who, now, why
            self._mark(session, row, alarmed=to is WarningState.APPROVED)
        elif to is WarningState.PUBLISHED:
            row.published_at = now
            self._tell(session, row, "published", now)
        elif to is WarningState.RECOVERED:
            if row.state == WarningState.PUBLISHED:
                self._tell(session, row, "recovered", now)
            row.recovered_at, row.recovery = now, why
        row.state = to
        append(session, now, who, f"warning.{to}", row.id, {"why": why})

    def _count(self, session: Session, today: date) -> None:
        """Count the tickets of the last days by category and region; what the tickets say stands."""
        days = [today - timedelta(days=n) for n in range(DAYS_COUNTED_AGAIN)]
        counts: Counter[tuple[str, str, date]] = Counter()
        for day in days:  # each is one walk along the index of arrivals
            begin, end = (
                datetime.combine(one, datetime.min.time(), self._zone).astimezone(UTC)
                for one in (day, day + timedelta(days=1))
            )
            query = select(Ticket.category, Ticket.region, func.count()).where(
                Ticket.received_at >= begin,
                Ticket.received_at < end,
                Ticket.diagnosis
                != PENDING,  # until then its type is not known, and it would stay counted as none
            )
            for category, region, n in session.execute(query.group_by(Ticket.category, Ticket.region)):
                counts[category or "", region or "", day] += n
        there = {
            (row.type, row.region, row.day): row
            for row in session.scalars(select(ComplaintDay).where(ComplaintDay.day >= days[-1]))
        }
        for key, n in sorted(counts.items()):
            row = there.get(key)
            if row is None:
                session.add(ComplaintDay(type=key[0], region=key[1], day=key[2], n=n, alarmed=False))
            else:
                row.n = max(n, row.n) if key[2] < today else n
        session.flush()

    def _judged(self, counts: pl.DataFrame, bases: pl.DataFrame) -> list[dict[str, Any]]:
        """Judge each type and region by its own values."""
        found: list[dict[str, Any]] = []
        for (type_, region), part in counts.group_by("type", "region", maintain_order=True):
            values = self._settings.values_for(str(type_), str(region))
            found += judge(part.select("type", "region", "n"), bases, values).iter_rows(named=True)
        return sorted(found, key=lambda row: (row["type"], row["region"]))

    def _raise(self, session: Session, row: Mapping[str, Any], day: date, now: datetime) -> str:
        values = self._settings.values_for(row["type"], row["region"])
        text = (
            f"{row['n']} complaints of type {row['type'] or '-'} in region {row['region'] or '-'} on {day}: "
            f"base value {row['base']:.1f}, threshold {row['threshold']:.1f}"
        )
        made = EarlyWarning(
            id=_name(),
            source="automatic",
            type=row["type"],
            region=row["region"],
            ticket_type=row["type"],
            department=values.issuing_department,
            level=row["level"],
            text=text,
            day=day,
            raised_at=now,
            count=row["n"],
            base=row["base"],
            threshold=row["threshold"],
            state=WarningState.RAISED,
            raised_by=SYSTEM,
            recipients=self._recipients(row["type"], row["region"]),
        )
        session.add(made)
        append(session, now, SYSTEM, "warning.raise", made.id, {"type": made.type, "region": made.region})
        self._mark(session, made, alarmed=True)
        return made.id

    def _recover(self, session: Session, rows: Sequence[Mapping[str, Any]], day: date, now: datetime) -> None:
        """Recover warnings of before a whole day that was judged and was not over its threshold."""
        for row in rows:
            warning = _alive(session, row["type"], row["region"])
            if (
                row["level"] == ""
                and warning is not None
                and warning.day < day
                and warning.source == "automatic"
            ):
                if warning.state == WarningState.APPROVED:
                    continue  # people decided to publish it: they do
                why = f"{row['n']} complaints on {day}, threshold {row['threshold']:.1f}"
                self._move(session, warning, WarningState.RECOVERED, SYSTEM, why, now)

    def _mark(self, session: Session, row: EarlyWarning, *, alarmed: bool) -> None:
        """Keep the day of a warning out of base values; a rejected warning lets it in again."""
        counted = session.get(ComplaintDay, (row.type, row.region, row.day))
        if counted is not None:
            counted.alarmed = alarmed

    def _recipients(self, type_: str, region: str) -> list[str]:
        wanted = self._settings.values_for(type_, region).recipients
        return list(wanted or self._targets)

    def _tell(self, session: Session, row: EarlyWarning, what: str, now: datetime) -> None:
        """Write a notice for each recipient that is a target of notices."""
        title = f"Complaint early warning {what}: {row.type or '-'}, region {row.region or '-'}"
        query = select(Notice.target).where(Notice.subject == row.id, Notice.occasion == what)
        there = set(session.scalars(query))
        for target in row.recipients:
            if target in self._targets and target not in there:
                session.add(
                    Notice(
                        subject=row.id, occasion=what, target=target, title=title, body=row.text,
                        made_at=now, next_at=now,
                    )
                )  # fmt: skip


def report(session: Session, wanted: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """List warnings by their fields, the last raised first. `since`, `until`: when they were raised."""
    query = select(EarlyWarning).order_by(EarlyWarning.raised_at.desc(), EarlyWarning.id).limit(limit)
    for name, value in wanted.items():
        if value is None:
            continue
        if name == "since":
            query = query.where(EarlyWarning.raised_at >= value)
        elif name == "until":
            query = query.where(EarlyWarning.raised_at < value)
        elif name == "recovered":
            query = query.where(EarlyWarning.recovered_at.is_not(None) == value)
        elif name == "text":
            query = query.where(EarlyWarning.text.contains(value, autoescape=True))
        elif name == "recipient":
            written = json.dumps(value)  # as one of a list in JSON
            query = query.where(cast(EarlyWarning.recipients, String).contains(written, autoescape=True))
        elif name == "subscribers":
            query = query.where(EarlyWarning.subscriber.in_(value))
        else:
            query = query.where(getattr(EarlyWarning, name) == value)
    return [shown(row) for row in session.scalars(query)]


def shown(row: EarlyWarning) -> dict[str, Any]:
    """Return a warning as people read it."""
    names = (
        "id", "version", "source", "type", "region", "department", "level", "text", "ticket_type",
        "order_number", "count", "base", "threshold", "state", "raised_by", "reviewed_by", "review",
        "recovery", "recipients",
    )  # fmt: skip
    times = ("raised_at", "reviewed_at", "published_at", "recovered_at")
    return {
        **{name: getattr(row, name) for name in names},
        **{name: iso(getattr(row, name)) for name in times},
        "day": row.day.isoformat(),
        "has_phone_number": row.subscriber is not None,
        "state_zh": WARNING_ZH[WarningState(row.state)],
    }


def _history(session: Session, today: date) -> pl.DataFrame:
    query = select(
        ComplaintDay.type, ComplaintDay.region, ComplaintDay.day, ComplaintDay.n, ComplaintDay.alarmed
    ).where(ComplaintDay.day >= today - HALF_YEAR - timedelta(days=1), ComplaintDay.day <= today)
    return pl.DataFrame([tuple(row) for row in session.execute(query)], schema=COUNTS, orient="row")


def _alive(session: Session, type_: str, region: str) -> EarlyWarning | None:
    query = select(EarlyWarning).where(
        EarlyWarning.type == type_, EarlyWarning.region == region, EarlyWarning.state.in_(ALIVE)
    )
    return session.scalars(query.order_by(EarlyWarning.raised_at)).first()


def _of_day(session: Session, type_: str, region: str, day: date) -> bool:
    """Whether there was a warning for that day, whatever became of it."""
    query = select(func.count()).where(
        EarlyWarning.type == type_, EarlyWarning.region == region, EarlyWarning.day == day
    )
    return bool(session.scalar(query))


def _state(text: str) -> WarningState:
    try:
        return WarningState(text)
    except ValueError:
        known = ", ".join(WarningState)
        raise LoopError("unknown_state", f"no such state; one of {known}", key="to") from None


def _name() -> str:
    return f"EW-{secrets.token_hex(8)}"
