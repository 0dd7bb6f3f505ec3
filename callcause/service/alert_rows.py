"""Alerts in the state database. Each function is part of one unit of work.

An alert is known by group key, fingerprint and start; resolved is its last word, in whatever order they came.
A group is one episode of a group key: it is over when all of its alerts are resolved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.service.alert_message import AlertMessage, Delivery, digest
from callcause.state.alert import FIRING, RESOLVED, Alert, AlertGroup
from callcause.state.base import utc_now
from callcause.state.notice import Notice
from callcause.state.ticket import DONE, FAILED, PENDING

CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class TakenAlerts:
    """What one delivery was: its group, alerts that are new, and whether it closed the group."""

    group: str
    new: int
    resolved: int
    closed: bool


def take_in(session: Session, delivery: Delivery) -> TakenAlerts:
    """Write a delivery; what was delivered before is counted and changes nothing."""
    there = _known(session, delivery)
    group = _group(session, delivery, there.values())
    was_firing, new, resolved = group.status == FIRING, 0, 0
    for message in delivery.alerts:
        row = there.get((message.fingerprint, message.starts_at))
        if row is None:
            row = _alert(group, delivery, message)
            session.add(row)
            there[message.fingerprint, message.starts_at] = row
            new += 1
            resolved += row.status == RESOLVED
            continue
        row.deliveries += 1
        if message.status == RESOLVED and row.status == FIRING:
            row.status, row.ends_at = RESOLVED, message.ended_at or utc_now()
            resolved += 1
    session.flush()
    _settle(session, group, new)
    return TakenAlerts(group.id, new, resolved, was_firing and group.status == RESOLVED)


def waiting(
    session: Session, limit: int, resting: Collection[str] = ()
) -> list[tuple[AlertGroup, list[Alert]]]:
    """Return groups that are not diagnosed and do not rest, the longest open first, with their alerts."""
    query = select(AlertGroup).where(AlertGroup.diagnosis == PENDING, AlertGroup.id.not_in(resting))
    groups = list(session.scalars(query.order_by(AlertGroup.opened_at, AlertGroup.id).limit(limit)))
    return [(group, alerts_of(session, group.id)) for group in groups]


def watched(session: Session, limit: int, now: datetime) -> list[tuple[AlertGroup, list[Alert]]]:
    """Return groups whose open verdict may be decided by evidence that arrives."""
    query = select(AlertGroup).where(AlertGroup.watch_until > now, AlertGroup.diagnosis == DONE)
    groups = list(session.scalars(query.order_by(AlertGroup.watch_until.desc()).limit(limit)))
    return [(group, alerts_of(session, group.id)) for group in groups]


def alerts_of(session: Session, group: str) -> list[Alert]:
    """Alerts of a group, the first first."""
    query = select(Alert).where(Alert.group_id == group).order_by(Alert.starts_at, Alert.fingerprint)
    return list(session.scalars(query))


def write_answer(
    session: Session, group_id: str, answer: dict[str, Any], alerts: int, watch_for_s: float
) -> bool:
    """Write the answer to a group, found from so many alerts. Tells whether it is another one."""
    group = session.get(AlertGroup, group_id)
    if group is None:
        return False
    now, changed = utc_now(), group.answer != answer
    if group.watch_until is None and group.answer is None:
        group.watch_until = now + timedelta(seconds=watch_for_s)
    if answer["verdict"] != CANNOT_TELL:
        group.watch_until = None
    if changed:
        group.answer, group.diagnosed_at = answer, now
        group.verdict, group.top_cause = answer["verdict"], answer["top_cause"]
        group.department = answer["department"]
    if len(alerts_of(session, group_id)) == alerts:  # else another one came meanwhile
        group.diagnosis, group.diagnosis_error = DONE, None
    return changed


def fail(session: Session, group_id: str, error: str) -> None:
    """Say that a group cannot be diagnosed, and why."""
    group = session.get(AlertGroup, group_id)
    if group is not None:
        group.diagnosis, group.diagnosis_error = FAILED, error


def add_notices(
    session: Session, group: str, occasion: str, targets: Iterable[str], title: str, body: str
) -> None:
    """Add a notice for each target, once for each occasion."""
    query = select(Notice.target).where(Notice.subject == group, Notice.occasion == occasion)
    there, now = set(session.scalars(query)), utc_now()
    for target in targets:
        if target not in there:
            session.add(_notice(group, occasion, target, title, body, now))


def _notice(group: str, occasion: str, target: str, title: str, body: str, now: datetime) -> Notice:
    return Notice(
        subject=group, occasion=occasion, target=target, title=title, body=body, made_at=now, next_at=now
    )


def _known(session: Session, delivery: Delivery) -> dict[tuple[str, datetime], Alert]:
    prints = sorted({alert.fingerprint for alert in delivery.alerts})
    found: dict[tuple[str, datetime], Alert] = {}
    for start in range(0, len(prints), 500):
        query = select(Alert).where(
            Alert.group_key == delivery.key, Alert.fingerprint.in_(prints[start : start + 500])
        )
        found |= {(row.fingerprint, row.starts_at): row for row in session.scalars(query)}
    return found


def _group(session: Session, delivery: Delivery, known: Iterable[Alert]) -> AlertGroup:
    """Find the episode of a delivery: that of its known alerts, else the open one, else a new one."""
    asked = {(alert.fingerprint, alert.starts_at) for alert in delivery.alerts}
    ids = {row.group_id for row in known if (row.fingerprint, row.starts_at) in asked}
    newest = AlertGroup.opened_at.desc()
    found = session.scalars(select(AlertGroup).where(AlertGroup.id.in_(ids)).order_by(newest)).first()
    if found is None:
        query = select(AlertGroup).where(AlertGroup.group_key == delivery.key, AlertGroup.status == FIRING)
        found = session.scalars(query.order_by(newest)).first()
    return found or _new_group(session, delivery)


def _new_group(session: Session, delivery: Delivery) -> AlertGroup:
    first = min(delivery.alerts, key=lambda alert: (alert.starts_at, alert.fingerprint))
    now = utc_now()
    group = AlertGroup(
        id=digest(f"{delivery.key} {first.fingerprint} {first.starts_at.isoformat()}", 10),
        group_key=delivery.key,
        receiver=delivery.receiver,
        status=FIRING,
        group_labels=delivery.group_labels,
        common_labels=delivery.common_labels,
        common_annotations=delivery.common_annotations,
        external_url=delivery.external_url,
        opened_at=first.starts_at,
        updated_at=now,
        diagnosis=PENDING,
    )
    session.add(group)
    session.flush()
    return group


def _alert(group: AlertGroup, delivery: Delivery, message: AlertMessage) -> Alert:
    return Alert(
        group_id=group.id,
        group_key=delivery.key,
        fingerprint=message.fingerprint,
        starts_at=message.starts_at,
        ends_at=message.ended_at,
        status=message.status,
        labels=message.labels,
        annotations=message.annotations,
        generator_url=message.generator_url,
        deliveries=1,
    )


def _settle(session: Session, group: AlertGroup, new: int) -> None:
    """Bring the group in line with its alerts."""
    query = select(func.count()).select_from(Alert)
    firing = session.scalar(query.where(Alert.group_id == group.id, Alert.status == FIRING)) or 0
    group.updated_at = utc_now()
    if firing:
        group.status, group.resolved_at = FIRING, None
    elif group.status == FIRING:
        group.status, group.resolved_at = RESOLVED, group.updated_at
    if new:
        group.diagnosis = PENDING
