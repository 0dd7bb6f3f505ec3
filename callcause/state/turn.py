"""Writers of one process take turns where the database lets one in at a time."""

from __future__ import annotations

import threading
from types import TracebackType

from callcause.state.errors import DatabaseGone

LONGEST_S = 60.0
"""How long a writer waits for those before it: they are at work, the database is not gone."""


class Turn:
    """A lock for SQLite, whose own waiting asks again and again and so may pass one writer over for seconds.

    Used as a context; DatabaseGone where those before do not come to their end.
    """

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._lock, self._longest_s = threading.Lock(), longest_s

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._longest_s):
            raise DatabaseGone(
                f"the state database is busy: a writer before this one is at work for {self._longest_s:g} s"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
