"""Clusters as tickets arrive: what they share is written down, incidents are opened, tickets are linked."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from callcause.loop.cluster import PAIRS, Cluster, ClusterSettings, clusters, incidents, stands
from callcause.loop.course import judge
from callcause.loop.life import OPEN as OPEN_STATES
from callcause.loop.settings import LoopSettings
from callcause.loop.shared_keys import Diagnosed, Inventories, pairs
from callcause.service.desk import Desk
from callcause.state import Database
from callcause.state.base import Base, utc_now
from callcause.state.incident import OPEN, Incident, TicketKey
from callcause.state.ticket import PENDING, Result, Ticket
from collectors.sink import StoreSink

TOGETHER = 1000
INVENTORY = frozenset({"cell", "neighbour", "node", "ticket_volume", "change"})
WIDE = frozenset({"tracking_area", "node", "device_model", "software_version"})
"""Keys that many customers share: without a known normal volume nothing can be said of them."""
CHUNK = 500
LEAST_HISTORY_D = 7
DIAGNOSED = 200
"""Tickets of an incident that its diagnosis is made of: a large one must not slow every batch."""
GROWTH = 20.0
"""A larger incident is diagnosed again when it has grown by one part of this many."""
MOST = 1000
"""Tickets of one entity that a cluster is found by."""


class IncidentDesk(Desk):
    """One task, woken after diagnoses."""

    def __init__(self, database: Database, sink: StoreSink, settings: LoopSettings) -> None:
        super().__init__()
        self._database, self._sink, self._settings = database, sink, settings
        self._inventories: Inventories | None = None
        sink.on_stored(self._on_stored)

    async def work(self) -> bool:
        """Cluster the tickets that were diagnosed since; tells whether more wait."""
        found = await self._database.reading(_unclustered)
        if not found:
            return False
        if self._inventories is None:
            self._inventories = await self._sink.read(Inventories.read)
        after = timedelta(hours=self._settings.change_after_h)
        made = pairs(found, self._inventories, after)
        usual = self._inventories.usual
        ids = [ticket.id for ticket in found]
        await self._database.writing(lambda s: self._write(s, ids, made, usual))
        return len(found) == TOGETHER

    def _on_stored(self, kinds: frozenset[str]) -> None:
        if kinds & INVENTORY:
            self._inventories = None

    def _write(self, session: Session, ids: Sequence[str], made: pl.DataFrame, usual: pl.DataFrame) -> None:
        rows = _unmarked(session, ids)
        new = made.filter(pl.col("ticket_id").is_in([row.id for row in rows]))
        told = new.to_dicts()
        _mark(session, rows, {(p["ticket_id"], p["key"]): p["entity"] for p in told})
        if told:
            session.execute(insert(TicketKey), told)
            self._find(session, new, usual)

    def _find(self, session: Session, new: pl.DataFrame, usual: pl.DataFrame) -> None:
        """Look for clusters of the entities that just got a ticket."""
        window = self._settings.clusters.window
        begin, end = new["at"].min(), new["at"].max()
        assert isinstance(begin, datetime)  # noqa: S101 - `new` is not empty
        assert isinstance(end, datetime)  # noqa: S101
        names = new.select("key", "entity").unique()
        known = pl.concat([usual, _own_history(session, names, usual, begin - window, self._settings)])
        known = _at_level(known, _level(session, usual, end - window, end))
        judged = names.join(known, on=["key", "entity"], how="left").filter(
            pl.col("per_day").is_not_null() | ~pl.col("key").is_in(list(WIDE))
        )
        near = _pairs(session, judged, begin - window, end + window)
        rules = self._settings.clusters
        for cluster in incidents(clusters(near, known, rules), rules):
            link(session, cluster, rules)


def _level(session: Session, usual: pl.DataFrame, begin: datetime, end: datetime) -> float:
    """Return how many tickets came, as a multiple of what usually comes; 1 where that is not known."""
    per_day = float(usual.filter(pl.col("key") == "cell")["per_day"].sum())
    expected = per_day * ((end - begin) / timedelta(days=1))
    came = (
        session.scalar(select(func.count()).where(Ticket.received_at > begin, Ticket.received_at <= end)) or 0
    )
    return max(1.0, came / expected) if expected > 0 else 1.0


def _at_level(known: pl.DataFrame, level: float) -> pl.DataFrame:
    """Let wide keys expect their part of what came: where all rise, it is none of them that stands out."""
    wide = pl.col("key").is_in(list(WIDE))
    return known.with_columns(pl.when(wide).then(pl.col("per_day") * level).otherwise(pl.col("per_day")))


def link(session: Session, cluster: Cluster, rules: ClusterSettings | None = None) -> Incident | None:
    """Open an incident for a cluster, or add its tickets to the one that most of them are in.

    Tickets that are in other incidents stay there: what is left must be a cluster by itself to open one.
    """
    standing = _standing(session, cluster.tickets)
    there = Counter(incident for _, incident, _ in standing if incident).most_common(1)
    alone = [name for name, incident, state in standing if not incident and state in OPEN_STATES]
    # A wide cluster that holds some tickets of an incident does not give it all the others.
    most = there and there[0][1] * 2 > len(cluster.tickets)
    parent = session.get(Incident, there[0][0]) if most else None
    if parent is None or parent.state != OPEN:
        parent = _same_entity(session, cluster)
    left = cluster if len(alone) == len(cluster.tickets) else cluster.of(alone)
    if not alone or (parent is None and not stands(left, rules or ClusterSettings())):
        return parent
    rows = _tickets(session, alone)
    parent = parent or _open(session, left, rows)
    _join(session, rows, parent)
    refresh(session, parent)
    return parent


def _join(session: Session, rows: Sequence[Ticket], parent: Incident) -> None:
    """Link tickets, which may raise their priority: a statement for all that become alike.

    That a ticket did not change meanwhile is seen to by the unit of work, which sees one moment.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        session.expunge(row)
        row.incident_id = parent.id
        judge(row)
        alike.setdefault((row.severity, row.priority), []).append(row.id)
    for (severity, priority), names in sorted(alike.items()):
        told = {"incident_id": parent.id, "severity": severity, "priority": priority}
        for part in _chunks(names):
            joined = update(Ticket).where(Ticket.id.in_(part))
            joined = joined.values(**told, version=Ticket.version + 1)
            session.execute(joined, execution_options={"synchronize_session": False})


def refresh(session: Session, parent: Incident) -> None:
    """Bring the incident in line with its tickets: their number, one diagnosis over the newest of them."""
    mine = Ticket.incident_id == parent.id
    counted = select(Ticket.region, func.count(), func.max(Ticket.received_at)).where(mine)
    rows = session.execute(counted.group_by(Ticket.region)).all()
    before, parent.tickets = parent.tickets, sum(n for _, n, _ in rows)
    regions = Counter({region: n for region, n, _ in rows if region})
    parent.region = min(regions, key=lambda r: (-regions[r], r)) if regions else None
    if rows:
        parent.last_at = max(at for _, _, at in rows)
    if parent.diagnosis is None or _grown(before) != _grown(parent.tickets):
        _diagnose(session, parent)


def _grown(tickets: int) -> int:
    """Return a number that changes with each of the first twenty tickets, then with each twentieth part."""
    return round(GROWTH * math.log(max(tickets, 1)))


def _diagnose(session: Session, parent: Incident) -> None:
    query = select(Result.contract).join(Ticket, Result.id == Ticket.result_id)
    query = query.where(Ticket.incident_id == parent.id)
    newest = query.order_by(Ticket.received_at.desc(), Ticket.id).limit(DIAGNOSED)
    shared = shared_diagnosis(list(session.scalars(newest)))
    parent.diagnosis = shared
    first = shared["causes"][0] if shared["causes"] else {}
    parent.top_cause, parent.department = first.get("id"), first.get("department")


def shared_diagnosis(contracts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give one diagnosis of several tickets.

    Causes by their mean probability over all tickets, one that a ticket does not list counts as nothing
    there; checks that hit in at least half of them, with where they hit.
    """
    number = len(contracts)
    sums: Counter[str] = Counter()
    about: dict[str, dict[str, Any]] = {}
    hits: Counter[tuple[str, str]] = Counter()
    for contract in contracts:
        for cause in contract["causes"]:
            sums[cause["id"]] += cause["probability"]
            about.setdefault(cause["id"], cause)
        hits.update({(c["id"], str(c.get("at") or "")) for c in contract["checks"] if c["outcome"] == "HIT"})
    ranked = sorted(sums, key=lambda cause: (-sums[cause], cause))
    return {
        "tickets": number,
        "verdicts": dict(sorted(Counter(c["verdict"] for c in contracts).items())),
        "causes": [
            {
                "id": cause,
                "probability": round(sums[cause] / number, 4),
                "department": about[cause]["department"],
                "remedy": about[cause]["remedy"],
            }
            for cause in ranked[:5]
        ],
        "shared_evidence": [
            {"check": check, "at": at, "tickets": n}
            for (check, at), n in sorted(hits.items(), key=lambda item: (-item[1], item[0]))
            if n * 2 >= number
        ],
    }


def _open(session: Session, cluster: Cluster, rows: Sequence[Ticket]) -> Incident:
    first = min(row.received_at for row in rows)
    text = f"{cluster.key} {cluster.entity} {first.isoformat()} {min(row.id for row in rows)}"
    parent = Incident(
        id=f"INC-{hashlib.sha256(text.encode()).hexdigest()[:16]}",
        key=cluster.key,
        entity=cluster.entity,
        source="cluster",
        state=OPEN,
        opened_at=utc_now(),
        last_at=first,
        why=f"{len(rows)} tickets on {cluster.key} {cluster.entity}, {cluster.expected:.2g} expected",
        tickets=0,
        expected=cluster.expected,
        chance=cluster.chance,
    )
    session.add(parent)
    session.flush()
    return parent


def _same_entity(session: Session, cluster: Cluster) -> Incident | None:
    query = select(Incident).where(
        Incident.key == cluster.key, Incident.entity == cluster.entity, Incident.state == OPEN
    )
    return session.scalars(query.order_by(Incident.opened_at.desc())).first()


def _unclustered(session: Session) -> list[Diagnosed]:
    query = (
        select(Ticket, Result.contract)
        .join(Result, Result.id == Ticket.result_id, isouter=True)
        .where(Ticket.clustered.is_(False), Ticket.diagnosis != PENDING)
        .order_by(Ticket.received_at, Ticket.id)
        .limit(TOGETHER)
    )
    return [
        Diagnosed(row.id, row.received_at, row.told, contract) for row, contract in session.execute(query)
    ]


def _tickets(session: Session, ids: Sequence[str]) -> list[Ticket]:
    query = select(Ticket).order_by(Ticket.id)
    return [row for part in _chunks(ids) for row in session.scalars(query.where(Ticket.id.in_(part)))]


def _standing(session: Session, ids: Sequence[str]) -> list[tuple[str, str | None, str]]:
    """Return id, incident and state of tickets: most of a large cluster are in its incident already."""
    found: list[tuple[str, str | None, str]] = []
    query = select(Ticket.id, Ticket.incident_id, Ticket.state).order_by(Ticket.id)
    for part in _chunks(ids):
        found += [
            (name, incident, state)
            for name, incident, state in session.execute(query.where(Ticket.id.in_(part)))
        ]
    return found


def _unmarked(session: Session, ids: Sequence[str]) -> list[Row[str, str | None, str | None]]:
    columns = select(Ticket.id, Ticket.cell, Ticket.change_ref).where(Ticket.clustered.is_(False))
    return [row for part in _chunks(ids) for row in session.execute(columns.where(Ticket.id.in_(part)))]


def _mark(
    session: Session, rows: Sequence[Row[str, str | None, str | None]], shared: dict[tuple[str, str], str]
) -> None:
    """Write down what was found of each ticket. Their version stays: nobody decides by these marks."""
    table = Base.metadata.tables[Ticket.__tablename__]  # past the session: nobody reads these rows here
    told = [
        {
            "name": row.id,
            "cell": row.cell or shared.get((row.id, "cell")),
            "change": row.change_ref or shared.get((row.id, "change")),
        }
        for row in rows
    ]
    if told:
        marked = {"clustered": True, "cell": bindparam("cell"), "change_ref": bindparam("change")}
        session.connection().execute(
            update(table).where(table.c.id == bindparam("name")).values(**marked), told
        )


def _pairs(session: Session, names: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    """Pairs of the entities (key, entity) in the time from `begin` to `end`, of each the newest `MOST`.

    What has more of them is a cluster by these, or its normal volume is beyond what tickets tell.
    """
    rows: list[Any] = []
    columns = select(TicketKey.ticket_id, TicketKey.at, TicketKey.key, TicketKey.entity)
    for (key,), part in names.group_by("key"):
        for chunk in _chunks(sorted(part["entity"].to_list())):
            mine = (
                TicketKey.key == key,
                TicketKey.entity.in_(chunk),
                TicketKey.at >= begin,
                TicketKey.at <= end,
            )
            counted = select(TicketKey.entity, func.count()).where(*mine).group_by(TicketKey.entity)
            large = [name for name, n in session.execute(counted) if n > MOST]
            rows += [
                tuple(row) for row in session.execute(columns.where(*mine, TicketKey.entity.not_in(large)))
            ]
            for name in large:
                newest = (
                    columns.where(*mine, TicketKey.entity == name).order_by(TicketKey.at.desc()).limit(MOST)
                )
                rows += [tuple(row) for row in session.execute(newest)]
    return pl.DataFrame(rows, schema=PAIRS, orient="row")


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), CHUNK):
        yield names[start : start + CHUNK]


def _own_history(
    session: Session, names: pl.DataFrame, usual: pl.DataFrame, before: datetime, settings: LoopSettings
) -> pl.DataFrame:
    """Tell the normal volume of keys that no record tells, from a week or more of our own tickets."""
    empty = usual.clear()
    first = session.scalar(select(func.min(TicketKey.at)))
    since = before - timedelta(days=settings.history_days)
    if first is None or (before - max(first, since)) < timedelta(days=LEAST_HISTORY_D):
        return empty
    days = (before - max(first, since)) / timedelta(days=1)
    unknown = names.join(usual, on=["key", "entity"], how="anti")
    rows: list[tuple[str, str, float]] = []
    for (key,), part in unknown.group_by("key"):
        for part_names in _chunks(sorted(part["entity"].to_list())):
            query = (
                select(TicketKey.entity, func.count())
                .where(
                    TicketKey.key == key,
                    TicketKey.entity.in_(part_names),
                    TicketKey.at >= since,
                    TicketKey.at < before,
                )
                .group_by(TicketKey.entity)
            )
            counted: dict[str, int] = dict(session.execute(query).tuples().all())
            # Half a ticket more: one that was never seen is rare, not impossible (Jeffreys).
            rows += [(str(key), name, (counted.get(name, 0) + 0.5) / days) for name in part_names]
    return pl.DataFrame(rows, schema=empty.schema, orient="row")
