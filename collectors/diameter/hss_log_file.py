"""A whole HSS log file, plain or gzip."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from collectors.diameter.hss_log import MAX_LINE_BYTES, HssLog
from collectors.errors import BadFile
from collectors.records.rows import bad_rows

MOST_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class HssLogFile:
    """Rows of `diameter_answer` in clear, refused lines, lines by the state they ended in."""

    rows: pl.DataFrame
    bad: pl.DataFrame
    counts: Counter[str]


def read_hss_log(path: Path) -> HssLogFile:
    """Read a log; BadFile when it cannot be read or when no line of it is a transaction."""
    log = HssLog()
    for number, line in enumerate(_lines(path), 1):
        log.take(line, number)
    rows = log.rows()
    counts = log.all_counts()
    if not rows.height and counts["bad"]:
        first = log.bad[0]
        raise BadFile(
            "not_recognised", first["reason"], file=str(path), line=first["line"], key=first["field"] or None
        )
    schema = bad_rows().schema
    return HssLogFile(rows, pl.DataFrame(log.bad, schema=schema), counts)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield lines; one that is longer than any transaction is given cut, to be refused."""
    read = 0
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            with gzip.open(plain) if packed else plain as file:
                while line := file.readline(MAX_LINE_BYTES + 2):
                    read += len(line)
                    if read > MOST_BYTES:
                        raise BadFile("too_large", f"more than {MOST_BYTES >> 30} GiB", file=str(path))
                    whole = line
                    while not line.endswith(b"\n") and len(line) > MAX_LINE_BYTES:
                        line = file.readline(MAX_LINE_BYTES + 2)
                    yield whole
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile("truncated", f"the gzip data is damaged: {error}", file=str(path)) from error
    except OSError as error:
        raise BadFile("unreadable", f"cannot be read: {error.strerror}", file=str(path)) from error
