"""Threads, for work that lets go of the interpreter's lock: polars, numpy on large arrays, compiled code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
MOST = 4  # each holds what it works on in memory


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def spread(work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """Return `work` of each item in the order of the items, some at a time.

    The items may not share what they write. The first error ends the work and is raised.
    """
    todo = list(items)
    count = min(len(todo), cores(), MOST)
    if count < 2:
        return [work(item) for item in todo]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, todo))
