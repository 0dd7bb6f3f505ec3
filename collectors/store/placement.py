"""Where an entity lives: its shard.

The shard of an entity is crc32 of its UTF-8 name modulo 64. It is the same on every machine and in every
version, because shards are the unit by which the store can be spread over machines. Objects that no
inventory row names stand in a part of their own, so that a later inventory finds them quickly.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import polars as pl

SHARDS = 64
UNMATCHED = "unmatched"
UNMATCHED_PREFIX = "unmatched:"
NETWORK = "network"


def shard_of(entity: str) -> str:
    """Return the name of the shard that holds an entity."""
    if entity.startswith(UNMATCHED_PREFIX):
        return UNMATCHED
    return f"{zlib.crc32(entity.encode()) % SHARDS:02d}"


def shard_names(entities: Iterable[str]) -> set[str]:
    """Return the shards of some entities; many of them lie in all shards."""
    found: set[str] = set()
    names = iter(entities)
    for name in names:
        found.add(shard_of(name))
        if len(found) > SHARDS or (len(found) == SHARDS and UNMATCHED not in found):
            break
    if any(name.startswith(UNMATCHED_PREFIX) for name in names):
        found.add(UNMATCHED)
    return found


def shards_of(entities: Iterable[str]) -> pl.DataFrame:
    """Frame `entity`, `shard` for the distinct entities."""
    names = sorted(set(entities))
    schema = {"entity": pl.String, "shard": pl.String}
    return pl.DataFrame({"entity": names, "shard": [shard_of(n) for n in names]}, schema=schema)


def split(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Part rows with a column `entity` by shard."""
    shards = shards_of(rows["entity"].unique().to_list())
    parted = rows.join(shards, on="entity", how="left").partition_by("shard", as_dict=True, include_key=False)
    return {str(shard): frame for (shard,), frame in parted.items()}
