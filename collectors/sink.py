"""Where collectors put what they read: checked, without identities, stored in whole batches.

One thread owns the store. Rows wait for at most `flush_s` seconds, or until there are many, then become
visible together and the store is refreshed. What is handed over before `close` is stored by `close`.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import polars as pl

from collectors.ingest import KeepNumbers, ingest, same_key
from collectors.ingest_report import IngestReport
from collectors.records import Pseudonymiser, load_rows
from collectors.records.rows import bad_rows
from collectors.store import Batch, FileEntry, FileState, SourceFile, Store
from collectors.store.batch import marked, write_pending
from collectors.store.erasure import Erased

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Sink(Protocol):
    """What a collector may ask of the place where rows go."""

    async def rows(self, source: str, kind: str, rows: pl.DataFrame) -> None:
        """Take rows of a record kind; columns that the source cannot see are left out of the frame.

        BadFile where the frame does not fit the schema; a bad row is counted and quarantined with its field.
        """

    async def files(self, paths: Sequence[Path]) -> IngestReport:
        """Ingest files: any format that `callcause ingest` knows."""

    async def read(self, question: Callable[[Store], T]) -> T:
        """Ask the store something, on the thread that owns it."""


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """How a sink stores: zone of times without an offset, country code, counter maps, pace."""

    zone: str = "UTC"
    country_code: str = "86"
    counter_maps: tuple[Path, ...] = ()
    flush_s: float = 2.0
    flush_rows: int = 20_000


@dataclass(slots=True)
class _Waiting:
    """Rows that are checked but not yet stored."""

    entries: list[tuple[FileEntry, pl.DataFrame | None]] = field(default_factory=list)
    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    rows: int = 0


class StoreSink:
    """The sink of a service: a store behind one thread."""

    def __init__(self, root: Path, pseudonymiser: Pseudonymiser, settings: SinkSettings) -> None:
        self._root, self._pseudonymiser, self._settings = root, pseudonymiser, settings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._store: Store | None = None
        self._waiting = _Waiting()
        self._flusher: asyncio.Task[None] | None = None
        self.counts: Counter[tuple[str, str]] = Counter()
        """Rows by kind and state: stored, bad, known, failed, removed."""
        self.keep: KeepNumbers | None = None
        """Takes the clear numbers of ticket files, where a vault keeps them; on the store's thread."""
        self._aliases = 0
        self._hearers: list[Callable[[frozenset[str]], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Open the store and begin to flush in the background."""
        self._loop = asyncio.get_running_loop()
        await self._run(self._open)
        self._flusher = asyncio.create_task(self._flush_now_and_then(), name="sink flush")

    async def close(self) -> None:
        """Store what waits and close the store."""
        if self._flusher is not None:
            self._flusher.cancel()
            await asyncio.gather(self._flusher, return_exceptions=True)
        try:
            await self._run(self._close)
        finally:
            self._thread.shutdown(wait=True)

    async def rows(self, source: str, kind: str, rows: pl.DataFrame) -> None:
        """Take rows of a record kind; see `Sink.rows`."""
        if rows.height:
            await self._run(lambda: self._take(source, kind, rows))

    async def checked(self, source: str, kind: str, rows: pl.DataFrame) -> None:
        """Take rows that `load_rows` has checked and whose identities are pseudonyms already."""
        if rows.height:
            await self._run(lambda: self._hold(source, kind, rows, bad_rows()))

    def on_stored(self, hear: Callable[[frozenset[str]], None]) -> None:
        """Call `hear` on the event loop with the kinds of what became visible, each time."""
        self._hearers.append(hear)

    async def files(self, paths: Sequence[Path]) -> IngestReport:
        """Ingest files into the store; see `Sink.files`."""
        return await self._run(lambda: self._ingest(paths))

    async def read(self, question: Callable[[Store], T]) -> T:
        """Ask the store something, on the thread that owns it."""
        return await self._run(lambda: question(self._owned()))

    async def erase(self, pseudonyms: Collection[str]) -> tuple[Erased, frozenset[str]]:
        """Store what waits, then take a subscriber out of all rows; see `Store.erase`."""
        return await self._run(lambda: self._erase(pseudonyms))

    async def retain(self, before: Mapping[str, datetime]) -> Erased:
        """Remove the rows of each kind that are older than its moment; what waits is stored in between."""
        retention = await self._run(lambda: self._owned().retention(before))
        while await self._run(retention.step):
            pass
        for kind, number in retention.done.removed.items():
            self.counts[kind, "removed"] += number
        return retention.done

    async def flush(self) -> None:
        """Make everything visible that was handed over so far."""
        await self._run(self._flush)

    async def _run(self, work: Callable[[], T]) -> T:
        # Shielded: a collector that is cancelled at its deadline must not leave a half-known write behind.
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        return await asyncio.shield(future)

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._settings.flush_s)
            try:
                await self.flush()
            except Exception:  # the boundary of the background task: the next round tries again
                self.counts["flush", "failed"] += 1
                LOG.exception("rows could not be stored; they are kept and tried again")

    # --- on the store's thread

    def _open(self) -> None:
        self._store = Store.open(self._root)
        same_key(self._store, self._pseudonymiser)

    def _owned(self) -> Store:
        if self._store is None:
            raise RuntimeError("the sink is not open")
        return self._store

    def _close(self) -> None:
        try:
            self._flush()
        finally:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _take(self, source: str, kind: str, rows: pl.DataFrame) -> None:
        settings = self._settings
        loaded = load_rows(
            kind,
            rows,
            source=source,
            pseudonymiser=self._pseudonymiser,
            zone=settings.zone,
            country_code=settings.country_code,
        )
        self._hold(source, kind, loaded.good, loaded.bad, loaded.counts["bad_rows"])

    def _hold(
        self, source: str, kind: str, good: pl.DataFrame, bad: pl.DataFrame, bad_count: int = 0
    ) -> None:
        self.counts[kind, "bad"] += bad_count
        file = SourceFile(source, _content_hash(kind, good, bad))
        state = FileState.STORED_WITH_BAD_ROWS if bad_count else FileState.STORED
        waiting = self._waiting
        waiting.entries.append((FileEntry(file, kind, state, good.height, bad_count), bad))
        if good.height:
            waiting.frames.setdefault(kind, []).append(marked(good, file, kind))
            waiting.rows += good.height
        if waiting.rows >= self._settings.flush_rows:
            self._flush()

    def _flush(self) -> None:
        waiting = self._waiting
        if not waiting.entries:
            return
        store = self._owned()
        if len(self._pseudonymiser.aliases) > self._aliases:
            store.learn(dict(self._pseudonymiser.aliases))
            self._aliases = len(self._pseudonymiser.aliases)
        made = Batch(entries=list(waiting.entries))
        made.files = [
            write_pending(store.aside, kind, pl.concat(frames))
            for kind, frames in sorted(waiting.frames.items())
        ]
        states = store.commit(made)
        self._waiting = _Waiting()
        for entry, _ in made.entries:
            known = states[entry.source.hash] is FileState.KNOWN
            self.counts[entry.kind, "known" if known else "stored"] += entry.rows
        store.refresh()
        self._tell(frozenset(waiting.frames))

    def _erase(self, pseudonyms: Collection[str]) -> tuple[Erased, frozenset[str]]:
        self._flush()
        return self._owned().erase(pseudonyms)

    def _ingest(self, paths: Sequence[Path]) -> IngestReport:
        self._flush()
        settings = self._settings
        report = ingest(
            self._owned(),
            paths,
            zone=settings.zone,
            country_code=settings.country_code,
            map_dirs=settings.counter_maps,
            keep=self.keep,
        )
        self._tell(frozenset(report.kinds))
        return report

    def _tell(self, kinds: frozenset[str]) -> None:
        if kinds and self._loop is not None and not self._loop.is_closed():
            for hear in self._hearers:
                self._loop.call_soon_threadsafe(hear, kinds)


def _content_hash(kind: str, good: pl.DataFrame, bad: pl.DataFrame) -> str:
    digest = hashlib.sha256(kind.encode())
    for frame in (good, bad):
        buffer = io.BytesIO()
        frame.write_ipc(buffer, compression="uncompressed")
        digest.update(buffer.getbuffer())
    return digest.hexdigest()
