"""What goes to a terminal: data on stdout, everything else on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from callcause_error import CallcauseError

PIPE_WIDTH = 220

out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, soft_wrap=True)


def fail(error: CallcauseError) -> int:
    """Print one message and return the exit status that goes with it."""
    err.print(f"callcause: {error}", markup=False, highlight=False)
    return error.exit_status


def say(text: str) -> None:
    """Print a plain line to stderr."""
    err.print(text, markup=False, highlight=False)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Progress]:
    """Show progress on a terminal and nothing in a pipe."""
    quiet = not sys.stderr.isatty() or bool(os.environ.get("CALLCAUSE_QUIET"))
    with Progress(console=err, transient=True, disable=quiet) as bar:
        bar.add_task(title, total=total)
        yield bar
