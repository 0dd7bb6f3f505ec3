"""The recent tier: which small segments become one, and when the shards are worth a rewrite."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.store.ledger import Segment
from collectors.store.tiers import (
    COMPACT_ROWS,
    LARGE_ROWS,
    MOST_SEGMENTS,
    SHARE,
    compaction_is_due,
    newest_us,
    overlapping,
    to_merge,
)

ROWS = st.lists(st.integers(1, 2 * LARGE_ROWS), max_size=40)
TIMES = st.none() | st.integers(0, 20)


def segments(rows: list[int]) -> list[Segment]:
    return [Segment(f"s{n}", "counters", "recent", count) for n, count in enumerate(rows)]


@given(ROWS)
def test_what_is_merged_is_small_and_among_it_are_the_newest(rows: list[int]) -> None:
    made = segments(rows)
    small = [one for one in made if one.rows < LARGE_ROWS]
    chosen = to_merge(made)
    assert chosen == small[len(small) - len(chosen) :]
    assert len(chosen) != 1
    assert bool(chosen) == (len(small) > MOST_SEGMENTS)


@given(st.lists(st.integers(1, 5000), min_size=20, max_size=200))
def test_few_segments_stay_open_and_a_row_is_seldom_rewritten(arriving: list[int]) -> None:
    held: list[Segment] = []
    rewritten = 0
    for number, count in enumerate(arriving):
        held.append(Segment(f"n{number}", "counters", "recent", count))
        chosen = to_merge(held)
        if chosen:
            rows = sum(one.rows for one in chosen)
            rewritten += rows
            held = [*held[: len(held) - len(chosen)], Segment(f"m{number}", "counters", "recent", rows)]
        assert len([one for one in held if one.rows < LARGE_ROWS]) <= MOST_SEGMENTS
    assert sum(one.rows for one in held) == sum(arriving)
    assert rewritten <= sum(arriving) * (len(arriving).bit_length() + 2)


@given(ROWS, ROWS)
def test_shards_are_rewritten_for_many_rows_that_are_a_share_of_them(new: list[int], old: list[int]) -> None:
    due = compaction_is_due(segments(new), segments(old))
    assert due == (sum(new) > COMPACT_ROWS and sum(new) * SHARE > sum(old))


@given(st.lists(st.tuples(TIMES, TIMES), max_size=8), TIMES, TIMES)
def test_no_segment_that_may_hold_a_wanted_time_is_left_out(
    spans: list[tuple[int | None, int | None]], start: int | None, end: int | None
) -> None:
    made = [Segment(f"s{n}", "call", "p", 1, low, high) for n, (low, high) in enumerate(spans)]
    found = overlapping(made, start, end)
    for one in made:
        if one.start_us is None or one.end_us is None:
            continue
        wanted = [t for t in range(one.start_us, one.end_us + 1) if start is None or t >= start]
        holds = any(end is None or t < end for t in wanted)
        assert not holds or one in found
    assert found == [one for one in made if one in found]


def test_the_newest_time_is_that_of_any_segment_that_has_one() -> None:
    made = [
        Segment("a", "call", "p", 1, 1, 5),
        Segment("b", "call", "p", 1),
        Segment("c", "call", "p", 1, 2, 9),
    ]
    assert newest_us(made) == 9
    assert newest_us(made[1:2]) is None
    assert newest_us([]) is None
