"""The folder collector: files of any kind that `ingest` knows, taken in once they are whole."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from collectors.collector import Collector, PolledSettings
from collectors.errors import SourceError
from collectors.files.completeness import Afterwards, Completeness, FileRule, Stamp
from collectors.files.memory import FileMemory, MissingPeriod
from collectors.files.periods import Delivered, ExpectedPeriods, PeriodWatch, delivered
from collectors.ingest_report import IngestReport
from collectors.sink import Sink


class FolderSettings(PolledSettings):
    """Settings of `[[collect.folder]]`."""

    interval_s: float = Field(default=5.0, gt=0, description="from one look to the next")
    deadline_s: float = Field(default=600.0, gt=0, description="a run that takes longer is given up")
    folder: Path
    make: bool = Field(default=False, description="make the folder where it is not there")
    recursive: bool = True
    files: FileRule = FileRule()
    afterwards: Afterwards = Afterwards()
    expected: ExpectedPeriods = ExpectedPeriods()
    state: Path | None = Field(default=None, description="file that remembers what came over restarts")


class FolderCollector(Collector[FolderSettings]):
    """Watches a folder; a file is neither moved nor deleted unless the settings say so."""

    kind: ClassVar[str] = "folder"
    settings_model: ClassVar[type[PolledSettings]] = FolderSettings

    def __init__(self, settings: FolderSettings) -> None:
        super().__init__(settings)
        self._completeness = Completeness(settings.files)
        self._memory = FileMemory(settings.state, settings.name)
        self._watch = PeriodWatch(settings.expected, self._memory)
        self._done = self._memory.done()
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.seconds: Callable[[], float] = time.monotonic

    def targets(self) -> Sequence[str]:
        """Return the folder."""
        return (str(self.settings.folder),)

    def missing(self) -> list[MissingPeriod]:
        """Periods of PM files that did not come in time."""
        return self._watch.missing()

    def lacking(self) -> Mapping[str, int]:
        """Return how many periods of each element are still missing."""
        return Counter(period.element for period in self.missing() if period.arrived_at is None)

    async def collect(self, target: str, sink: Sink) -> Counter[str]:
        """Take in what is whole; counts files by state, `waiting` ones, and periods missing or late."""
        stamps, names = await asyncio.to_thread(self._look, target)
        fresh = {path: stamp for path, stamp in stamps.items() if self._done.get(path) != stamp}
        ready = self._completeness.ready(fresh, names, self.seconds())[: self.settings.files.most_files]
        counts = Counter(waiting=len(fresh) - len(ready), already=len(stamps) - len(fresh))
        if ready:
            periods = await asyncio.to_thread(_periods, ready)
            report = await sink.files([Path(path) for path in ready])
            counts += states(report)
            await asyncio.to_thread(self._after, report, {path: stamps[path] for path in ready})
            counts += self._watch.came(periods, self.clock())
        return +(counts + self._watch.overdue(self.clock()))

    async def close(self) -> None:
        """Close the memory."""
        self._memory.close()

    def _look(self, folder: str) -> tuple[dict[str, Stamp], list[str]]:
        stamps: dict[str, Stamp] = {}
        names: list[str] = []
        moved = Path(str(self.settings.afterwards.move_to)).resolve()
        try:
            root = Path(folder)
            if self.settings.make:
                root.mkdir(parents=True, exist_ok=True)
            if not root.is_dir():
                raise FileNotFoundError(2, "no such folder")
            for path in root.rglob("*") if self.settings.recursive else root.iterdir():
                if self.settings.afterwards.do == "move" and moved in path.resolve().parents:
                    continue
                # A file may go away while it is looked at.
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file():
                        names.append(str(path))
                        status = path.stat()
                        if self.settings.files.meant(path.name):
                            stamps[str(path)] = (status.st_size, status.st_mtime_ns)
        except OSError as error:
            raise SourceError(
                "unreachable", f"the folder cannot be read: {error.strerror}", file=self.settings.name
            ) from error
        return stamps, names

    def _after(self, report: IngestReport, ready: Mapping[str, Stamp]) -> None:
        """Remember what was taken in; move or delete what was stored, never what went into quarantine."""
        self._done.update(ready)
        self._memory.remember(ready.items())
        refused = {error.file for error in report.refused}
        do, where = self.settings.afterwards.do, self.settings.afterwards.move_to
        for path in ready:
            if path in refused or do == "keep":
                continue
            with contextlib.suppress(FileNotFoundError):
                if do == "delete":
                    Path(path).unlink()
                else:
                    moved = Path(str(where)) / Path(path).relative_to(self.settings.folder)
                    moved.parent.mkdir(parents=True, exist_ok=True)
                    Path(path).replace(moved)
                Path(path + self.settings.files.marker_suffix).unlink(missing_ok=True)


def states(report: IngestReport) -> Counter[str]:
    """Files of an ingest by the state in which they ended."""
    return Counter({str(state): number for state, number in report.states.items() if number})


def _periods(paths: Sequence[str]) -> list[Delivered]:
    return [found for path in paths if (found := delivered(Path(path))) is not None]
