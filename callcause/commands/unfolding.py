"""Files of a simulated network as they come about: what is known by now, and the rest as its time comes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

MICROSECONDS = pl.Datetime("us", "UTC")
PM_NAME = re.compile(r"^A(\d{8})\.(\d{4})([+-]\d{4})-(\d{4})([+-]\d{4})_")
KNOWN_AT: Mapping[str, tuple[str, ...]] = {
    "call": ("t_end", "started_at"),
    "registration": ("ended_at", "started_at"),
    "voice_slice": ("start",),
    "node_kpi": ("period_start",),
    "cell_kpi": ("period_start",),
    "alarm": ("raised_at",),
}
"""When a row is known: by the beginning of its file's name, the first of these columns that is filled."""
LENGTH_S = {"period": 1.0, "length": 1.0}
"""Columns in seconds that lie between the time above and the moment at which a row is known."""


@dataclass
class Unfolding:
    """What is still to come of a network. `due` writes the files of what came about meanwhile."""

    files: list[tuple[datetime, Path]] = field(default_factory=list)
    """Whole files with the end of their last period, the earliest last."""
    rows: dict[str, tuple[pl.DataFrame, str]] = field(default_factory=dict)
    """Rows by table, with `_known` (UTC), and the ending of their files."""
    written: int = 0

    def due(self, now: datetime, folder: Path) -> list[Path]:
        """Put what came about by `now` into a folder, each file whole from its first moment; returns them."""
        return [*self._files_due(now, folder), *self._rows_due(now, folder)]

    @property
    def left(self) -> int:
        """How many files and rows are still to come."""
        return len(self.files) + sum(frame.height for frame, _ in self.rows.values())

    def _files_due(self, now: datetime, folder: Path) -> Iterator[Path]:
        while self.files and self.files[-1][0] <= now:
            path = self.files.pop()[1]
            yield path.replace(folder / f"{path.parent.name}-{path.name}")

    def _rows_due(self, now: datetime, folder: Path) -> Iterator[Path]:
        for name, (frame, ending) in list(self.rows.items()):
            known = frame["_known"] <= now
            come = frame.filter(known)
            if come.is_empty():
                continue
            self.rows[name] = frame.filter(~known), ending
            self.written += 1
            made = folder.parent / f"part{ending}"
            write(come.drop("_known"), made)
            yield made.replace(folder / f"{name}-{self.written:06d}{ending}")


def unfold(network: Path, aside: Path, now: datetime) -> Unfolding:
    """Leave in `network` what was known by `now`; return the rest, whose PM files go to `aside`."""
    found = Unfolding()
    for path in sorted(network.rglob("*")):
        if not path.is_file():
            continue
        ends = period_end(path.name)
        if ends is not None and ends > now:
            place = aside / path.relative_to(network)
            place.parent.mkdir(parents=True, exist_ok=True)
            found.files.append((ends, path.replace(place)))
        elif ends is None:
            _divide(path, now, found)
    found.files.sort(key=lambda one: (one[0], one[1]), reverse=True)
    return found


def period_end(name: str) -> datetime | None:
    """Return the end of the periods in a PM file by its name (TS 32.432 annex A); None for other files."""
    parts = PM_NAME.match(name)
    if parts is None:
        return None
    day, begins, zone, ends, end_zone = parts.groups()
    begin = datetime.strptime(f"{day}{begins}{zone}", "%Y%m%d%H%M%z")
    end = datetime.strptime(f"{day}{ends}{end_zone}", "%Y%m%d%H%M%z")
    return end if end > begin else end + timedelta(days=1)


def _divide(path: Path, now: datetime, found: Unfolding) -> None:
    """Keep the rows of a table that were known by now; tables without times stay whole."""
    kind = next((kind for kind in KNOWN_AT if path.stem.startswith(kind)), None)
    if kind is None:
        return
    rows = read(path)
    frame = rows.with_columns(_known(rows, kind).alias("_known"))
    if kind == "alarm":
        frame = _with_clearing(frame, now)
    come = frame["_known"] <= now
    later = frame.filter(~come)
    if later.height:
        found.rows[path.stem] = later, path.suffix
        write(frame.filter(come).drop("_known"), path)


def _known(rows: pl.DataFrame, kind: str) -> pl.Expr:
    began = pl.coalesce(_time(rows, name) for name in KNOWN_AT[kind] if name in rows.columns)
    for name in LENGTH_S.keys() & set(rows.columns):
        seconds = pl.col(name).cast(pl.Float64, strict=False).fill_null(0.0)
        began = began + pl.duration(microseconds=(seconds * 1e6).cast(pl.Int64))
    return began


def _time(rows: pl.DataFrame, name: str) -> pl.Expr:
    if rows.schema[name] == pl.String:
        return pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    return pl.col(name).cast(MICROSECONDS)


def _with_clearing(alarms: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Tell an alarm as it is raised, and again once it is cleared, where that is still to come."""
    cleared = _time(alarms, "cleared_at")
    whole = alarms.filter(cleared > now).with_columns(cleared.alias("_known"))
    raised = alarms.with_columns(
        pl.when(cleared > now).then(None).otherwise("cleared_at").alias("cleared_at")
    )
    return pl.concat([raised, whole])


def read(path: Path) -> pl.DataFrame:
    """Read a table; all columns of a CSV as they are written."""
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)


def write(rows: pl.DataFrame, path: Path) -> None:
    """Write a table in the form that its name tells."""
    if path.suffix == ".parquet":
        rows.write_parquet(path)
    else:
        rows.write_csv(path)
