"""The one error that runbooks raise on purpose."""

from __future__ import annotations

from callcause_error import UsageError


class RunbookError(UsageError):
    """A runbook, an overlay or a threshold override is wrong; it names file, line and key."""
