"""KPI readings for the exposition: the exposed cells, all nodes, and the survey over all entities."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.network import NETWORK
from collectors.store import Store
from dashboards.exposition.collector import Reading
from dashboards.exposition.exposed import ExposedCells
from dashboards.exposition.kpi_values import NEWEST_WITHIN, exposed_kpis, newest_values
from dashboards.exposition.split_values import newest_splits, split_readings
from dashboards.exposition.survey import Survey, alarm_limits, limited, regions_of, survey
from dashboards.exposition.units import baseline_family, exposed_unit, limit_family, value_family

HOUR = timedelta(hours=1)
CELLS = ("cell", "gsm_cell")
VALUE_KINDS = ("counters", "hourly", "cell_kpi", "node_kpi")
Clock = Callable[[], datetime]


class KpiSource:
    """Reads the store at each scrape; what did not change since the last one is not read again.

    `open_store` opens a store for the calling thread; `cells_of_tickets` and `watched` name cells to expose.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        exposed: ExposedCells,
        *,
        worst: int = 100,
        watched: Sequence[str] = (),
        cells_of_tickets: Callable[[], Iterable[str]] = tuple,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._open, self._exposed, self._clock = open_store, exposed, clock
        self._worst, self._watched, self._cells_of_tickets = worst, tuple(watched), cells_of_tickets
        self._lock = threading.Lock()
        self._kept: tuple[object, Survey, pl.DataFrame] | None = None
        self._surveyed_at: datetime | None = None
        self._newest_splits: tuple[object, pl.DataFrame] | None = None
        self._newest_of: dict[tuple[str, ...], tuple[object, pl.DataFrame]] = {}

    def __call__(self) -> Iterator[Reading]:
        """Yield the readings of this moment."""
        with self._lock, self._open() as store:
            now = self._clock()
            found, labels = self._survey(store, now)
            cells = found.worst(exposed_kpis(store.catalogue, CELLS), self._worst)
            self._exposed.qualify([*cells, *self._watched, *self._cells_of_tickets()], now)
            readings = [
                *self._values(store, labels, now),
                *_surveyed(store.catalogue, found, labels, self._exposed),
            ]
        yield from readings
        yield Reading(
            "callcause_kpi_survey_age_seconds", (), (now - (self._surveyed_at or now)).total_seconds()
        )

    def _survey(self, store: Store, now: datetime) -> tuple[Survey, pl.DataFrame]:
        """Survey the newest full hour; again only when the hourly files changed."""
        mark = tuple(s.name for kind in ("hourly", "cell", "node") for s in store.ledger.segments(kind))
        hour = now.replace(minute=0, second=0, microsecond=0) - HOUR
        if self._kept is None or self._kept[0] != (mark, hour):
            labels = regions_of(store)
            made = survey(store, labels.select("entity", "region"), hour)
            self._kept = ((mark, hour), made, labels)
            self._surveyed_at = now
        return self._kept[1], self._kept[2]

    def _values(self, store: Store, labels: pl.DataFrame, now: datetime) -> Iterator[Reading]:
        catalogue = store.catalogue
        nodes = [*labels.filter(pl.col("scope") == "node")["entity"].to_list(), NETWORK]
        parts = (
            (self._exposed.cells(), exposed_kpis(catalogue, CELLS)),
            (nodes, exposed_kpis(catalogue, ("node", "network"))),
        )
        for entities, kpis in parts:
            values = self._newest(store, tuple(entities), tuple(kpis), now)
            yield from _readings(values, catalogue, labels)
        yield from split_readings(self._splits(store, now), now)

    def _splits(self, store: Store, now: datetime) -> pl.DataFrame:
        """Read the shares by code; again only when samples of nodes came or the hour changed."""
        mark = tuple(s.name for s in store.ledger.segments("node_kpi"))
        key = (mark, now.replace(minute=0, second=0, microsecond=0))
        if self._newest_splits is None or self._newest_splits[0] != key:
            self._newest_splits = (key, newest_splits(store, now))
        return self._newest_splits[1]

    def _newest(
        self, store: Store, entities: tuple[str, ...], kpis: tuple[str, ...], now: datetime
    ) -> pl.DataFrame:
        """Read the newest values; again only when data files, cells or the hour changed."""
        mark = tuple(s.name for kind in VALUE_KINDS for s in store.ledger.segments(kind))
        key = (mark, entities, now.replace(minute=0, second=0, microsecond=0))
        if self._newest_of.get(kpis, (None,))[0] != key:
            self._newest_of[kpis] = (key, newest_values(store, entities, kpis, now))
        values = self._newest_of[kpis][1]
        return values.filter(pl.col("period_end") > now - NEWEST_WITHIN)


def _of_scope(labels: pl.DataFrame, scope: str) -> set[str]:
    return set(labels.filter(pl.col("scope") == scope)["entity"].to_list())


def _labels(rows: pl.DataFrame, catalogue: Catalogue, labels: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of KPI_LABELS; the scope is that of the KPI."""
    scopes = {kpi: catalogue.kpi(kpi).scope for kpi in rows["kpi"].unique().to_list()}
    return rows.join(labels.select("entity", "region", "node_type"), on="entity", how="left").with_columns(
        pl.col("region").fill_null(""),
        pl.col("node_type").fill_null(""),
        pl.col("kpi").replace_strict(scopes, return_dtype=pl.String).alias("scope"),
    )


def _readings(values: pl.DataFrame, catalogue: Catalogue, labels: pl.DataFrame) -> Iterator[Reading]:
    if not values.height:
        return
    columns = ("kpi", "scope", "entity", "region", "node_type", "value", "base", "z", "samples", "period_end")
    units = {kpi: catalogue.kpi(kpi).unit for kpi in values["kpi"].unique().to_list()}
    ends: dict[tuple[str, str], float] = {}
    for row in _labels(values, catalogue, labels).select(columns).iter_rows():
        kpi, scope, entity = row[:3]
        names, (value, base, z, samples, end) = tuple(row[:5]), row[5:]
        factor = exposed_unit(units[kpi]).factor
        yield Reading(value_family(units[kpi]), names, value * factor)
        if base is not None:
            yield Reading(baseline_family(units[kpi]), names, base * factor)
        if z is not None:
            yield Reading("callcause_kpi_robust_z", names, z)
        if samples is not None:
            yield Reading("callcause_kpi_samples", names, samples)
        ends[scope, entity] = max(ends.get((scope, entity), 0.0), end.timestamp())
    for place, end in ends.items():
        yield Reading("callcause_kpi_period_end_timestamp_seconds", place, end)


def _surveyed(
    catalogue: Catalogue, found: Survey, labels: pl.DataFrame, exposed: ExposedCells
) -> Iterator[Reading]:
    """Hours over limit of what is exposed, counts over everything, and the limits themselves."""
    nodes = _of_scope(labels, "node")
    shown = found.over.filter(pl.col("entity").is_in([*exposed.cells(), *nodes]))
    if shown.height:
        named = _labels(shown, catalogue, labels)
        columns = ("kpi", "scope", "entity", "region", "node_type", "hours", "in_a_row")
        for row in named.select(columns).iter_rows():
            yield Reading("callcause_kpi_over_limit_seconds", tuple(row[:5]), row[5] * HOUR.total_seconds())
            yield Reading(
                "callcause_kpi_over_limit_unbroken_seconds", tuple(row[:5]), row[6] * HOUR.total_seconds()
            )
    for kpi, region, judged, over, persistent in found.counts.iter_rows():
        place = (kpi, catalogue.kpi(kpi).scope, region)
        yield Reading("callcause_kpi_entities_judged", place, judged)
        yield Reading("callcause_kpi_entities_over_limit", place, over)
        yield Reading("callcause_kpi_entities_persistent", place, persistent)
    for kpi_ in limited(catalogue):
        for limit in alarm_limits(kpi_):
            value = limit.limit * exposed_unit(kpi_.unit).factor
            yield Reading(limit_family(kpi_.unit), (kpi_.id, limit.op), value)
