"""Character n-grams of many texts at once, as hashed numpy arrays.

Scikit-learn's own analysers walk texts in Python; a batch of 100,000 tickets needs one pass over one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LENGTHS = (1, 2, 3, 4)
BUCKET_BITS = 18
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - BUCKET_BITS)


@dataclass(frozen=True, slots=True)
class NGrams:
    """Occurrences of n-grams: text number, position in the text, length and hash bucket, one element each."""

    texts: int
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int8]
    bucket: NDArray[np.int64]


def ngrams_of(texts: Sequence[str]) -> NGrams:
    """Return all n-grams of 1 to 4 characters; none crosses the border of a text."""
    points = np.frombuffer(("\0".join(texts) + "\0").encode("utf-32-le", "replace"), dtype="<u4").astype(
        np.uint64
    )
    border = points == 0
    row = np.cumsum(border) - border
    first = np.concatenate(([0], np.flatnonzero(border) + 1))
    parts = [_of_length(points, border, row, n) for n in LENGTHS if n <= points.size]
    rows = np.concatenate([part[0] for part in parts])
    position = np.concatenate([part[1] for part in parts])
    lengths = np.concatenate(
        [np.full(len(part[0]), n, np.int8) for n, part in zip(LENGTHS, parts, strict=False)]
    )
    return NGrams(
        len(texts), rows, position - first[rows], lengths, np.concatenate([part[2] for part in parts])
    )


def _of_length(
    points: NDArray[np.uint64], border: NDArray[np.bool_], row: NDArray[np.int64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    count = points.size - n + 1
    inside = ~border[:count]
    key = np.full(count, np.uint64(n))
    for offset in range(n):
        inside &= ~border[offset : offset + count]
        key = (key ^ points[offset : offset + count]) * _MULTIPLIER
        key ^= key >> np.uint64(29)
    at = np.flatnonzero(inside)
    bucket = ((key[at] * _MULTIPLIER) >> _SHIFT).astype(np.int64)
    return row[at], at, bucket
