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

SMALL_BYTES: Final = 256 << 10
_USUAL_RATIO: Final = 12
"""Inflated to packed size of real PM files, to guess the size of a gzip file."""


def read_blocks(path: Path, limits: Limits = DEFAULT_LIMITS, zone: tzinfo = UTC) -> Iterator[PmBlock]:
    """Yield the blocks of a PM file; both parsers say the same (see `stream_blocks` for errors).

    Small files are streamed, so that a small ingest never waits for the compiled scan to load.
    """
    if _size(path) < SMALL_BYTES and "collectors.pm.kernel" not in sys.modules:
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
