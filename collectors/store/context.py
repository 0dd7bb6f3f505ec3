"""What the parts of one refresh share: where the store is, and what they will make visible together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.store import renaming
from collectors.store.ledger import Ledger, Segment
from collectors.store.segment import Aside, locked, publish, time_range
from collectors.store.tables import RECENT, Rewrite
from collectors.store.warm import Warm

RAW_FROM = "raw_from_us"
"""Fact: hours before this moment cannot be computed anew in full, for what they came from is kept no more."""


@dataclass(slots=True)
class Context:
    """One refresh: files to publish, segments to retire, facts to set, objects that have a name now."""

    root: Path
    aside: Aside
    ledger: Ledger
    catalogue: Catalogue
    rewrite: Rewrite = field(default_factory=Rewrite)
    facts: dict[str, str] = field(default_factory=dict)
    renamed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    warm: Warm = field(default_factory=Warm)

    @property
    def raw_from_us(self) -> int | None:
        """Moment before which counters and samples are kept no more, in microseconds UTC."""
        found = self.ledger.fact(RAW_FROM)
        return None if found is None else int(found)

    @property
    def has_names(self) -> bool:
        """Whether any object has another name by now."""
        return bool(self.renamed) or bool(renaming.known_names(self.ledger))

    def named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows under the entities that the inventory gives them now."""
        return renaming.renamed(rows, renaming.known_names(self.ledger) | dict(self.renamed))

    def retire(self, segment: Segment | None) -> None:
        """Drop a segment when the refresh becomes visible."""
        if segment is not None and segment.name not in self.rewrite.retired:
            self.rewrite.retired.append(segment.name)

    def append(self, kind: str, part: str, rows: pl.DataFrame, instead_of: Sequence[Segment]) -> None:
        """Write a segment sorted by entity, in the place of others."""
        path = self.aside.write(rows, fast=True)
        name = f"segments/{kind}/{path.stem}.parquet"
        times = time_range(rows, "period_start")
        self.rewrite.new.append((path, Segment(name, kind, part, rows.height, *times)))
        for segment in instead_of:
            self.retire(segment)

    def commit(self) -> None:
        """Make all visible in one transaction."""
        with locked(self.root / "write.lock"):
            publish(self.root, [(path, segment.name) for path, segment in self.rewrite.new])
            with self.ledger.transaction():
                self.ledger.write_segments([segment for _, segment in self.rewrite.new], self.rewrite.retired)
                gone = set(self.rewrite.retired)
                self.ledger.mark([name for name in self.rewrite.seen if name not in gone], RECENT)
                for name, value in self.facts.items():
                    self.ledger.set_fact(name, value)
        self.rewrite, self.facts, self.renamed = Rewrite(), {}, {}
