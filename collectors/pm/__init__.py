"""PM files (TS 32.435, TS 28.532): parse to blocks, translate counters, find the object's cell or node."""

from collectors.pm.block import PmBlock
from collectors.pm.read import read_blocks
from collectors.pm.source import DEFAULT_LIMITS, Limits, sniff
from collectors.pm.stream import stream_blocks

__all__ = ["DEFAULT_LIMITS", "Limits", "PmBlock", "read_blocks", "sniff", "stream_blocks"]
