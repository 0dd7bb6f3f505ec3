"""The one root of all errors that callcause raises on purpose.

It stands outside the packages because `runbooks` may know none of the others and still
raises located errors (docs/decisions/0002-one-error-root.md).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CallcauseError(Exception):
    """An error with a place: file, line, key, and a suggestion where one is near.

    `exit_status` is what the command line ends with (contract: 2 wrong use or configuration,
    4 failure while running).
    """

    exit_status = 4

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message, self.file, self.line, self.key, self.hint = message, file, line, key, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        """`file:line: key: message; hint`, each part only where known."""
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        parts = [part for part in (place, self.key, self.message) if part]
        return ": ".join(parts) + (f"; {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[object, ...]:
        """Cross from a worker process whole, whatever arguments a subclass takes."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(
    kind: type[CallcauseError], args: tuple[object, ...], state: dict[str, object]
) -> CallcauseError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(CallcauseError):
    """Wrong use or wrong configuration: exit status 2."""

    exit_status = 2


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean 'x'?` for the nearest known word, or None when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else None
