"""The errors of the state database."""

from __future__ import annotations

from callcause_error import CallcauseError


class DatabaseGone(CallcauseError):  # noqa: N818 - said as operators say it
    """The state database does not answer, or cannot write; nothing was changed, and it may be tried again."""


class StaleVersion(CallcauseError):  # noqa: N818 - said as operators say it
    """The row was changed by somebody else since it was read."""
