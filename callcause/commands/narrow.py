"""Tables for terminals of any width: columns where there is room for them, else one entry under another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

ROOM = 110
"""Columns from which a table of sentences is easier to read than entries."""
INDENT = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as an entry: `head` on a line of its own, the other lines indented under it."""

    head: RenderableType
    lines: Sequence[RenderableType] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class ByWidth:
    """Shows the table where the terminal has room for it, else the entries."""

    table: RenderableType
    entries: Sequence[Entry]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose by the width that there is."""
        if options.max_width >= ROOM:
            yield self.table
            return
        for entry in self.entries:
            yield entry.head
            yield indented(entry.lines)


def indented(lines: Sequence[RenderableType]) -> Table:
    """Put lines under their head, a bit to the right; long words break, others go to the next line."""
    grid = Table.grid(padding=0)
    grid.add_column(width=INDENT)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row("", line)
    return grid


def labelled(label: str, text: str | Text) -> Text:
    """Write what a value is before it, as the head of its column would."""
    return Text.assemble((f"{label}: ", "dim"), text)
