"""Record tables to files, with the columns and rows that this network does not write left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from numpy.typing import NDArray

from callcause.simulator.legs import REMOVED
from callcause.simulator.removal import lacking_columns
from callcause.simulator.tables import write_csv, write_parquet
from callcause.simulator.variant import Variant


class Writer:
    """Writes below `folder` what a network of this variant writes."""

    def __init__(self, folder: Path, variant: Variant) -> None:
        self.folder, self.variant = folder, variant

    def table(
        self, sub: str, kind: str, table: pl.DataFrame, key: str = "", without: NDArray[Any] | None = None
    ) -> None:
        """Write one table, without the rows whose `key` is in `without`."""
        if without is not None and len(without):
            table = table.filter(~pl.col(key).is_in(pl.Series(list(without)).implode()))
        write_csv(self._kept(kind, table), self.folder / sub / f"{kind}.csv")

    def records(self, kind: str, table: pl.DataFrame, spoil: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """Write records; those that lack columns come from probes of their own, one file for each kind."""
        home, removed = self.folder / "records", table[REMOVED].to_list()
        names = tuple(c for c in table.columns if c != REMOVED)
        lacking = {
            text: lacking_columns(tuple(text.split(";")), kind, names) for text in sorted(set(removed))
        }
        whole = [not lacking[text] for text in removed]
        rest = table.filter(pl.Series(whole)).drop(REMOVED)
        write_csv(self._kept(kind, spoil(rest)), home / f"{kind}.csv")
        for number, text in enumerate(t for t in lacking if lacking[t]):
            thin = table.filter(pl.col(REMOVED) == text).drop(REMOVED, *lacking[text])
            write_csv(self._kept(kind, thin), home / f"{kind}_probe_{number}.csv")

    def slices(self, table: pl.DataFrame) -> None:
        """Write the voice slices."""
        write_parquet(self._kept("voice_slice", table), self.folder / "records" / "voice_slice.parquet")

    def _kept(self, kind: str, table: pl.DataFrame) -> pl.DataFrame:
        return table.drop(self.variant.lost.get(kind, ()), strict=False)
