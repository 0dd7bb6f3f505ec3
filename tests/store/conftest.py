"""The tiers of the store, so that a test sees its rows in each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from collectors.store import compaction, tables, tiers


@pytest.fixture(scope="module", params=["recent", "few recent", "merged"])
def tier(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every test runs with rows in the recent tier, in one that is merged at once, and in the shards."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "few recent":
            patch.setattr(tiers, "MOST_SEGMENTS", 1)
        if request.param == "merged":
            patch.setattr(tiers, "COMPACT_ROWS", 0)
            patch.setattr(tables, "MERGE_ROWS", 0)
            patch.setattr(tiers, "SHARE", 1 << 40)
            patch.setattr(compaction, "KEEP_US", 3_600_000_000)
            patch.setattr(compaction, "RUN_VALUES", 500)
        yield str(request.param)
