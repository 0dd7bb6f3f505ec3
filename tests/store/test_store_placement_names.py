"""The shards of many entities are found without asking for each of them."""

from __future__ import annotations

import pytest

from collectors.store.placement import SHARDS, UNMATCHED, UNMATCHED_PREFIX, shard_names, shard_of


@pytest.mark.parametrize("count", [0, 1, 40, 3000])
@pytest.mark.parametrize("unmatched", [None, 0, -1])
def test_shards_of_many_entities_are_those_of_each(count: int, unmatched: int | None) -> None:
    names = [f"460-00-{at}-1" for at in range(count)]
    if unmatched is not None:
        names.insert(unmatched if unmatched == 0 else len(names), f"{UNMATCHED_PREFIX}ME=1/Cell=1")
    assert shard_names(names) == {shard_of(name) for name in names}


def test_all_shards_and_the_unmatched_part_may_be_asked_for() -> None:
    names = [f"cell-{at}" for at in range(2000)]
    assert len(shard_names(names)) == SHARDS
    assert UNMATCHED in shard_names([f"{UNMATCHED_PREFIX}a/b", *names])
