"""The error of the signalling collectors: a message that cannot be read."""

from __future__ import annotations

from callcause_error import CallcauseError

__all__ = ["BadMessage"]


class BadMessage(CallcauseError):  # noqa: N818 - named as BadFile is
    """Bytes that are no message of the protocol; it is counted under `code` and dropped.

    Codes of SIP: `empty`, `bad_start_line`, `bad_header`, `header_missing`, `too_large`. The text never
    quotes the message: it may hold identities.
    """

    def __init__(self, code: str, message: str, *, key: str | None = None) -> None:
        self.code = code
        super().__init__(message, key=key)
