"""Files of signalling: captures and HSS logs become rows of several record kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from collectors.capture.read import read_capture
from collectors.diameter.hss_log_file import read_hss_log
from collectors.records import Pseudonymiser, load_rows
from collectors.records.rows import bad_rows
from collectors.signalling.frames import by_seen_columns

SIGNALLING = ("hss_log", "capture")
"""Kinds of file that `read_signalling` reads."""


@dataclass(frozen=True, slots=True)
class SignallingFile:
    """A file as it may be stored: rows by record kind without identities, bad rows, counts by state."""

    frames: dict[str, pl.DataFrame]
    bad: pl.DataFrame
    counts: Counter[str]


def read_signalling(
    kind: str, path: Path, *, reader: Pseudonymiser, country_code: str = "86"
) -> SignallingFile:
    """Read a file of kind `hss_log` or `capture`; BadFile when it cannot be taken in as a whole."""
    if kind == "hss_log":
        log = read_hss_log(path)
        clear, bad, counts = {"diameter_answer": log.rows}, log.bad, log.counts
    else:
        capture = read_capture(path)
        clear, bad, counts = capture.frames, bad_rows(), capture.counts
    return _checked(clear, bad, counts, path, reader, country_code)


def _checked(
    clear: Mapping[str, pl.DataFrame],
    bad: pl.DataFrame,
    counts: Counter[str],
    path: Path,
    reader: Pseudonymiser,
    country_code: str,
) -> SignallingFile:
    frames: dict[str, pl.DataFrame] = {}
    refused = [bad_rows(), bad]
    for kind, rows in by_seen_columns(dict(clear)):
        if rows.height:
            loaded = load_rows(kind, rows, source=str(path), pseudonymiser=reader, country_code=country_code)
            frames[kind] = pl.concat([frames[kind], loaded.good]) if kind in frames else loaded.good
            # Rows that were never lines: their number would mislead.
            refused.append(loaded.bad.with_columns(line=pl.lit(None, pl.Int64)))
    return SignallingFile(frames, pl.concat(refused), counts)
