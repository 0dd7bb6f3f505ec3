"""Ingest: recognise each file by its content, parse, check, store; every file ends in one counted state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from callcause_error import UsageError
from collectors.errors import BadFile
from collectors.found import Found, check_unchanged, look, source_of, walk
from collectors.ingest_pm import ParsedFiles, PmReader, parsed_files
from collectors.ingest_report import IngestReport
from collectors.ingest_signalling import SIGNALLING, read_signalling
from collectors.pm.counter_map import CounterMaps, load_maps
from collectors.pm.objects import ObjectMatcher
from collectors.records import Pseudonymiser, load_pseudonymiser, load_records, ticket_numbers
from collectors.store import Batch, FileEntry, FileState, SourceFile, Store
from collectors.store.batch import marked, write_pending

BATCH_ROWS = 500_000  # rows of record tables that become visible together
Progress = Callable[[int, int, str], None]
KeepNumbers = Callable[[Mapping[str, str]], None]
"""Takes the clear numbers of tickets by their pseudonyms, before the tickets become visible."""


def ingest(
    store: Store,
    paths: Iterable[Path | str],
    *,
    zone: str = "UTC",
    country_code: str = "86",
    map_dirs: Sequence[Path] = (),
    s1ap_offsets: Mapping[str, int] | None = None,
    processes: int = 2,
    progress: Progress | None = None,
    keep: KeepNumbers | None = None,
) -> IngestReport:
    """Store the files and folders of `paths` once, and refresh the store.

    Record tables go first, so that PM objects find their cells and nodes. `zone` is for times without an
    offset, `map_dirs` hold counter maps of the operator. `progress` hears files done, files in all, path.
    `keep` gets the clear numbers of ticket files, where a vault keeps them.
    UsageError and ConfigError for wrong paths and settings; whatever is wrong with a file is in the report.
    """
    run = _Ingest(store, load_maps(*map_dirs), progress)
    files = walk((Path(path) for path in paths), but_not=store.root)
    tables, pm = run.sort_out(files)
    reader = load_pseudonymiser()
    same_key(store, reader)
    for found in tables:
        run.table(found, zone, country_code, s1ap_offsets, reader)
        if keep is not None and (numbers := run.numbers_of(found, zone, country_code, reader)):
            keep(numbers)
    for kind, found in run.signalling:
        run.signalling_file(kind, found, country_code, reader)
    if reader.aliases:
        store.learn(reader.aliases)
    run.flush()
    run.pm_files(pm, zone, processes)
    run.report.rematched = store.refresh(lambda names: run.matcher().rematch(names)).rematched
    run.count_unmatched()
    return run.report


class _Ingest:
    """The state of one ingest."""

    def __init__(self, store: Store, maps: CounterMaps, progress: Progress | None) -> None:
        self.store, self.maps, self._progress = store, maps, progress
        self.report = IngestReport()
        self._batch = Batch()
        self._waiting: dict[str, list[pl.DataFrame]] = {}
        self._rows = 0
        self._done = self._all = 0
        self.signalling: list[tuple[str, Found]] = []

    def sort_out(self, files: list[Path]) -> tuple[list[Found], list[Found]]:
        """Recognise files; returns tables and PM files that are new, the others are counted."""
        self._all = len(files)
        tables: list[Found] = []
        pm: list[Found] = []
        looked = self.look_at(files)
        seen = self.store.ledger.known(found.source.hash for _, found in looked)
        for kind, found in looked:
            if found.source.hash in seen:
                self.report.states[FileState.KNOWN] += 1
                self.tick(found.path)
                continue
            seen.add(found.source.hash)
            if kind in SIGNALLING:
                self.signalling.append((kind, found))
            else:
                (pm if kind == "pm" else tables).append(found)
        return tables, pm

    def look_at(self, files: list[Path]) -> list[tuple[str, Found]]:
        """Recognise files that hold data; the others are counted."""
        looked = []
        for path in files:
            try:
                kind, found = look(path)
            except BadFile as error:
                self.refuse(source_of(path), error)
                continue
            if kind.startswith("skip:"):
                self.report.skip(kind.removeprefix("skip:"))
                self.tick(path)
            else:
                looked.append((kind, found))
        return looked

    def tick(self, path: Path | str) -> None:
        """One more file has come to its end."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._all, str(path))

    def refuse(self, source: SourceFile, error: BadFile) -> None:
        """Put a file into quarantine."""
        if error.file is None:
            error = BadFile(error.code, error.message, file=source.path, line=error.line, key=error.key)
        self.store.refuse(source, error)
        self.report.refuse(error)
        self.tick(source.path)

    # --- record tables

    def table(
        self,
        found: Found,
        zone: str,
        country_code: str,
        s1ap_offsets: Mapping[str, int] | None,
        reader: Pseudonymiser,
    ) -> None:
        """Read one record table; small ones become visible together."""
        try:
            loaded = load_records(
                found.path,
                zone=zone,
                country_code=country_code,
                s1ap_offsets=s1ap_offsets,
                pseudonymiser=reader,
            )
            check_unchanged(found.path, found.stamp)
        except BadFile as error:
            self.refuse(found.source, error)
            return
        bad_rows = loaded.counts["bad_rows"]
        state = FileState.STORED_WITH_BAD_ROWS if bad_rows else FileState.STORED
        entry = FileEntry(
            found.source, loaded.kind, state, loaded.good.height, bad_rows, counts=_odd(loaded.counts)
        )
        self._batch.entries.append((entry, loaded.bad))
        if loaded.good.height:
            rows = marked(loaded.good, found.source, loaded.kind)
            self._waiting.setdefault(loaded.kind, []).append(rows)
            self._rows += rows.height
        if self._rows > BATCH_ROWS:
            self.flush()

    def numbers_of(self, found: Found, zone: str, country_code: str, reader: Pseudonymiser) -> dict[str, str]:
        """Return the clear numbers of a ticket file that is on its way into the store."""
        if not self._batch.entries or self._batch.entries[-1][0].source != found.source:
            return {}
        if self._batch.entries[-1][0].kind != "ticket":
            return {}
        return ticket_numbers(found.path, reader, zone, country_code)

    def signalling_file(self, kind: str, found: Found, country_code: str, reader: Pseudonymiser) -> None:
        """Read a capture or an HSS log; its rows of all kinds become visible together."""
        try:
            read = read_signalling(kind, found.path, reader=reader, country_code=country_code)
            check_unchanged(found.path, found.stamp)
        except BadFile as error:
            self.refuse(found.source, error)
            return
        state = FileState.STORED_WITH_BAD_ROWS if read.bad.height else FileState.STORED
        rows = sum(frame.height for frame in read.frames.values())
        entry = FileEntry(found.source, kind, state, rows, read.bad.height, counts=read.counts)
        self._batch.entries.append((entry, read.bad))
        for name, frame in read.frames.items():
            self._waiting.setdefault(name, []).append(marked(frame, found.source, name))
        self._rows += rows
        if self._rows > BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Make the tables that were read visible."""
        for kind, frames in sorted(self._waiting.items()):
            self._batch.files.append(write_pending(self.store.aside, kind, pl.concat(frames)))
        self._waiting, self._rows = {}, 0
        self.commit(self._batch)
        self._batch = Batch()

    def commit(self, batch: Batch) -> None:
        """Store a batch and count its files."""
        if not batch.entries:
            return
        states = self.store.commit(batch)
        for entry, bad in batch.entries:
            self.report.take(entry, states[entry.source.hash], bad)
            self.tick(entry.source.path)

    # --- PM files

    def matcher(self) -> ObjectMatcher:
        """Build the matcher of PM objects from the inventories of now."""
        cells = self.store.records("cell").collect()
        return ObjectMatcher(cells, self.store.records("node").collect(), self.maps)

    def pm_files(self, files: list[Found], zone: str, processes: int) -> None:
        """Read PM files in batches, in worker processes where there are many."""
        if not files:
            return
        catalogue = self.store.catalogue
        wanted = (*catalogue.counters, *catalogue.counter_patterns)
        reader = PmReader(self.maps, self.matcher(), wanted, zone, self.store.aside.folder)
        for parsed in parsed_files(files, reader, processes):
            for source, error in parsed.refused:
                self.refuse(source, error)
            self.report.unmapped.update(parsed.unmapped)
            self.report.vendors |= parsed.vendors
            self.commit(parsed.batch)
            self.keep_warm(parsed)

    def keep_warm(self, parsed: ParsedFiles) -> None:
        """Hand counter rows that were just written over to the refresh."""
        stems = {Path(segment.name).stem: segment.name for _, segment in parsed.batch.files}
        for stem, rows in parsed.warm.items():
            if stem in stems:
                self.store.warm.put(stems[stem], rows)

    def count_unmatched(self) -> None:
        """Count the rows of objects that no inventory has, over the whole store."""
        self.report.unmatched.update(self.store.unmatched())


def _odd(counts: Mapping[str, int]) -> dict[str, int]:
    """Pick the counts that a reader of the report wants to see."""
    return {
        name: count for name, count in counts.items() if name not in ("rows", "stored", "bad_rows") and count
    }


def same_key(store: Store, reader: Pseudonymiser) -> None:
    """Refuse a key other than the one that the stored pseudonyms were made with: nothing would join."""
    mark = reader.pseudonym("key", "callcause")
    known = store.remember("pseudonym_key", mark)
    if reader.previous is not None and known == reader.previous.pseudonym("key", "callcause"):
        with store.ledger.transaction():
            store.ledger.set_fact("pseudonym_key", mark)
    elif known != mark:
        raise UsageError(
            "the pseudonym key is not the one that this store was filled with", key="CALLCAUSE_PSEUDONYM_KEY"
        )
