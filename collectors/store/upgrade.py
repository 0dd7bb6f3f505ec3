"""Bringing a store of an earlier layout up to this one, a step at a time, each step in one transaction.

A step writes new data files beside the old ones and names them in the transaction that also raises the
layout: a process that is killed on the way leaves the old layout whole, and the next one begins the step
again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from collectors.errors import StoreError
from collectors.records.schema import ABSENT
from collectors.store.ledger import LAYOUT, Ledger, Segment
from collectors.store.segment import Aside, locked, publish

Step = Callable[[Path, Ledger, Aside], list[tuple[Path, Segment, str]]]
"""Writes files aside; returns each with its new segment and the name of the one that it replaces."""


def bring_up(root: Path, ledger: Ledger) -> int:
    """Raise the layout of a store to LAYOUT; returns the number of steps taken.

    StoreError for a store of a later layout, which this version cannot read.
    """
    if ledger.layout > LAYOUT:
        message = f"the store has layout {ledger.layout}, this version reads layout {LAYOUT}"
        raise StoreError(message, file=str(root), hint="use the newer version that wrote it")
    taken = 0
    while ledger.layout < LAYOUT:
        with locked(root / "refresh.lock"):
            if ledger.layout < LAYOUT:
                _take(root, ledger, STEPS[ledger.layout])
                taken += 1
    return taken


def _take(root: Path, ledger: Ledger, step: Step) -> None:
    aside = Aside(root)
    try:
        made = step(root, ledger, aside)
        with locked(root / "write.lock"):
            publish(root, [(path, segment.name) for path, segment, _ in made])
            with ledger.transaction():
                ledger.write_segments([segment for _, segment, _ in made], [old for *_, old in made])
                ledger.set_fact("layout", str(ledger.layout + 1))
    finally:
        aside.close()


def absent_as_text(root: Path, ledger: Ledger, aside: Aside) -> list[tuple[Path, Segment, str]]:
    """Layout 1 to 2: the names of absent columns stand in one text, no longer in a list."""
    made = []
    for kind in ledger.kinds():
        for old in ledger.segments(kind):
            dtype = pl.read_parquet_schema(root / old.name).get(ABSENT)
            if isinstance(dtype, pl.List):
                path = aside.write(pl.read_parquet(root / old.name))
                name = f"{old.name.removesuffix('.parquet')}-2.parquet"
                made.append(
                    (path, Segment(name, kind, old.part, old.rows, old.start_us, old.end_us), old.name)
                )
    return made


STEPS: Mapping[int, Step] = {1: absent_as_text}
"""The step that leads on from each layout."""
