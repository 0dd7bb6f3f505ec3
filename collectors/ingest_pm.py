"""PM files in batches: workers read them and write rows aside, the ingest puts those into the ledger."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from collectors.errors import BadFile
from collectors.found import Found, batches_of
from collectors.ingest_group import FileGroup, Written
from collectors.pm.counter_map import CounterMaps
from collectors.pm.objects import ObjectMatcher
from collectors.store import Batch, SourceFile
from collectors.store.batch import adopt
from collectors.store.warm import Warm

MANY_FILES, MANY_BYTES = 64, 64 << 20  # from here on worker processes are worth their start
COMPILED_BYTES = 4 << 20  # from here on the compiled scan is worth its loading
BATCH_FILES, BATCH_BYTES = 512, 96 << 20
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PmReader:
    """What a worker needs to read PM files; travels to worker processes once."""

    maps: CounterMaps
    matcher: ObjectMatcher
    wanted: tuple[str, ...]
    zone: str
    folder: Path


@dataclass(slots=True)
class ParsedFiles:
    """A batch of PM files as read: what to commit, what to refuse, and what no map knows."""

    batch: Batch = field(default_factory=Batch)
    refused: list[tuple[SourceFile, BadFile]] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)
    vendors: set[str] = field(default_factory=set)
    written: list[Written] = field(default_factory=list)
    warm: Warm = field(default_factory=Warm)


def parsed_files(files: Sequence[Found], reader: PmReader, processes: int) -> Iterator[ParsedFiles]:
    """Read PM files, in worker processes where there are many; batches come in the order of the files."""
    groups = list(batches_of(files, BATCH_BYTES, BATCH_FILES))
    if sum(f.source.size for f in files) >= COMPILED_BYTES:
        load_compiled()
    many = len(files) >= MANY_FILES or sum(f.source.size for f in files) >= MANY_BYTES
    if processes < 2 or not many or len(groups) < 2:
        for group in groups:
            yield _adopted(read_group(group, reader))
        return
    yield from _in_processes(groups, reader, processes)


def _in_processes(groups: list[list[Found]], reader: PmReader, processes: int) -> Iterator[ParsedFiles]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_start, initargs=(reader,)) as pool:
        waiting: list[tuple[list[Found], Future[ParsedFiles]]] = []
        for group in groups:
            waiting.append((group, pool.submit(_work, group)))
            if len(waiting) > processes:
                yield _adopted(_result(*waiting.pop(0), reader))
        for group, future in waiting:
            yield _adopted(_result(group, future, reader))


def _result(group: list[Found], future: Future[ParsedFiles], reader: PmReader) -> ParsedFiles:
    try:
        return future.result()
    except BrokenProcessPool:
        LOG.warning("a worker process died; its %d files are read here", len(group))
        return read_group(group, reader)


def load_compiled() -> None:
    """Load the compiled scan, which `read_blocks` uses for small files too once it is there."""
    importlib.import_module("collectors.pm.scan")


_reader: PmReader | None = None


def _start(reader: PmReader) -> None:
    """Prepare a worker process; it ends with its parent, however that ends."""
    global _reader
    _reader = reader
    load_compiled()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent_pid: int) -> None:
    """End when the parent has gone: a worker whose parent was killed must not go on writing."""
    while os.getppid() == parent_pid:
        time.sleep(1)
    os._exit(1)


def _work(group: list[Found]) -> ParsedFiles:
    if _reader is None:
        raise RuntimeError("the worker was not started with a reader")
    done = read_group(group, _reader)
    done.warm.clear()  # rows travel as files
    return done


def read_group(group: Sequence[Found], reader: PmReader) -> ParsedFiles:
    """Read a group of files and write their rows into few files aside."""
    done = ParsedFiles()
    size = sum(found.source.size for found in group)
    rows = FileGroup(reader.maps, reader.matcher, reader.wanted, reader.folder, size)
    for found in group:
        try:
            rows.read(found, ZoneInfo(reader.zone))
        except BadFile as error:
            done.refused.append((found.source, error))
    done.written, done.warm = rows.finish(), rows.warm
    done.batch.entries = [(entry, None) for entry in rows.entries()]
    done.unmapped, done.vendors = rows.unmapped, rows.vendors
    return done


def _adopted(parsed: ParsedFiles) -> ParsedFiles:
    """Take over the files that a worker wrote."""
    parsed.batch.files = [adopt(*file) for file in parsed.written]
    return parsed
