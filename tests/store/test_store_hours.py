"""Counters, shards, hourly KPIs and baselines: late files, conflicts, suspects, a naive computation."""

from __future__ import annotations

import itertools
import random
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_rows import (
    ATTEMPTS,
    MONDAY,
    RRC,
    S1,
    SUCCESSES,
    cells,
    counter_rows,
    kept_rows,
    keys,
    record,
    source,
)

from collectors.store import Store, tiers
from collectors.store.placement import shard_of
from collectors.store.shards import conflicts, merge_counters

HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
CELL = "460-00-100-1"


pytestmark = pytest.mark.usefixtures("tier")


def hour_of(store: Store, entity: str, at: datetime, kpi: str = RRC) -> dict[str, object]:
    row = store.kpi_at(keys((entity, at)), [kpi]).row(0, named=True)
    return {name.removeprefix(kpi).removeprefix("__"): value for name, value in row.items() if name != "row"}


def test_the_shard_of_an_entity_never_changes() -> None:
    assert [shard_of(e) for e in ("460-00-100-1", "SCSCF-3", "network")] == ["18", "21", "60"]
    assert shard_of("unmatched:ME=1/Cell=2") == "unmatched"


def test_a_ratio_is_summed_before_it_is_divided(tmp_path: Path) -> None:
    quiet = counter_rows([CELL], MONDAY, 1, attempts=100, successes=50)
    busy = counter_rows([CELL], MONDAY + timedelta(minutes=15), 1, attempts=900, successes=900)
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": pl.concat([quiet, busy])})
        store.refresh()
        answer = hour_of(store, CELL, MONDAY)
        assert answer[""] == pytest.approx(95.0)
        assert answer["n"] == 1000


def test_below_the_sample_guard_there_is_no_value_but_the_number_of_samples(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows([CELL], MONDAY, 4, attempts=5, successes=1)})
        store.refresh()
        answer = hour_of(store, CELL, MONDAY)
        assert (answer[""], answer["n"], answer["why"]) == (None, 20, "few_samples")
        assert hour_of(store, CELL, MONDAY, S1)["why"] == "counter_missing"


def test_with_no_sample_in_the_hour_the_nearest_hour_within_two_is_read_and_named(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows([CELL], MONDAY, 4)})
        store.refresh()
        for late, why in ((0, ""), (1, ""), (2, ""), (3, "no_period")):
            answer = hour_of(store, CELL, MONDAY + late * HOUR + timedelta(minutes=59))
            assert answer["why"] == why
            assert answer["from"] == (MONDAY if late < 3 else None)


def test_answers_stand_in_the_order_of_the_keys_with_unknown_ones_among_them(tmp_path: Path) -> None:
    names = cells(6)
    with Store.open(tmp_path) as store:
        frames = [counter_rows([c], MONDAY, 4, successes=190.0 + i) for i, c in enumerate(names)]
        store.add(source("a"), {"counters": pl.concat(frames)})
        store.refresh()
        order = [names[4], "nowhere", names[0], names[4], names[2]]
        answer = store.kpi_at(keys(*((c, MONDAY) for c in order)), [RRC])
        assert answer["row"].to_list() == [0, 1, 2, 3, 4]
        assert answer[RRC].to_list() == pytest.approx([97.0, None, 95.0, 97.0, 96.0])


def test_a_key_without_entity_or_time_has_no_period(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows([CELL], MONDAY, 4)})
        store.refresh()
        asked = keys((CELL, MONDAY), (CELL, MONDAY)).with_columns(
            entity=pl.Series([None, CELL]), at=pl.Series([MONDAY, None], dtype=pl.Datetime("us", "UTC"))
        )
        assert store.kpi_at(asked, [RRC])[f"{RRC}__why"].to_list() == ["no_period", "no_period"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_kpi_at_says_what_a_naive_computation_says(seed: int) -> None:
    import tempfile

    rng = random.Random(seed)
    names = cells(4)
    hours = [MONDAY + w * WEEK + h * HOUR for w in range(6) for h in range(4)]
    table = {
        (c, h): (float(rng.choice([20, 150, 400])), rng.random())
        for c, h in itertools.product(names, hours)
        if rng.random() < 0.7
    }
    frames = [
        counter_rows([c], h, 4, attempts=n / 4, successes=n * share / 4)
        for (c, h), (n, share) in table.items()
    ]
    asked = [(rng.choice(names), rng.choice(hours) + timedelta(minutes=rng.randrange(60))) for _ in range(25)]
    with tempfile.TemporaryDirectory() as folder, Store.open(folder) as store:
        rng.shuffle(frames)
        half = len(frames) // 2
        store.add(source("a"), {"counters": pl.concat(frames[:half] or [counter_rows([], MONDAY, 0)])})
        store.refresh()
        store.add(source("b"), {"counters": pl.concat(frames[half:] or [counter_rows([], MONDAY, 0)])})
        store.refresh()
        answer = store.kpi_at(keys(*asked), [RRC])
    for row, (cell, at) in zip(answer.iter_rows(named=True), asked, strict=True):
        value, why, start, base = naive(table, cell, at.replace(minute=0))
        assert row[f"{RRC}__why"] == why
        assert row[f"{RRC}__from"] == start
        assert row[RRC] == (None if value is None else pytest.approx(value, rel=1e-5))
        assert row[f"{RRC}__base_n"] == len(base)
        if base:
            middle = statistics.median(base)
            assert row[f"{RRC}__base"] == pytest.approx(middle, rel=1e-5)
            spread = statistics.median(abs(b - middle) for b in base)
            assert row[f"{RRC}__mad"] == pytest.approx(spread, rel=1e-3, abs=1e-4)


def naive(
    table: dict[tuple[str, datetime], tuple[float, float]], cell: str, hour: datetime
) -> tuple[float | None, str, datetime | None, list[float]]:
    def reading(at: datetime) -> float | None:
        samples, share = table.get((cell, at), (0.0, 0.0))
        return 100 * share if samples >= 100 else None

    for start in (hour, hour - HOUR, hour - 2 * HOUR):
        if (cell, start) in table:
            base = [b for w in range(1, 5) if (b := reading(start - w * WEEK)) is not None]
            value = reading(start)
            return value, "" if value is not None else "few_samples", start, base
    return None, "no_period", None, []


def test_a_late_file_is_filled_in_and_its_hour_computed_anew(tmp_path: Path) -> None:
    late = counter_rows([CELL], MONDAY + timedelta(minutes=15), 3, attempts=200, successes=100)
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows([CELL], MONDAY, 1, attempts=200, successes=200)})
        store.add(source("b"), {"counters": counter_rows([CELL], MONDAY + WEEK, 4)})
        store.refresh()
        assert hour_of(store, CELL, MONDAY)[""] == pytest.approx(100.0)
        store.add(source("late"), {"counters": late})
        store.refresh()
        assert hour_of(store, CELL, MONDAY)[""] == pytest.approx(62.5)
        assert hour_of(store, CELL, MONDAY + WEEK)["base"] == pytest.approx(62.5)
        assert store.counters([CELL]).height == 8


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_files_that_contradict_each_other_give_one_answer_in_any_order(
    order: tuple[str, ...], tmp_path: Path
) -> None:
    files = {
        "a": counter_rows([CELL], MONDAY, 4, attempts=200, successes=150).drop(SUCCESSES),
        "b": counter_rows([CELL], MONDAY, 4, attempts=210, successes=180),
        "c": counter_rows([CELL], MONDAY, 4, attempts=190, successes=190),
    }
    with Store.open(tmp_path) as store:
        for name in order:
            store.add(source(name), {"counters": files[name]})
            store.refresh()
        rows = store.counters([CELL])
        assert rows[ATTEMPTS].to_list() == [210.0] * 4
        assert rows[SUCCESSES].to_list() == [190.0] * 4


def test_values_on_which_files_disagree_are_counted() -> None:
    both = pl.concat([counter_rows([CELL], MONDAY, 2), counter_rows([CELL], MONDAY, 1, successes=1)])
    assert conflicts(both) == 1
    assert merge_counters(both).height == 2


def test_the_counters_of_two_files_of_one_period_stand_in_one_row(tmp_path: Path) -> None:
    rows = counter_rows([CELL], MONDAY, 4)
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": rows.drop(SUCCESSES)})
        store.add(source("b"), {"counters": rows.drop(ATTEMPTS)})
        assert store.counters([CELL]).select(ATTEMPTS, SUCCESSES).null_count().row(0) == (0, 0)
        store.refresh()
        assert hour_of(store, CELL, MONDAY)[""] == pytest.approx(98.0)


def test_a_suspect_value_enters_neither_kpi_nor_baseline_and_is_named_as_the_reason(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for week in range(3):
            rows = counter_rows([CELL], MONDAY + week * WEEK, 1, attempts=400, successes=360)
            if week == 1:
                rows = rows.with_columns(pl.lit(None, pl.Float64).alias(ATTEMPTS))
                store.add(
                    source("s"), {"counters_kept": kept_rows(CELL, MONDAY + WEEK, ATTEMPTS, suspect=True)}
                )
            store.add(source(f"w{week}"), {"counters": rows})
        store.refresh()
        suspect = hour_of(store, CELL, MONDAY + WEEK)
        assert (suspect[""], suspect["n"], suspect["why"]) == (None, None, "suspect")
        after = hour_of(store, CELL, MONDAY + 2 * WEEK)
        assert (after["why"], after["base_n"]) == ("", 1)
        assert after["base"] == pytest.approx(90.0)
        assert store.hourly([CELL], [RRC])[f"{RRC}__n"].to_list() == [400.0, None, 400.0]


def test_a_kept_value_that_is_not_suspect_changes_no_reason(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        rows = counter_rows([CELL], MONDAY, 4).drop(ATTEMPTS)
        kept = kept_rows(CELL, MONDAY, "vendorCounter", suspect=False)
        store.add(source("a"), {"counters": rows, "counters_kept": kept})
        store.refresh()
        assert hour_of(store, CELL, MONDAY)["why"] == "counter_missing"
        assert store.records("counters_kept").collect()["counter"].to_list() == ["vendorCounter"]


def test_an_object_without_an_inventory_row_is_kept_and_found_when_the_inventory_comes(
    tmp_path: Path,
) -> None:
    old = "unmatched:ManagedElement=7/Cell=1"

    def rematch(names: list[str]) -> dict[str, tuple[str, str]]:
        assert names == [old]
        return {old: (CELL, "cell")}

    with Store.open(tmp_path) as store:
        store.add(source("pm"), {"counters": counter_rows([old], MONDAY, 4, kind="other")})
        store.refresh()
        assert store.counters([old]).height == 4
        assert hour_of(store, CELL, MONDAY)["why"] == "no_period"
        store.add(source("cells"), {"cell": record("cell", ecgi=[CELL], tac=[5])})
        done = store.refresh(rematch)
        assert done.rematched == 1
        assert store.counters([old]).is_empty()
        assert store.counters([CELL])["entity_kind"].to_list() == ["cell"] * 4
        assert hour_of(store, CELL, MONDAY)[""] == pytest.approx(98.0)


def test_objects_that_stay_unmatched_are_kept_beside_those_that_were_found(tmp_path: Path) -> None:
    names = ["unmatched:a/1", "unmatched:b/2"]
    with Store.open(tmp_path) as store:
        store.add(source("pm"), {"counters": counter_rows(names, MONDAY, 4)})
        store.refresh()
        store.add(source("cells"), {"cell": record("cell", ecgi=[CELL], tac=[5])})
        store.refresh(lambda found: {"unmatched:a/1": (CELL, "cell")})
        assert sorted(store.counters()["entity"].unique()) == [CELL, "unmatched:b/2"]
        assert store.counters().height == 8


def test_large_stores_keep_recent_periods_by_time_and_read_both_tiers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = cells(5)
    with Store.open(tmp_path) as store:
        monkeypatch.setattr(tiers, "COMPACT_ROWS", 10)
        store.add(source("old"), {"counters": counter_rows(names, MONDAY, 96)})
        store.refresh()
        merged = {s.name for s in store.ledger.segments("counters") if s.part != "recent"}
        assert merged
        monkeypatch.setattr(tiers, "COMPACT_ROWS", 10_000)
        store.add(source("new"), {"counters": counter_rows(names, MONDAY + 24 * HOUR, 4, successes=180)})
        store.refresh()
        assert merged == {s.name for s in store.ledger.segments("counters") if s.part != "recent"}
        assert store.counters([CELL]).height == 100
        assert hour_of(store, CELL, MONDAY + 24 * HOUR)[""] == pytest.approx(90.0)
        late = counter_rows([CELL], MONDAY + 24 * HOUR, 1, successes=200)
        store.add(source("late"), {"counters": late})
        store.refresh()
        assert hour_of(store, CELL, MONDAY + 24 * HOUR)[""] == pytest.approx(92.5)
        very_late = counter_rows([CELL], MONDAY, 1, successes=100)
        store.add(source("very late"), {"counters": very_late})
        before = hour_of(store, CELL, MONDAY)[""]
        store.refresh()
        assert hour_of(store, CELL, MONDAY)[""] == pytest.approx(before)  # the larger value stands
        assert store.hourly([CELL], [RRC]).height == 25


def test_a_refresh_with_nothing_new_writes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows([CELL], MONDAY, 4)})
        store.refresh()
        files = sorted(tmp_path.rglob("*.parquet"))
        assert store.refresh().tables == {}
        assert sorted(tmp_path.rglob("*.parquet")) == files


def test_kpis_of_a_cell_come_period_by_period_between_two_moments(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows(cells(3), MONDAY, 8)})
        store.refresh()
        rows = store.kpis([CELL], [RRC, S1], MONDAY + timedelta(minutes=15), MONDAY + HOUR)
        assert rows.height == 3
        assert rows[RRC].to_list() == pytest.approx([98.0] * 3)
        assert rows[S1].to_list() == [None] * 3


def test_times_are_those_of_utc(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows([CELL], MONDAY, 4)})
        store.refresh()
        assert store.hourly([CELL], [RRC])["period_start"].to_list() == [MONDAY.astimezone(UTC)]
