"""The bytes of a PM file: inflated, in UTF-8, in pieces, and never more than the limits allow."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, cast

from isal import igzip, isal_zlib

from collectors.errors import BadFile

_DAMAGED: Final = (gzip.BadGzipFile, zlib.error, cast("type[Exception]", isal_zlib.error))
GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]{0,39})[\"']")
_DECLARED_BYTES: Final = 512  # the XML declaration stands in them
_AS_IS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_FIRST_TAG = re.compile(rb"\s*<[?!A-Za-z_:\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a PM file may ask for; beyond it the file is refused, so that no file can exhaust the machine."""

    total_bytes: int = 16 << 30
    """Inflated size."""
    text_bytes: int = 16 << 20
    """One text or one tag."""
    depth: int = 32
    """Nested elements; a real file has five."""
    gzip_ratio: float = 300.0
    """Inflated to packed. An idle network's file reaches about 100, a bomb about 1000."""
    ratio_from_bytes: int = 16 << 20
    """The ratio is looked at from this inflated size on."""
    block_values: int = 1 << 20
    """Values of one PmBlock, which bounds the memory for one huge measInfo."""


DEFAULT_LIMITS = Limits()


def is_gzip(head: bytes) -> bool:
    """Whether the bytes start as a gzip member does."""
    return head.startswith(GZIP_MAGIC)


def sniff(head: bytes) -> bool:
    """Tell whether a file that begins so (plain or gzip) is XML: the PM parser takes it or says why not.

    No other collector reads XML, so an unknown root ends as `wrong_root` here and not as an unknown format.
    """
    if is_gzip(head):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 4096)
        except zlib.error:
            return False
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            head = head[: len(head) & ~1].decode(encoding, "replace").encode()
    return _FIRST_TAG.match(head) is not None


def utf8_chunks(path: Path, limits: Limits = DEFAULT_LIMITS, size: int = 1 << 20) -> Iterator[bytes]:
    """Pieces of the inflated file in UTF-8, of about `size` bytes; BadFile when it cannot be read so."""
    name = str(path)
    try:
        with path.open("rb") as raw:
            packed = is_gzip(raw.read(2))
            raw.seek(0)
            inflated = _inflated(raw, limits, size, name) if packed else _plain(raw, limits, size, name)
            yield from _in_utf8(inflated, name)
    except EOFError as error:
        raise BadFile("truncated", "the gzip data end too early", file=name) from error
    except _DAMAGED as error:
        raise BadFile("unreadable", f"damaged gzip data: {error}", file=name) from error
    except OSError as error:
        raise BadFile("unreadable", error.strerror or str(error), file=name) from error


def _plain(raw: BinaryIO, limits: Limits, size: int, name: str) -> Iterator[bytes]:
    total = 0
    whole = os.fstat(raw.fileno()).st_size  # 0 for a pipe
    size = min(size, whole + 1) if whole else size  # room for a large piece costs as much as a small file
    while piece := raw.read(size):
        total += len(piece)
        _check_total(total, limits, name)
        yield piece


def _inflated(raw: BinaryIO, limits: Limits, size: int, name: str) -> Iterator[bytes]:
    total = 0
    with igzip.open(raw, "rb") as inflater:  # type: ignore[no-untyped-call]  # isal has no types
        while piece := inflater.read(size):
            total += len(piece)
            _check_total(total, limits, name)
            if total > limits.ratio_from_bytes and total > limits.gzip_ratio * raw.tell():
                message = f"inflates to more than {limits.gzip_ratio:g} times its size"
                raise BadFile("gzip_ratio", message, file=name)
            yield piece


def _check_total(total: int, limits: Limits, name: str) -> None:
    if total > limits.total_bytes:
        raise BadFile("too_large", f"more than {limits.total_bytes} bytes of XML", file=name)


def _in_utf8(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    first: list[bytes] = []
    while sum(map(len, first)) < _DECLARED_BYTES and (piece := next(pieces, b"")):
        first.append(piece)
    encoding = _encoding(b"".join(first), name)
    pieces = chain(first, pieces)
    if encoding is None:
        yield from pieces
        return
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        for piece in pieces:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise BadFile("unreadable", f"not {encoding}: {error.reason if hasattr(error, 'reason') else error}",
                      file=name) from error  # fmt: skip


def _encoding(first: bytes, name: str) -> str | None:
    """Return the encoding to translate from, None for UTF-8 and what is part of it."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if first.startswith(mark):
            return encoding
    declared = _DECLARED.match(first[:_DECLARED_BYTES])
    if declared is None or declared[1].decode().lower() in _AS_IS:
        return None
    encoding = declared[1].decode()
    try:
        "".encode(encoding)  # refuses codecs that are no character encoding, such as zlib
    except (LookupError, UnicodeError) as error:
        raise BadFile("unreadable", f"unknown encoding {encoding!r}", file=name, line=1) from error
    return encoding
