"""The streaming parser of PM files: the reference that the fast scan must equal.

It reads with expat and keeps one block in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path

from collectors.pm.block import PmBlock
from collectors.pm.block_reader import BlockReader
from collectors.pm.source import DEFAULT_LIMITS, Limits, utf8_chunks


def stream_blocks(path: Path, limits: Limits = DEFAULT_LIMITS, zone: tzinfo = UTC) -> Iterator[PmBlock]:
    """Yield the blocks of a PM file, read as a stream; `zone` holds for times without an offset.

    BadFile with code, file and line for a file that is truncated, not well formed, of another kind, over a
    limit or without any value. It may come after some blocks, so keep nothing before the iterator has ended.
    """
    reader = BlockReader(path, limits, zone)
    for chunk in utf8_chunks(path, limits, size=1 << 16):
        reader.feed(chunk)
        yield from reader.take()
    reader.close()
    yield from reader.take()
