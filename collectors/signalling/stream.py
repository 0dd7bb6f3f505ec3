"""SIP over a stream: where one message ends and the next begins (RFC 3261 18.3, RFC 5626 4.4.1)."""

from __future__ import annotations

import re

from collectors.signalling.errors import BadMessage
from collectors.signalling.message import MAX_HEADER_BYTES

MAX_BODY_BYTES = 1 << 20
_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_START = re.compile(rb"^(?:SIP/2\.0 [1-6]\d\d|[A-Z]{3,20} \S[^\r\n]* SIP/2\.0\r?$)", re.MULTILINE)


class StreamSplitter:
    """Takes the bytes of one direction of one connection in order and gives whole messages.

    After bytes that are no SIP it looks for the next start line; what it passed over is in `skipped_bytes`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.skipped_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes; return the messages that are complete now."""
        self._buffer += data
        messages: list[bytes] = []
        while True:
            self._drop_blank()
            message = self._next()
            if message is None:
                return messages
            if message:
                messages.append(message)

    def lost(self) -> None:
        """Say that bytes are missing here (a gap in a capture): the message in work is given up."""
        self.skipped_bytes += len(self._buffer)
        self._buffer.clear()

    @property
    def pending_bytes(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._buffer)

    def _drop_blank(self) -> None:
        blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n\0"))
        del self._buffer[:blank]

    def _next(self) -> bytes | None:
        """Return a message, b"" after rubbish was passed over, None where more bytes are needed."""
        if not self._buffer:
            return None
        if not _START.match(self._buffer) and not self._may_begin():
            return self._resync()
        end = _END.search(self._buffer)
        if end is None:
            return self._resync() if len(self._buffer) > MAX_HEADER_BYTES else None
        length = _LENGTH.search(self._buffer, 0, end.end())
        size = int(length[1]) if length else 0
        if size > MAX_BODY_BYTES or not _START.match(self._buffer):
            return self._resync()
        whole = end.end() + size
        if len(self._buffer) < whole:
            return None
        message = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        return message

    def _may_begin(self) -> bool:
        """Whether the first line is not whole yet but may become a start line."""
        return b"\n" not in self._buffer and len(self._buffer) < MAX_HEADER_BYTES

    def _resync(self) -> bytes:
        found = _START.search(self._buffer, 1)
        keep = found.start() if found else self._buffer.rfind(b"\n") + 1 or len(self._buffer)
        self.skipped_bytes += keep
        del self._buffer[:keep]
        return b""


def split_stream(data: bytes) -> list[bytes]:
    """Cut a complete stream into its messages. BadMessage where it holds none."""
    messages = StreamSplitter().feed(data)
    if not messages:
        raise BadMessage("bad_start_line", "the stream holds no complete SIP message")
    return messages
