"""Answers of the store that stay right as long as what they were read from stays the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 256
"""Answers kept; the one that was asked for longest ago goes first."""


class Kept:
    """A bounded table of answers by question, each with the version of the data that it was made from."""

    def __init__(self, most: int = MOST) -> None:
        self._found: OrderedDict[Hashable, tuple[Hashable, Any]] = OrderedDict()
        self._lock, self._most = Lock(), most

    def get(self, question: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """Return the answer to a question; made anew where the version is another one."""
        known = self._known(question, version)
        if known is not None:
            answer: T = known[0]
            return answer
        answer = make()
        self._keep(question, version, answer)
        return answer

    async def awaited(self, question: Hashable, version: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Like `get`, where making takes more than this task."""
        known = self._known(question, version)
        if known is not None:
            answer: T = known[0]
            return answer
        answer = await make()
        self._keep(question, version, answer)
        return answer

    def _known(self, question: Hashable, version: Hashable) -> tuple[Any] | None:
        with self._lock:
            known = self._found.get(question)
            if known is None or known[0] != version:
                return None
            self._found.move_to_end(question)
            return (known[1],)

    def _keep(self, question: Hashable, version: Hashable, answer: object) -> None:
        with self._lock:
            self._found[question] = (version, answer)
            self._found.move_to_end(question)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
