"""The first bytes of a capture: pcap or pcapng, plain or gzip."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from collectors.errors import BadFile

_PCAP = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")  # us and ns
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDER = (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")
_HEADER_BYTES = 24
GZIP_MAGIC = b"\x1f\x8b"


def is_capture(head: bytes) -> bool:
    """Whether these are the first bytes of a pcap or pcapng file."""
    return head.startswith((*_PCAP, _PCAPNG))


def check_header(path: Path) -> None:
    """Refuse what only begins like a capture: tshark would read it as some text. BadFile `not_a_capture`."""
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == GZIP_MAGIC
            plain.seek(0)
            with gzip.open(plain) if packed else plain as file:
                head = file.read(_HEADER_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile("truncated", f"the gzip data is damaged: {error}", file=str(path)) from error
    except OSError as error:
        raise BadFile("unreadable", f"cannot be read: {error.strerror}", file=str(path)) from error
    whole = len(head) == _HEADER_BYTES
    if not (whole and (head.startswith(_PCAP) or (head[:4] == _PCAPNG and head[8:12] in _BYTE_ORDER))):
        raise BadFile("not_a_capture", "neither pcap nor pcapng", file=str(path))
