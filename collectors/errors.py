"""The errors of the collectors: a file to quarantine, a store that failed, a configuration that is wrong."""

from __future__ import annotations

from callcause_error import CallcauseError, UsageError

__all__ = ["BadFile", "ConfigError", "SourceError", "StoreError", "UsageError"]


class BadFile(CallcauseError):  # noqa: N818 - the name stands in the architecture
    """A file that cannot be taken in: it goes to quarantine under the reason `code`.

    Codes of PM files: `truncated`, `not_well_formed`, `wrong_root`, `dtd_refused`, `too_deep`, `too_large`,
    `gzip_ratio`, `empty_yield`, `unreadable`, `bad_header`, `bad_value`. Other collectors add their own.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.code = code
        super().__init__(message, file=file, line=line, key=key, hint=hint)


class StoreError(CallcauseError):
    """The store cannot be read or written; what it held before is untouched."""


class ConfigError(UsageError):
    """A counter map, a schema, a catalogue or a setting is wrong: exit status 2."""


class SourceError(CallcauseError):
    """A live source did not answer, or answered what cannot be read; `file` is its name and target.

    `code` is the state that the run is counted under: `timeout`, `refused`, `authentication`, `bad_answer`,
    `unreachable`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        file: str | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.code = code
        super().__init__(message, file=file, key=key, hint=hint)
