"""What an ingest did with every file, for people and for scripts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from collectors.errors import BadFile
from collectors.pm.counter_map import unmapped_as_map
from collectors.store.batch import ERASED_ROWS
from collectors.store.ledger import FileEntry, FileState

BAD_ROWS_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row in quarantine."""

    path: str
    line: int | None
    field: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line is not None else self.path
        return f"{place}: {self.field}: {self.reason}" if self.field else f"{place}: {self.reason}"


@dataclass(slots=True)
class IngestReport:
    """Counts of an ingest. Every file is in exactly one of `states`.

    `rows` by kind of what was stored now; `notes` says what was odd and how often; `unmapped` counts results
    by counter, `vendors` names who wrote them; `unmatched` counts rows of objects without an inventory row.
    """

    states: Counter[FileState] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    refused: list[BadFile] = field(default_factory=list)
    bad_rows: list[BadRow] = field(default_factory=list)
    bad_row_count: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    vendors: set[str] = field(default_factory=set)
    unmatched: Counter[str] = field(default_factory=Counter)
    rematched: int = 0

    @property
    def files(self) -> int:
        """Files seen."""
        return sum(self.states.values())

    @property
    def quarantined(self) -> int:
        """Files and rows in quarantine."""
        return self.states[FileState.QUARANTINED] + self.bad_row_count

    @property
    def exit_status(self) -> int:
        """0 when everything is stored or known, 3 when something went into quarantine (contract)."""
        return 3 if self.quarantined else 0

    def skip(self, reason: str) -> None:
        """Count a file that is left out on purpose."""
        self.states[FileState.SKIPPED] += 1
        self.skipped[reason] += 1

    def refuse(self, error: BadFile) -> None:
        """Count a file that went into quarantine."""
        self.states[FileState.QUARANTINED] += 1
        self.refused.append(error)

    def take(self, entry: FileEntry, state: FileState, bad: pl.DataFrame | None) -> None:
        """Count a file that was read, in the state in which its commit ended."""
        self.states[state] += 1
        if state is FileState.KNOWN:
            return
        self.kinds[entry.kind] += 1
        self.rows[entry.kind] += entry.rows
        self.bad_row_count += entry.bad_rows
        self.notes.update({name: count for name, count in entry.counts.items() if count})
        if bad is not None and len(self.bad_rows) < BAD_ROWS_SHOWN:
            shown = bad.head(BAD_ROWS_SHOWN - len(self.bad_rows)).select("line", "field", "reason")
            self.bad_rows += [BadRow(entry.source.path, *row) for row in shown.iter_rows()]

    def summary(self) -> str:
        """One line on files, and one for each kind of record that was stored."""
        states = ", ".join(
            f"{self.states[s]} {str(s).replace('_', ' ')}" for s in FileState if self.states[s]
        )
        lines = [f"{self.files} files: {states or 'none'}"]
        lines += [f"  {kind}: {self.rows[kind]} rows of {n} files" for kind, n in sorted(self.kinds.items())]
        if self.bad_row_count:
            lines.append(f"  rows in quarantine: {self.bad_row_count}")
        if erased := self.notes[ERASED_ROWS]:
            lines.append(f"  rows of erased subscribers, stored without them or left out: {erased}")
        if self.skipped:
            lines.append("  skipped: " + ", ".join(f"{n} {why}" for why, n in sorted(self.skipped.items())))
        if self.unmapped:
            lines.append(f"  counters that no map knows: {len(self.unmapped)}")
        if self.unmatched:
            lines.append(f"  objects that no inventory row has: {len(self.unmatched)}")
        if self.rematched:
            lines.append(f"  objects found again by the inventory: {self.rematched}")
        return "\n".join(lines)

    def problems(self) -> list[str]:
        """Files, then rows in quarantine, each with its place and reason."""
        files = [f"{error.code}: {error}" for error in sorted(self.refused, key=lambda e: e.file or "")]
        rows = [str(row) for row in self.bad_rows]
        unshown = self.bad_row_count - len({(r.path, r.line) for r in self.bad_rows})
        return [*files, *rows, *([f"and {unshown} more rows"] if unshown > 0 else [])]

    def unmapped_map(self) -> str:
        """Counters that no map knows as a YAML map to fill in; empty when there are none."""
        return (
            unmapped_as_map(self.unmapped, vendors=sorted(v for v in self.vendors if v))
            if self.unmapped
            else ""
        )
