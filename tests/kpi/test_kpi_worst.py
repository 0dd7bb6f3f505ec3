"""The worst-cell list: limit and baseline together, the guard, persistence, and the evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest

from collectors.errors import ConfigError
from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.worst import columns_needed, judged_counts, worst_cells

CATALOGUE = load_catalogue()
DROP = "erab_drop_ratio_qci1_cell"
LAST = 24 * 29 - 1
START = datetime(2024, 2, 5, tzinfo=UTC)
AT = START + timedelta(hours=LAST, minutes=20)


def course(
    entity: str, usual: float, last: list[float | None], samples: float | None = 400.0, kpi: str = DROP
) -> pl.DataFrame:
    """29 days of one cell: `usual` with a small swing, and `last` at the end."""
    values: list[float | None] = [usual * (1 + 0.02 * ((hour // 168) % 3 - 1)) for hour in range(LAST + 1)]
    values[LAST + 1 - len(last) :] = last
    return pl.DataFrame(
        {
            "entity": entity,
            "entity_kind": "node" if CATALOGUE.kpi(kpi).scope == "node" else "cell",
            "period_start": [START + timedelta(hours=h) for h in range(LAST + 1)],
            kpi: pl.Series(values, dtype=pl.Float64),
            f"{kpi}__n": pl.Series([samples] * (LAST + 1), dtype=pl.Float64),
        }
    )


def listed(*courses: pl.DataFrame, kpi: str = DROP, top: int = 20) -> list[dict[str, Any]]:
    return worst_cells(pl.concat(courses, how="diagonal"), CATALOGUE, kpi, AT, top).to_dicts()


def test_a_cell_beyond_limit_and_baseline_stands_first_with_its_evidence() -> None:
    rows = listed(
        course("always-bad", 3.0, [3.1]), course("new-fault", 0.2, [4.0] * 6), course("good", 0.2, [0.2])
    )
    assert [row["entity"] for row in rows] == ["new-fault", "always-bad"]
    worst = rows[0]
    assert (worst["rank"], worst["value"], worst["unit"], worst["samples"]) == (1, 4.0, "%", 400)
    assert (worst["limit"], worst["level"], worst["reason"]) == (">0.5", "alarm", "limit and baseline")
    assert (worst["baseline"], worst["baseline_n"]) == (pytest.approx(0.2, rel=0.05), 4)
    assert worst["z"] > 3
    assert worst["period_start"] == START + timedelta(hours=LAST)
    assert rows[1]["reason"] == "limit"


def test_a_change_within_the_limit_is_listed_by_its_baseline() -> None:
    kpi = "rsrp_mean"
    rows = listed(course("c", -80.0, [-100.0], kpi=kpi), kpi=kpi)
    assert [(row["reason"], row["beyond_limit"], row["beyond_baseline"]) for row in rows] == [
        ("baseline", False, True)
    ]


def test_a_change_for_the_better_is_no_fault() -> None:
    assert listed(course("c", 0.4, [0.0], samples=10000)) == []
    assert listed(course("c", -100.0, [-70.0], kpi="rsrp_mean"), kpi="rsrp_mean") == []


def test_few_attempts_are_not_judged_but_counted() -> None:
    courses = [
        course("few", 0.2, [50.0], samples=99),
        course("gone", 0.2, [None]),
        course("good", 0.2, [0.2]),
    ]
    assert listed(*courses) == []
    counts = judged_counts(pl.concat(courses), CATALOGUE, DROP, AT)
    assert counts == {"judged": 1, "few_samples": 1, "counter_missing": 1}


def test_five_bad_hours_in_a_row_are_a_problem_cell_and_four_are_not() -> None:
    rows = listed(
        course("five", 0.2, [9.0] * 5),
        course("four", 0.2, [9.0] * 4),
        course("gap", 0.2, [9.0] * 3 + [0.2, 9.0]),
    )
    assert {row["entity"]: (row["hours_in_a_row"], row["persistent"]) for row in rows} == {
        "five": (5, True),
        "four": (4, False),
        "gap": (1, False),
    }


def test_a_missing_hour_ends_the_row() -> None:
    frame = course("c", 0.2, [9.0] * 8)
    hole = frame.filter(pl.col("period_start") != START + timedelta(hours=LAST - 2))
    assert listed(hole)[0]["hours_in_a_row"] == 2
    assert listed(course("c", 0.2, [9.0, 9.0, 9.0, None, 9.0, 9.0]))[0]["hours_in_a_row"] == 2


def test_an_hour_with_exactly_hundred_attempts_does_not_persist() -> None:
    assert listed(course("c", 0.2, [9.0] * 6, samples=100))[0]["hours_in_a_row"] == 0
    assert listed(course("c", 0.2, [9.0] * 6, samples=101))[0]["hours_in_a_row"] == 6


def test_unknown_attempts_are_not_held_against_persistence() -> None:
    row = listed(course("c", 0.2, [9.0] * 6, samples=None))[0]
    assert (row["samples"], row["hours_in_a_row"]) == (None, 6)


def test_alarm_stands_before_warn() -> None:
    kpi = "prb_utilisation"
    rows = listed(course("warn", 75.0, [75.0], kpi=kpi), course("alarm", 95.0, [95.0], kpi=kpi), kpi=kpi)
    assert [(row["entity"], row["level"]) for row in rows] == [("alarm", "alarm"), ("warn", "warn")]
    assert rows[0]["limit"] == "warn:>=70;alarm:>90"


def test_a_limit_on_one_of_several_values_is_read_from_that_value() -> None:
    kpi = "csfb_call_success_ratio"
    frame = course("n", 99.0, [99.0], kpi=kpi).with_columns(
        pl.lit(96.9).alias(f"{kpi}.mo"), pl.lit(99.0).alias(f"{kpi}.mt")
    )
    rows = listed(frame, kpi=kpi)
    assert [(row["level"], row["limit"]) for row in rows] == [("alarm", "mo<97;mt<98")]
    assert listed(course("n", 99.0, [99.0], kpi=kpi), kpi=kpi) == []


def test_a_deviation_limit_is_read_against_the_baseline() -> None:
    kpi = "ims_registered_users"
    rows = listed(
        course("fell", 1000.0, [600.0], kpi=kpi), course("rose", 1000.0, [1400.0], kpi=kpi),
        course("same", 1000.0, [900.0], kpi=kpi), kpi=kpi,
    )  # fmt: skip
    assert {row["entity"] for row in rows} == {"fell", "rose"}
    assert {row["level"] for row in rows} == {"alarm"}


def test_without_history_the_limit_alone_decides() -> None:
    frame = course("c", 0.2, [9.0]).tail(1)
    row = listed(frame)[0]
    assert (row["reason"], row["baseline"], row["baseline_n"], row["z"]) == ("limit", None, 0, None)


def test_the_list_is_cut_at_top_and_equal_cells_stand_by_name() -> None:
    courses = [course(name, 0.2, [9.0]) for name in ("b", "a", "c")]
    assert [row["entity"] for row in listed(*courses, top=2)] == ["a", "b"]
    assert listed(*courses, top=0) == []


def test_the_network_row_is_no_cell() -> None:
    assert listed(course("network", 0.2, [9.0])) == []


def test_an_hour_without_rows_gives_an_empty_list() -> None:
    frame = course("c", 0.2, [9.0])
    later = AT + timedelta(hours=3)
    assert worst_cells(frame, CATALOGUE, DROP, later).is_empty()
    assert judged_counts(frame, CATALOGUE, DROP, later) == {"judged": 0}


def test_a_frame_without_the_kpi_gives_an_empty_list() -> None:
    assert worst_cells(course("c", 0.2, [9.0]), CATALOGUE, "rsrp_mean", AT).is_empty()


def test_the_time_may_have_any_offset_but_must_have_one() -> None:
    frame = course("c", 0.2, [9.0])
    china = AT.astimezone(timezone(timedelta(hours=8)))
    assert worst_cells(frame, CATALOGUE, DROP, china).equals(worst_cells(frame, CATALOGUE, DROP, AT))
    with pytest.raises(ConfigError, match="offset"):
        worst_cells(frame, CATALOGUE, DROP, AT.replace(tzinfo=None))


def test_an_unknown_kpi_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        worst_cells(course("c", 0.2, [9.0]), CATALOGUE, "erab_drop_ratio_qci1", AT)


def test_a_node_is_not_counted_among_the_cells_of_a_cell_kpi() -> None:
    node = course("MME-1", 0.2, [9.0]).with_columns(entity_kind=pl.lit("node"))
    frame = pl.concat([node, course("c", 0.2, [9.0])])
    assert [row["entity"] for row in listed(frame)] == ["c"]
    assert judged_counts(frame, CATALOGUE, DROP, AT) == {"judged": 1}


def test_nan_is_a_missing_value() -> None:
    frame = course("c", 0.2, [float("nan")])
    assert listed(frame) == []
    assert judged_counts(frame, CATALOGUE, DROP, AT) == {"judged": 0, "counter_missing": 1}


def test_a_packet_kpi_is_guarded_by_its_packets() -> None:
    kpi = "pdcp_loss_ratio_ul_qci1"
    frame = course("c", 0.2, [9.0], samples=None, kpi=kpi)
    assert listed(frame.with_columns(qci1_packets_ul=pl.lit(10.0)), kpi=kpi) == []
    assert len(listed(frame.with_columns(qci1_packets_ul=pl.lit(5000.0)), kpi=kpi)) == 1


def test_the_columns_to_read_are_the_kpi_its_values_and_its_guard() -> None:
    assert columns_needed(CATALOGUE, DROP) == [DROP]
    assert columns_needed(CATALOGUE, "csfb_call_success_ratio")[1:] == [
        "csfb_call_success_ratio.mo",
        "csfb_call_success_ratio.mt",
    ]
    assert columns_needed(CATALOGUE, "pdcp_loss_ratio_ul_qci1")[1:] == ["qci1_packets_ul"]
    assert columns_needed(CATALOGUE, "erab_setup_failures_by_cause")[1:] == [
        "erab_setup_failures_by_cause.top_cause_share"
    ]
