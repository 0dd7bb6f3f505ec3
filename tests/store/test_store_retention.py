"""Counters and hourly KPIs go when they are older than they are kept, in every tier; all else stays whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from store_rows import MONDAY, RRC, cells, counter_rows, kept_rows, record, source

from collectors.store import Store, retention
from collectors.store.retention import PERIODS, WITH_AGE

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CELLS = cells(3)
DAYS = 40


def fill(store: Store, days: int = DAYS, together: int = 5) -> None:
    """Counters of one hour a day; few segments, so that the recent tier keeps each of them."""
    for first in range(0, days, together):
        span = range(first, min(first + together, days))
        rows = pl.concat([counter_rows(CELLS, MONDAY + day * DAY, 4) for day in span])
        store.add(source(f"days from {first}"), {"counters": rows})
        store.refresh()


def starts(rows: pl.DataFrame) -> list[datetime]:
    return sorted(rows["period_start"].unique().to_list())


def hours_there(store: Store) -> list[datetime]:
    found = store.hourly(CELLS, [RRC])
    return starts(found.filter(pl.col(RRC).is_not_null()))


def test_old_counters_go_and_their_hours_stay(tmp_path: Path, tier: str) -> None:
    limit = MONDAY + 20 * DAY
    with Store.open(tmp_path) as store:
        fill(store)
        before = store.counters(CELLS, limit)
        hours = store.hourly(None, [RRC])
        done = store.retain({"counters": limit})
        assert done.removed["counters"] == 20 * 4 * len(CELLS)
        left = store.counters()
        assert min(left["period_start"]) == limit
        assert left.equals(before)
        assert store.hourly(None, [RRC]).equals(hours)
        assert store.retain({"counters": limit}).files == 0, "nothing is left to do"


def test_old_hours_go_and_the_counters_and_the_young_hours_stay(tmp_path: Path, tier: str) -> None:
    limit = MONDAY + 20 * DAY
    with Store.open(tmp_path) as store:
        fill(store)
        counters, young = store.counters(), store.hourly(None, [RRC], limit)
        done = store.retain({"hourly_kpis": limit})
        assert done.removed["hourly_kpis"] >= 20 * len(CELLS)
        assert hours_there(store) == [MONDAY + day * DAY for day in range(20, DAYS)]
        assert store.hourly(None, [RRC]).equals(young)
        assert store.counters().equals(counters)


def test_an_hour_is_never_cut_in_two(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        fill(store, 20)
        store.retain({"counters": MONDAY + 10 * DAY + timedelta(minutes=40)})
        assert min(store.counters()["period_start"]) == MONDAY + 10 * DAY


def test_what_is_only_a_little_too_old_waits(tmp_path: Path) -> None:
    """Thirty days of history are kept: shards are not written anew for each day."""
    with Store.open(tmp_path) as store:
        fill(store)
        assert store.retain({"counters": MONDAY + 3 * DAY}).files == 0
        assert store.retain({"counters": MONDAY + 4 * DAY}).removed["counters"] == 4 * 4 * len(CELLS)


def test_values_of_unknown_counters_and_samples_of_kpis_go_by_their_own_days(
    tmp_path: Path, tier: str
) -> None:
    times, limit = [MONDAY, MONDAY + 30 * DAY], MONDAY + 10 * DAY
    sample = record(
        "cell_kpi", ecgi=[CELLS[0]] * 2, kpi_id=[RRC] * 2, period_start=times, period=[3600] * 2,
        numerator=[1.0] * 2, denominator=[200.0] * 2, value=[0.5] * 2,
    )  # fmt: skip
    with Store.open(tmp_path) as store:
        for name, at in zip("ab", times, strict=True):
            store.add(source(name), {"counters_kept": kept_rows(CELLS[0], at, "own", suspect=False)})
        store.add(source("c"), {"cell_kpi": sample})
        store.refresh()
        assert store.retain({"counters_kept": limit}).removed == {"counters_kept": 1}
        assert store.records("cell_kpi").collect().height == 2
        assert store.retain({"cell_kpi": limit}).removed == {"cell_kpi": 1}
        assert starts(store.records("cell_kpi").collect()) == times[1:]
        assert starts(store.records("counters_kept").collect()) == times[1:]
        assert hours_there(store) == times, "what was computed from a sample stays"


def test_rows_that_no_refresh_has_seen_wait_for_it(tmp_path: Path) -> None:
    """An archive from before the limit still becomes hourly KPIs."""
    with Store.open(tmp_path) as store:
        store.add(source("old"), {"counters": counter_rows(CELLS, MONDAY, 4)})
        assert store.retain({"counters": MONDAY + 90 * DAY}).files == 0
        store.refresh()
        assert store.retain({"counters": MONDAY + 90 * DAY}).removed["counters"] == 4 * len(CELLS)
        assert hours_there(store) == [MONDAY]


def test_a_late_value_of_an_hour_whose_counters_are_gone_takes_nothing_from_it(
    tmp_path: Path, tier: str
) -> None:
    other = "erab_setup_success_ratio_qci1"
    late = record(
        "cell_kpi", ecgi=CELLS[:1], kpi_id=[other], period_start=[MONDAY], period=[3600],
        numerator=[990.0], denominator=[1000.0], value=[99.0],
    )  # fmt: skip
    with Store.open(tmp_path) as store:
        fill(store)
        before = store.hourly(CELLS, [RRC], MONDAY, MONDAY + HOUR)
        network = store.hourly(["network"], [RRC])
        store.retain({"counters": MONDAY + 20 * DAY})
        store.add(source("late"), {"cell_kpi": late})
        store.refresh()
        after = store.hourly(CELLS, [RRC, other], MONDAY, MONDAY + HOUR)
        assert after.select(before.columns).equals(before)
        assert after.filter(pl.col("entity") == CELLS[0])[other].to_list() == [pytest.approx(99.0)]
        assert store.hourly(["network"], [RRC]).equals(network)


KILLED = """
import os, signal, sys
from datetime import datetime
from collectors.store import Store, erasure, retention
retention.STEP_ROWS = 1
left = [int(sys.argv[2])]
def die(*given):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return publish(*given)
publish, erasure.publish = erasure.publish, die
Store.open(sys.argv[1]).retain({"counters": datetime.fromisoformat(sys.argv[3])})
"""


@pytest.mark.parametrize("steps", [0, 1])
def test_a_kill_between_two_steps_loses_no_young_row_and_the_next_run_goes_on(
    tmp_path: Path, steps: int
) -> None:
    limit = MONDAY + 20 * DAY
    with Store.open(tmp_path) as store:
        fill(store)
        young = store.counters(None, limit)
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(steps), limit.isoformat()]
    ended = subprocess.run(command, env={**os.environ}, check=False).returncode
    # How the rows lie decides how many steps it takes: one may have been enough.
    assert ended == -signal.SIGKILL or (steps, ended) == (1, 0)
    with Store.open(tmp_path) as store:
        assert store.counters(None, limit).equals(young)
        old = store.counters(None, None, limit).height
        assert old == 20 * 4 * len(CELLS) if steps == 0 else old < 20 * 4 * len(CELLS)
        removed = store.retain({"counters": limit}).removed["counters"]
        assert (removed > 0) == (ended != 0)
        assert store.counters().equals(young)


def test_two_ingests_go_on_while_old_rows_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step lets others in; nothing that they bring is lost or doubled."""
    monkeypatch.setattr(retention, "STEP_ROWS", 1)
    limit = MONDAY + 20 * DAY
    with Store.open(tmp_path) as store:
        fill(store)

    def bring(name: str, entity: str) -> None:
        with Store.open(tmp_path) as store:
            for day in range(25, 29):
                rows = counter_rows([entity], MONDAY + day * DAY, 4)
                store.add(source(f"{name} {day}"), {"counters": rows})
                store.refresh()

    threads = [threading.Thread(target=bring, args=(n, f"460-00-{n}-1")) for n in ("7001", "7002")]
    for thread in threads:
        thread.start()
    with Store.open(tmp_path) as store:
        store.retain({"counters": limit})
        for thread in threads:
            thread.join(60)
        rows = store.counters()
        assert min(rows["period_start"]) == limit
        per_cell = dict(rows.group_by("entity").len().iter_rows())
        assert per_cell == dict.fromkeys(CELLS, 80) | {"460-00-7001-1": 16, "460-00-7002-1": 16}
        assert store.hourly(["460-00-7001-1", "460-00-7002-1"], [RRC])[RRC].null_count() == 0


def test_every_kind_of_values_per_period_has_an_age() -> None:
    assert {"counters", "counters_kept", "hourly_kpis", "cell_kpi", "node_kpi"} == PERIODS.keys() <= WITH_AGE
