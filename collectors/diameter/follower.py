"""A log file that an HSS goes on writing: followed through rotation, truncation and absence."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, ClassVar

from pydantic import Field

from collectors.collector import Listener, SourceSettings
from collectors.diameter.hss_log import MAX_LINE_BYTES, HssLog
from collectors.errors import BadFile
from collectors.sink import Sink

LOG = logging.getLogger(__name__)
_READ_BYTES = 1 << 20
_DRAIN_READS = 64  # at most this many MiB in one round, so that a huge log does not hold up the loop


class HssLogSettings(SourceSettings):
    """Settings of `[[collect.hss_log]]`."""

    path: Path = Field(description="the log that the HSS writes, JSON lines")
    from_start: bool = Field(default=True, description="read what is already in the file when it is opened")
    poll_s: float = Field(default=0.2, gt=0, le=60, description="how often the file is looked at")


class Tail:
    """New whole lines of a file, whatever happens to it; a line is given once it has its end."""

    def __init__(self, path: Path, from_start: bool) -> None:
        self._path, self._skip = path, not from_start
        self._file: BinaryIO | None = None
        self._rest = b""
        self.too_long = 0
        self.reopened = 0

    def lines(self) -> list[bytes]:
        """Return the lines that are there now: first the rest of a file rotated away, then the new one.

        An absent file has no lines. A line that is longer than MAX_LINE_BYTES is dropped and counted.
        """
        found = self._read()
        if self._replaced():
            found += self._read()  # what came between the last look and the rotation
            if self._rest:
                found.append(self._take_rest())
            self.close()
            found += self._read()
        return found

    def close(self) -> None:
        """Give back the file; the next look opens what then stands under the name."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def last_line(self) -> list[bytes]:
        """Return a last line without an end, when nothing more will come."""
        return [self._take_rest()] if self._rest.strip() else []

    def _take_rest(self) -> bytes:
        rest, self._rest = self._rest, b""
        return rest

    def _open(self) -> BinaryIO | None:
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                self._skip = False  # a file that comes later is new as a whole
                return None
            if self._skip:
                self._file.seek(0, os.SEEK_END)
            self._skip = False
            self.reopened += 1
        return self._file

    def _read(self) -> list[bytes]:
        file = self._open()
        if file is None:
            return []
        if os.fstat(file.fileno()).st_size < file.tell():  # truncated in place (copytruncate)
            file.seek(0)
            self._rest = b""
        found: list[bytes] = []
        for _ in range(_DRAIN_READS):
            data = file.read(_READ_BYTES)
            if not data:
                break
            *whole, self._rest = (self._rest + data).split(b"\n")
            found += whole
            if len(self._rest) > MAX_LINE_BYTES:
                self.too_long += 1
                self._rest = b"\xff"  # what follows up to the line end is no JSON and is counted as bad
        return found

    def _replaced(self) -> bool:
        """Whether another file stands under the name now."""
        if self._file is None:
            return False
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False  # between the two renames of a rotation
        held = os.fstat(self._file.fileno())
        return (now.st_ino, now.st_dev) != (held.st_ino, held.st_dev)


class HssLogFollower(Listener[HssLogSettings]):
    """Follows the transaction log of an HSS; rows of `diameter_answer`. docs/hss-log.md has the format.

    `counts`: as HssLog has them, also `unreadable` (looks at a file that cannot be opened), `too_long`.
    """

    kind: ClassVar[str] = "hss_log"
    settings_model: ClassVar[type[SourceSettings]] = HssLogSettings

    async def listen(self, sink: Sink, stopping: asyncio.Event) -> None:
        """Follow the file until told to stop; then hand over what is still held."""
        tail, log = Tail(self.settings.path, self.settings.from_start), HssLog()
        self._number = 0
        self.listening.set()
        try:
            while not stopping.is_set():
                await self._look(tail, log, sink)
                await _wait(stopping, self.settings.poll_s)
            await self._look(tail, log, sink)
            self._feed(log, tail.last_line())
            await self._hand_over(sink, log, None)
        finally:
            tail.close()

    async def _look(self, tail: Tail, log: HssLog, sink: Sink) -> None:
        try:
            lines = await asyncio.to_thread(tail.lines)
        except OSError as error:
            self.counts["unreadable"] += 1
            LOG.warning("%s: the HSS log cannot be read: %s", self.settings.name, error.strerror)
            return
        self._feed(log, lines)
        self.counts["too_long"] = tail.too_long
        await self._hand_over(sink, log, datetime.now(UTC))

    def _feed(self, log: HssLog, lines: list[bytes]) -> None:
        for line in lines:
            self._number += 1
            log.take(line, self._number)
        for bad in log.bad:
            LOG.warning("%s: line %s: %s: %s", self.settings.name, bad["line"], bad["field"], bad["reason"])
        log.bad.clear()

    async def _hand_over(self, sink: Sink, log: HssLog, now: datetime | None) -> None:
        rows = log.rows(now)
        self.counts.update({name: n - self.counts[name] for name, n in log.all_counts().items()})
        if rows.height:
            try:
                await sink.rows(self.settings.name, "diameter_answer", rows)
            except BadFile as error:
                self.counts["refused"] += rows.height
                LOG.warning("%s", error)


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return
