"""Reads of one entity by the footer say what a scan says; whole numbers are narrow on disk only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from store_rows import ATTEMPTS, MONDAY, SUCCESSES, cells, counter_rows, source

from collectors.store import Store, footer, series
from collectors.store.shards import KEY, LABELS, counter_scan, narrowed
from collectors.store.warm import Warm

VALUE = st.none() | st.integers(-5, 5).map(float) | st.sampled_from([0.5, 2.0**31, -(2.0**31), 1e300])


def written(path: Path, rows: pl.DataFrame, row_group: int = 7) -> Path:
    rows.write_parquet(path, row_group_size=row_group)
    return path


def scanned(path: Path, entity: str, columns: tuple[str, ...]) -> pl.DataFrame:
    return counter_scan(path).filter(pl.col("entity") == entity).select(columns).collect()


def test_each_entity_is_read_whole_wherever_its_row_groups_begin(tmp_path: Path) -> None:
    rows = counter_rows(cells(5), MONDAY, 9)
    for row_group in (1, 7, 9, 100):
        path = written(tmp_path / f"{row_group}.parquet", narrowed(rows), row_group)
        for entity in cells(6):
            columns = (*LABELS, ATTEMPTS)
            assert_frame_equal(footer.rows_of(path, entity, columns), scanned(path, entity, columns))


def test_only_the_row_groups_of_an_entity_are_decoded(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", counter_rows(cells(5), MONDAY, 9), 9)
    assert [footer.footer_of(path).groups_of(entity) for entity in cells(6)] == [[0], [1], [2], [3], [4], []]


def test_rows_that_do_not_stand_together_are_all_found(tmp_path: Path) -> None:
    rows = pl.concat([counter_rows(cells(2), MONDAY, 2), counter_rows(cells(1), MONDAY, 3)])
    path = written(tmp_path / "a.parquet", rows)
    assert footer.rows_of(path, cells(1)[0], (*KEY, SUCCESSES)).height == 5


def test_a_file_without_statistics_is_read_too(tmp_path: Path) -> None:
    rows = counter_rows(cells(3), MONDAY, 4)
    rows.write_parquet(tmp_path / "a.parquet", statistics=False, row_group_size=4)
    assert footer.rows_of(tmp_path / "a.parquet", cells(3)[1], (*KEY, ATTEMPTS)).height == 4


def test_readers_at_once_share_the_open_file(tmp_path: Path) -> None:
    path, columns = written(tmp_path / "a.parquet", counter_rows(cells(9), MONDAY, 9)), (*LABELS, ATTEMPTS)
    wanted = cells(9) * 20
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda entity: footer.rows_of(path, entity, columns), wanted))
    assert all(
        (rows["entity"] == name).all() and rows.height == 9 for rows, name in zip(found, wanted, strict=True)
    )


def test_a_file_that_was_replaced_is_read_to_its_end(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", counter_rows(cells(3), MONDAY, 9))
    before = footer.rows_of(path, cells(3)[0], (*KEY, ATTEMPTS))
    path.unlink()
    assert_frame_equal(footer.rows_of(path, cells(3)[0], (*KEY, ATTEMPTS)), before)


def test_a_column_that_a_file_lacks_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", counter_rows(cells(1), MONDAY, 4))
    assert footer.rows_of(path, cells(1)[0], ("entity", "no such counter")).columns == ["entity"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=12))
def test_narrow_columns_hold_the_same_numbers(values: list[tuple[float | None, float | None]]) -> None:
    rows = pl.DataFrame(values, schema={"a": pl.Float64, "b": pl.Float64}, orient="row")
    narrow = narrowed(rows)
    assert_frame_equal(narrow.cast(pl.Float64), rows, check_exact=True)
    for name in rows.columns:
        known = rows[name].drop_nulls().to_list()
        fits = all(value == int(value) and abs(value) < 2**31 for value in known)
        assert (narrow.schema[name] == pl.Int32) == fits


def test_values_that_are_no_numbers_stay_floats() -> None:
    for value in (float("nan"), float("inf"), -float("inf")):
        assert narrowed(pl.DataFrame({"a": [1.0, value]})).schema["a"] == pl.Float64


def test_one_entity_reads_alike_in_every_tier(tmp_path: Path, tier: str) -> None:
    with Store.open(tmp_path / tier) as store:
        for day, attempts in enumerate((200.0, 200.5, 300.0)):
            start = MONDAY.replace(day=2 + day)
            store.add(source(f"{day}"), {"counters": counter_rows(cells(3), start, 96, attempts)})
            store.refresh()
        all_rows = store.counters()
        for entity in cells(3):
            one = series.counters(store.root, store.ledger, [entity], wanted=[ATTEMPTS, SUCCESSES])
            assert_frame_equal(one, all_rows.filter(pl.col("entity") == entity).select(one.columns))
            assert one.height == 288
            assert one.schema[ATTEMPTS] == pl.Float64


def test_warm_rows_are_kept_as_far_as_there_is_room() -> None:
    rows = pl.DataFrame({"a": range(100)})
    warm = Warm(room=rows.estimated_size() + 1)
    warm.put("first", rows)
    warm.put("first", rows)
    warm.put("second", rows)
    assert warm.get("first") is rows
    assert warm.get("second") is None
    assert [name for name, _ in warm.items()] == ["first"]
    warm.clear()
    assert warm.get("first") is None
    warm.put("second", rows)
    assert warm.get("second") is rows
