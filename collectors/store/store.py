"""The store: Parquet files and a ledger in one folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from collectors.errors import BadFile, StoreError
from collectors.kpi.catalogue import Catalogue, load_catalogue
from collectors.records.schema import ABSENT, load_schemas
from collectors.store import batch as batches
from collectors.store import erasure, formerly, history, renaming, series, tables
from collectors.store.absence import as_list
from collectors.store.batch import Batch
from collectors.store.context import Context
from collectors.store.erasure import Erased
from collectors.store.ledger import FileEntry, FileState, Ledger, SourceFile
from collectors.store.placement import UNMATCHED, UNMATCHED_PREFIX
from collectors.store.refresh import Refreshed, refresh
from collectors.store.rematch import Rematch
from collectors.store.retention import Retention
from collectors.store.segment import Aside, locked, sweep
from collectors.store.shards import COUNTERS, HOURLY
from collectors.store.span import hours_span, span
from collectors.store.tables import LINE, PENDING, RECENT, SOURCE
from collectors.store.upgrade import bring_up
from collectors.store.warm import Warm


class Store:
    """What was ingested, read by kind, by cell and by moment.

    Any number of processes may hold a store open, read it and add to it. A thread opens its own.
    """

    def __init__(self, root: Path, catalogue: Catalogue) -> None:
        self.root = root
        self.catalogue = catalogue
        self.ledger = Ledger(root / "ledger.sqlite")
        self._aside: Aside | None = None
        self.warm = Warm()

    @classmethod
    def open(cls, path: Path | str, *, catalogue: Catalogue | None = None) -> Store:
        """Open the store in a folder, made when it is not there; remove what killed writers left."""
        root = Path(path)
        try:
            (root / "tmp").mkdir(parents=True, exist_ok=True)
            with locked(root / "write.lock"):  # SQLite lets only one process at a time turn a new file to WAL
                store = cls(root, catalogue or load_catalogue())
            bring_up(root, store.ledger)
            sweep(root, store.ledger)
        except OSError as error:
            raise StoreError(f"cannot be opened: {error.strerror}", file=str(root)) from error
        return store

    def close(self) -> None:
        """Give back the ledger and this process's folder of unfinished files."""
        if self._aside is not None:
            self._aside.close()
            self._aside = None
        self.ledger.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def aside(self) -> Aside:
        """Folder of this process for unfinished files."""
        if self._aside is None:
            self._aside = Aside(self.root)
        return self._aside

    # --- writing

    def add(
        self, source: SourceFile, frames: Mapping[str, pl.DataFrame], bad: pl.DataFrame | None = None
    ) -> FileState:
        """Store the rows of one source file (by kind) and its bad rows: line, field, value, reason.

        A file whose hash the ledger knows is left out and answered as `known`.
        """
        made = Batch(entries=[(batches.file_entry(source, frames, bad), bad)])
        for kind, frame in frames.items():
            if frame.height:
                made.files.append(
                    batches.write_pending(self.aside, kind, batches.marked(frame, source, kind))
                )
        return self.commit(made)[source.hash]

    def commit(self, made: Batch) -> dict[str, FileState]:
        """Make a batch of files visible in one transaction; the state of each by its hash."""
        return batches.commit(self.root, self.aside, self.ledger, made)

    def quarantine(self, source: SourceFile, reason_code: str, message: str) -> FileState:
        """Put a file into quarantine: its path, hash and reason are kept, its content is not."""
        return self.refuse(source, BadFile(reason_code, message))

    def refuse(self, source: SourceFile, error: BadFile) -> FileState:
        """Put a file into quarantine for an error that names line and field."""
        state = FileState.QUARANTINED
        entry = FileEntry(
            source, "", state, code=error.code, message=error.message, line=error.line, field=error.key
        )
        return self.commit(Batch(entries=[(entry, None)]))[source.hash]

    def refresh(self, rematch: Rematch | None = None) -> Refreshed:
        """Merge what is new into partitions and shards, and keep up the hourly KPIs; one at a time.

        `rematch` gives the entity and its kind for names of objects that no inventory row had.
        """
        with locked(self.root / "refresh.lock"):
            context = Context(self.root, self.aside, self.ledger, self.catalogue, warm=self.warm)
            try:
                return refresh(context, rematch)
            finally:
                self.warm.clear()

    def erase(self, pseudonyms: Iterable[str]) -> tuple[Erased, frozenset[str]]:
        """Take a subscriber out of all rows; returns what changed and all pseudonyms of that subscriber."""
        with locked(self.root / "refresh.lock"):
            return erasure.erase(self.root, self.aside, self.ledger, pseudonyms)

    def learn(self, aliases: Mapping[str, str]) -> None:
        """Remember which pseudonym of a former key is which one now: rows are read under the latter."""
        with self.ledger.transaction():
            self.ledger.write_aliases(aliases)

    def retain(self, before: Mapping[str, datetime]) -> Erased:
        """Remove the rows of each kind that are older than its moment."""
        retention = self.retention(before)
        while retention.step():
            pass
        return retention.done

    def retention(self, before: Mapping[str, datetime]) -> Retention:
        """Return what removes such rows step by step; others use the store in between."""
        return Retention(self.root, self.aside, self.ledger, before)

    def remember(self, name: str, value: str) -> str:
        """Keep a fact about the store the first time; returns what the store remembers."""
        with self.ledger.transaction():
            known = self.ledger.fact(name)
            if known is None:
                self.ledger.set_fact(name, value)
        return value if known is None else known

    # --- reading

    def records(self, kind: str) -> pl.LazyFrame:
        """All rows of a record table, each record once: schema columns, derived columns, `absent`."""
        if kind == tables.KEPT:
            return self._kept()
        return as_list(self.rows(kind))

    def rows(self, kind: str) -> pl.LazyFrame:
        """Like `records`, but with the names of `absent` in one text (`a|b`), which reads much faster."""
        schema = pl.Schema({**load_schemas()[kind].polars_schema(), ABSENT: pl.String()})
        segments = self.ledger.segments(kind)
        if not segments:
            return pl.LazyFrame(schema=schema)
        rows = tables.current(self.root, segments, kind)
        there = rows.collect_schema()
        rows = formerly.under_one_name(rows, kind, there, self.ledger.aliases())
        missing = [pl.lit(None, schema[c]).alias(c) for c in schema if c not in there]
        return rows.with_columns(missing).select(pl.col(c).cast(t) for c, t in schema.items())

    def version(self, *kinds: str) -> tuple[str, ...]:
        """Name what `records` of these kinds would read: while it stays the same, so do the records."""
        names = [segment.name for kind in kinds for segment in self.ledger.segments(kind)]
        known = len(self.ledger.aliases())
        return (*names, *([f"aliases {known}"] if known else []))

    def _kept(self) -> pl.LazyFrame:
        """Values that stand in no wide row, under the entities that their objects have by now."""
        found = []
        single, packed = self.ledger.segments(tables.KEPT), self.ledger.segments(tables.PACKED)
        if single:
            found.append(tables.read(self.root, single).collect())
        if packed:
            found.append(tables.unpack(tables.read(self.root, packed)).collect())
        if not found:
            return pl.LazyFrame(schema={"entity": pl.String(), "counter": pl.String(), "value": pl.Float64()})
        rows = renaming.renamed(pl.concat(found, how="diagonal_relaxed"), renaming.known_names(self.ledger))
        return tables.winners(rows, tables.KEPT).lazy().drop(SOURCE, LINE)

    def counters(
        self,
        entities: Iterable[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pl.DataFrame:
        """Wide counter rows with a period start in [start, end), sorted by entity and time."""
        return series.counters(self.root, self.ledger, entities, span(start, end))

    def unmatched(self) -> dict[str, int]:
        """Counter rows of objects that no inventory row has, by object."""
        segments = [s for s in self.ledger.segments(COUNTERS) if s.part in (PENDING, RECENT, UNMATCHED)]
        if not segments:
            return {}
        rows = tables.read(self.root, segments).select("entity")
        rows = rows.filter(pl.col("entity").str.starts_with(UNMATCHED_PREFIX))
        return dict(rows.group_by("entity").len().sort("entity").collect().iter_rows())

    def kpis(
        self, entities: Sequence[str], kpi_ids: Sequence[str], start: datetime, end: datetime
    ) -> pl.DataFrame:
        """KPIs per stored period: entity, period_start, period_s, and <kpi>, <kpi>__n for each id.

        Computed from PM counters; where they give none, taken from cell_kpi and node_kpi records.
        """
        return series.kpis(self.root, self.ledger, self.catalogue, entities, kpi_ids, span(start, end))

    def hourly(
        self,
        entities: Sequence[str] | None,
        kpi_ids: Sequence[str],
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pl.DataFrame:
        """Hourly KPIs: entity, period_start, and <kpi>, <kpi>__n for each id."""
        return series.hourly(self.root, self.ledger, entities, kpi_ids, span(start, end))

    def hours(self, starts: Sequence[datetime], kpi_ids: Sequence[str]) -> pl.DataFrame:
        """Hourly KPIs of all entities in some full hours, given by their beginnings; columns as `hourly`."""
        return series.hourly(self.root, self.ledger, None, kpi_ids, hours_span(starts))

    def newest_hour(self) -> datetime | None:
        """Begin of the newest hour for which any KPI is known; read from the ledger alone."""
        ends = [segment.end_us for segment in self.ledger.segments(HOURLY) if segment.end_us is not None]
        return datetime.fromtimestamp(max(ends) / 1_000_000, UTC) if ends else None

    def kpi_at(self, keys: pl.DataFrame, kpi_ids: Sequence[str]) -> pl.DataFrame:
        """KPIs of `keys` (row, entity, at in UTC) at their moment, with their baseline; row-aligned.

        For each KPI: <kpi>, <kpi>__n (samples), <kpi>__base and <kpi>__mad (median and MAD of the same hour
        of week in the four weeks before), <kpi>__base_n (weeks in it), <kpi>__from (start of the hour that
        was read: the one that holds `at`, else the nearest within two hours before) and <kpi>__why ("" or
        no_period, few_samples, counter_missing, suspect).
        """
        return history.kpi_at(self.root, self.ledger, self.catalogue, keys, kpi_ids)
