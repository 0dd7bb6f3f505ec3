"""KPI early warning: lead time and false alarms from slips and complaints; slips from a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from callcause.loop.kpi_warning import COMPLAINTS, SLIPS, measured, slips_of
from collectors.ingest import ingest
from collectors.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(hours=24)


def hours(*at: float) -> list[datetime]:
    return [T0 + timedelta(hours=h) for h in at]


def frames(slips: list[tuple[str, str, float]], complaints: list[tuple[str, float]]) -> list[pl.DataFrame]:
    return [
        pl.DataFrame([(k, e, hours(h)[0]) for k, e, h in slips], schema=SLIPS, orient="row"),
        pl.DataFrame([(e, hours(h)[0]) for e, h in complaints], schema=COMPLAINTS, orient="row"),
    ]


def test_lead_time_and_false_alarms_are_those_of_the_history() -> None:
    slips = [("drop", f"C{n}", 100.0 * n) for n in range(20)]
    complaints = [(f"C{n}", 100.0 * n + 6) for n in range(15)]
    (row,) = measured(*frames(slips, complaints), DAY, timedelta(days=90)).to_dicts()
    assert (row["slips"], row["followed"], row["reason"]) == (20, 15, "")
    assert row["false_alarm_rate"] == pytest.approx(0.25)
    assert (row["lead_h"], row["complaints_warned"]) == (6.0, 1.0)
    assert row["p"] < 1e-9


def test_a_complaint_before_the_slip_or_on_another_cell_does_not_make_it_right() -> None:
    slips = [("drop", f"C{n}", 100.0 * n + 50) for n in range(12)]
    complaints = [("C0", 40.0), ("elsewhere", 51.0), ("C1", 150.0 + 25)]
    (row,) = measured(*frames(slips, complaints), DAY, timedelta(days=90)).to_dicts()
    assert (row["followed"], row["complaints_warned"]) == (0, 0.0)
    assert row["p"] == 1.0


def test_few_slips_are_no_data() -> None:
    (row,) = measured(*frames([("drop", "C", 1.0)], [("C", 2.0)]), DAY, timedelta(days=9)).to_dicts()
    assert row["reason"].startswith("NO_DATA")
    assert row["false_alarm_rate"] is None


def test_the_kpi_that_warns_better_than_chance_is_first() -> None:
    slips = [("good", f"C{n}", 100.0 * n) for n in range(12)] + [
        ("bad", f"C{n}", 100.0 * n + 60) for n in range(12)
    ]
    found = measured(*frames(slips, [(f"C{n}", 100.0 * n + 2) for n in range(12)]), DAY, timedelta(days=60))
    assert found["kpi"].to_list() == ["good", "bad"]


def test_no_slips_give_no_rows() -> None:
    assert measured(*frames([], [("C", 2.0)]), DAY, timedelta(days=9)).is_empty()


def test_a_slip_is_the_first_hour_of_a_run_beyond_the_limit(tmp_path: Path) -> None:
    kpi = next(
        k for k in (Store.open(tmp_path / "s").catalogue.kpi(i) for i in ("erab_drop_ratio_qci1_cell",))
    )
    limit = next(one.limit for one in kpi.limits if one.level == "alarm")
    rows = [
        {
            "ecgi": "460-00-1-1",
            "period_start": at.isoformat(),
            "period": 3600,
            "kpi_id": kpi.id,
            "value": 10 * limit if n in (2, 3, 6) else 0.0,
            "denominator": 100_000,
            "numerator": 100_000 * (10 * limit if n in (2, 3, 6) else 0.0) / 100,
        }
        for n, at in enumerate(hours(*range(8)))
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "cell_kpi.csv")
    with Store.open(tmp_path / "s") as store:
        report = ingest(store, [tmp_path / "cell_kpi.csv"])
        assert not report.quarantined, report.problems()
        found = slips_of(store, T0, T0 + timedelta(days=1)).filter(pl.col("kpi") == kpi.id)
    assert found["at"].to_list() == hours(2, 6)
