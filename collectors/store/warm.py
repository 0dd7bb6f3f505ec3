"""Counter rows that this process has just written, so that the refresh after them need not read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

WARM_BYTES: Final = 128 << 20


class Warm:
    """Frames by the name of their segment, as many as fit; what is not here is read from its file."""

    def __init__(self, room: int = WARM_BYTES) -> None:
        self._frames: dict[str, pl.DataFrame] = {}
        self._room = self._left = room

    def put(self, name: str, rows: pl.DataFrame) -> None:
        """Keep what the file of a segment holds."""
        size = int(rows.estimated_size())
        if name not in self._frames and size <= self._left:
            self._left -= size
            self._frames[name] = rows

    def get(self, name: str) -> pl.DataFrame | None:
        """Rows of a segment, None where they are not kept."""
        return self._frames.get(name)

    def items(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """All that is kept."""
        return iter(self._frames.items())

    def clear(self) -> None:
        """Forget all."""
        self._frames, self._left = {}, self._room
