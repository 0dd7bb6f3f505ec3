"""Which parser reads a PM file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final

from collectors.errors import BadFile
from collectors.pm.block import PmBlock
from collectors.pm.source import DEFAULT_LIMITS, Limits, is_gzip
from collectors.pm.stream import stream_blocks

PATIENCE_BYTES: Final = 8 << 20
"""XML that a process streams before the compiled scan is worth loading (a second; more at the first use)."""
_USUAL_RATIO: Final = 12
"""Inflated to packed size of real PM files, to guess the size of a gzip file."""
_streamed_bytes = 0


def read_blocks(path: Path, limits: Limits = DEFAULT_LIMITS, zone: tzinfo = UTC) -> Iterator[PmBlock]:
    """Yield the blocks of a PM file; both parsers say the same (see `stream_blocks` for errors).

    The first files of a process are streamed, so that a small ingest never waits for the compiled scan.
    """
    global _streamed_bytes
    if "collectors.pm.kernel" not in sys.modules:
        _streamed_bytes += _size(path)
        if _streamed_bytes < PATIENCE_BYTES:
            return stream_blocks(path, limits, zone)
    from collectors.pm.scan import scan_blocks

    return scan_blocks(path, limits, zone)


def _size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            packed = is_gzip(file.read(2))
        return path.stat().st_size * (_USUAL_RATIO if packed else 1)
    except OSError as error:
        raise BadFile("unreadable", error.strerror or str(error), file=str(path)) from error
