"""A CSV file as batches of string rows: UTF-8, comma, header row, plain or gzip."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import polars as pl
from isal import igzip, isal_zlib

from collectors.errors import BadFile
from collectors.records.csv_scan import MAX_RECORD_BYTES, scan_records, split_record, split_records
from collectors.records.rows import LINE, RowBatch, bad_rows

PIECE_BYTES = 32 << 20
GZIP_MAGIC = b"\x1f\x8b"
MAX_GZIP_RATIO = 300
GZIP_RATIO_FREE_BYTES = 64 << 20
_BEFORE_HEADER = b"\xef\xbb\xbf\r\n"
"""Byte order mark and empty lines."""


class CsvSource:
    """An open CSV table; `header` holds the column names as written, without blanks around them."""

    def __init__(self, path: Path, *, piece_bytes: int = PIECE_BYTES) -> None:
        self._path = path
        self._pieces = _pieces(path, piece_bytes)
        self._buffer = self._held = b""
        self._line = 1
        self._final = False
        self.header = self._read_header()

    def batches(self) -> Iterator[RowBatch]:
        """Yield the rows in the order of the file; BadFile on a NUL byte or text that is not UTF-8."""
        while not self._final or self._buffer:
            if not self._final:
                self._more()
            scan = scan_records(self._buffer, len(self.header), final=self._final)
            self._check_encoding(self._buffer[: scan.used])
            lines = scan.lines + self._line
            bad = [(line + self._line, reason) for line, reason in scan.bad]
            self._advance(scan.used)
            empty = [""] * len(bad)
            report = bad_rows([line for line, _ in bad], empty, empty, [reason for _, reason in bad])
            yield RowBatch(_frame(scan.rows, lines, self.header), report)

    def _read_header(self) -> tuple[str, ...]:
        while b"\n" not in self._buffer.lstrip(_BEFORE_HEADER) and not self._final:
            if len(self._buffer) > MAX_RECORD_BYTES:
                break
            self._more()
        self._advance(len(self._buffer) - len(self._buffer.lstrip(_BEFORE_HEADER)))
        if not self._buffer.strip():
            raise BadFile(
                "empty_file", "the file is empty", file=str(self._path), hint="a header row is expected"
            )
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        if end > MAX_RECORD_BYTES:
            raise BadFile(
                "wrong_columns", "the header row is too long", file=str(self._path), line=self._line
            )
        head = self._buffer[:end]
        self._check_encoding(head)
        names = split_record(head.rstrip(b"\r\n"))
        self._advance(end)
        return tuple(name.strip() or f"column {position}" for position, name in enumerate(names, 1))

    def _more(self) -> None:
        piece = next(self._pieces, b"")
        self._final = not piece
        piece = self._held + piece
        # A line end may be cut between two pieces: CR waits until it is seen what follows.
        self._held = b"\r" if piece.endswith(b"\r") and not self._final else b""
        if b"\r" in piece:
            piece = piece[: len(piece) - len(self._held)].replace(b"\r\n", b"\n")
        joined = self._buffer + piece
        if b"\0" in piece:
            line = self._line + joined.count(b"\n", 0, joined.index(b"\0"))
            raise BadFile("nul_byte", "a NUL byte stands in the text", file=str(self._path), line=line)
        self._buffer = joined

    def _advance(self, used: int) -> None:
        self._line += self._buffer.count(b"\n", 0, used)
        self._buffer = self._buffer[used:]

    def _check_encoding(self, text: bytes) -> None:
        if text.isascii():
            return
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as error:
            line = self._line + text.count(b"\n", 0, error.start)
            message = "the text is not UTF-8"
            hint = "save the table as UTF-8"
            # `from None`: the decode error quotes bytes of the row, which may be an identity.
            raise BadFile("bad_encoding", message, file=str(self._path), line=line, hint=hint) from None


def _pieces(path: Path, piece_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of a plain or gzip file; BadFile on damaged gzip or an absurd ratio."""
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == GZIP_MAGIC
            plain.seek(0)
            # isal has no types.
            stream = cast(BinaryIO, igzip.open(plain, "rb")) if zipped else plain  # type: ignore[no-untyped-call]
            total = 0
            while piece := stream.read(piece_bytes):
                total += len(piece)
                if zipped and total > max(GZIP_RATIO_FREE_BYTES, MAX_GZIP_RATIO * path.stat().st_size):
                    raise BadFile("gzip_ratio", "the gzip file grows beyond all measure", file=str(path))
                yield piece
    except (EOFError, zlib.error, isal_zlib.error, igzip.BadGzipFile) as error:  # type: ignore[misc]  # no types
        raise BadFile("damaged_gzip", f"the gzip file is damaged: {error}", file=str(path)) from error
    except OSError as error:
        raise BadFile(
            "unreadable", f"the file cannot be read: {error.strerror or error}", file=str(path)
        ) from error


def _frame(
    rows: bytes, lines: np.ndarray[tuple[int], np.dtype[np.int64]], header: tuple[str, ...]
) -> pl.DataFrame:
    schema = dict.fromkeys(header, pl.String())
    if not len(lines):
        return pl.DataFrame(schema={**schema, LINE: pl.Int64()})
    frame = parse_fast(rows, schema)
    if frame is None or frame.height != len(lines):
        frame = parse_exactly(rows, schema)
    return frame.with_columns(pl.Series(LINE, lines, pl.Int64))


def parse_fast(rows: bytes, schema: dict[str, pl.String]) -> pl.DataFrame | None:
    """Parse rows that have no header with polars; None when polars refuses them."""
    try:
        return pl.read_csv(rows, has_header=False, schema=schema, infer_schema=False, raise_if_empty=False)
    except pl.exceptions.PolarsError:
        return None


def parse_exactly(rows: bytes, schema: dict[str, pl.String]) -> pl.DataFrame:
    """Parse the same rows one by one, for what polars reads in another way."""
    values = [[value or None for value in record] for record in split_records(rows)]
    return pl.DataFrame(values, schema=schema, orient="row")
