"""Rows of one measInfo, gathered until they are a block."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collectors.pm.block import PmBlock
from collectors.pm.heads import FileHead, InfoHead


@dataclass(slots=True)
class Row:
    """One measValue."""

    ldn: str
    values: list[float]
    suspect: bool = False
    suspect_columns: set[int] = field(default_factory=set)
    vectors: dict[int, tuple[float, ...]] = field(default_factory=dict)


class BlockBuilder:
    """Takes rows one by one (stream) or many at once (scan); a block has `rows_per_block` rows at most."""

    def __init__(self, file: FileHead, info: InfoHead, block_values: int) -> None:
        self.info = info
        self.columns = len(info.counters)
        self.rows_per_block = max(1, block_values // max(1, self.columns))
        self._file = file
        self._clear()

    def _clear(self) -> None:
        self.notes: Counter[str] = Counter()
        self._objects: list[str] = []
        self._pieces: list[NDArray[np.float64]] = []
        self._single = array("d")
        self._suspect_rows: list[int] = []
        self._suspect_places: list[tuple[int, int]] = []
        self._vectors: dict[tuple[int, int], tuple[float, ...]] = {}

    @property
    def room(self) -> int:
        """How many rows still fit into this block."""
        return self.rows_per_block - len(self._objects)

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return len(self._objects)

    def add_row(self, row: Row) -> None:
        """Append one measValue."""
        at = len(self._objects)
        self._objects.append(row.ldn)
        self._single.extend(row.values)
        if row.suspect:
            self._suspect_rows.append(at)
        self._suspect_places.extend((at, column) for column in sorted(row.suspect_columns))
        self._vectors.update(((at, column), row.vectors[column]) for column in sorted(row.vectors))

    def add_rows(
        self,
        objects: Sequence[str],
        values: NDArray[np.float64],
        suspect_rows: Sequence[int],
        vectors: dict[tuple[int, int], tuple[float, ...]],
    ) -> None:
        """Append many whole rows; `suspect_rows` and the rows of `vectors` count from the first of them."""
        self._close_single()
        at = len(self._objects)
        self._objects.extend(objects)
        self._pieces.append(values)
        self._suspect_rows.extend(at + row for row in suspect_rows)
        self._vectors.update({(at + row, column): places for (row, column), places in vectors.items()})

    def build(self) -> PmBlock:
        """Return the block of the rows so far; the builder is empty after it."""
        self._close_single()
        shape = (len(self._objects), self.columns)
        values = (
            self._pieces[0]
            if len(self._pieces) == 1
            else np.concatenate([np.empty((0, self.columns)), *self._pieces])
        )
        suspect = np.zeros(shape, dtype=np.bool_)
        suspect[self._suspect_rows] = True
        for place in self._suspect_places:
            suspect[place] = True
        for note in (*self._file.notes, *self.info.notes):
            self.notes[note] += 1
        file, info = self._file, self.info
        block = PmBlock(
            file.managed_element, file.vendor, file.software_version, info.meas_info_id, info.job_id,
            info.begin, info.end, info.period_s, info.counters, tuple(self._objects), values, suspect,
            dict(self._vectors), file.user_label, dict(sorted(self.notes.items())),
        )  # fmt: skip
        self._clear()
        return block

    def _close_single(self) -> None:
        if self._single or (self.columns == 0 and not self._pieces):
            rows = len(self._objects) - sum(len(piece) for piece in self._pieces)
            self._pieces.append(np.array(self._single, dtype=np.float64).reshape(rows, self.columns))
            self._single = array("d")
