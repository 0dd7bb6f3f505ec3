"""Clusters against chance, incidents, five-minute counts, early warning, statistics, audit chain, cipher."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause.loop.audit import GENESIS, AuditEntry, seal, verify
from callcause.loop.cipher import Cipher, Sealed, VaultError, masked
from callcause.loop.cluster import (
    PAIRS,
    ClusterSettings,
    clusters,
    five_minute_counts,
    incidents,
    outage_bins,
)
from callcause.loop.life import LoopError
from callcause.loop.statistics import control_chart, pareto, volume_change, wilson
from callcause.loop.warning import (
    WARNING_ZH,
    WarningSettings,
    WarningState,
    base_values,
    check_warning_step,
    filled,
    judge,
)

NOW = datetime(2026, 3, 11, 10, 0, tzinfo=UTC)
NO_HISTORY = pl.DataFrame(schema={"key": pl.String(), "entity": pl.String(), "per_day": pl.Float64()})


def pairs(*rows: tuple[str, float, str, str]) -> pl.DataFrame:
    made = [(t, NOW + timedelta(hours=h), k, e) for t, h, k, e in rows]
    return pl.DataFrame(made, schema=PAIRS, orient="row")


def test_three_tickets_on_a_quiet_cell_within_a_day_are_a_cluster() -> None:
    [found] = clusters(
        pairs(("a", 0, "cell", "c1"), ("b", 5, "cell", "c1"), ("c", 23, "cell", "c1")), NO_HISTORY
    )
    assert found.tickets == ("a", "b", "c")
    assert found.chance < 0.01


def test_two_tickets_are_none_and_three_over_two_days_are_none() -> None:
    assert not clusters(pairs(("a", 0, "cell", "c1"), ("b", 5, "cell", "c1")), NO_HISTORY)
    assert not clusters(
        pairs(("a", 0, "cell", "c1"), ("b", 20, "cell", "c1"), ("c", 45, "cell", "c1")), NO_HISTORY
    )


def test_tickets_on_a_key_of_large_normal_volume_are_chance() -> None:
    busy = pl.DataFrame({"key": ["device_model"], "entity": ["M1"], "per_day": [4.0]})
    rows = pairs(*[(f"t{i}", i, "device_model", "M1") for i in range(4)])
    assert not clusters(rows, busy)
    assert clusters(pairs(*[(f"t{i}", i, "device_model", "M1") for i in range(15)]), busy)


def test_of_many_cells_one_has_three_tickets_by_chance() -> None:
    """What is rare for one cell is not rare for the busiest of a thousand."""
    three = pairs(("a", 0, "cell", "c1"), ("b", 5, "cell", "c1"), ("c", 23, "cell", "c1"))
    for number, tickets in ((1, 1), (1000, 0)):
        usual = pl.DataFrame(
            {
                "key": ["cell"] * number,
                "entity": [f"c{n + 1}" for n in range(number)],
                "per_day": [0.2] * number,
            }
        )
        assert len(clusters(three, usual)) == tickets
    six = pairs(*((f"t{n}", float(n), "cell", "c1") for n in range(6)))
    assert clusters(six, usual)[0].chance < 0.01


def test_what_a_cluster_leaves_of_another_is_one_only_where_it_stands_by_itself() -> None:
    near = [(f"n{n}", 0.1 * n, "cell", "c1") for n in range(8)]
    wide = [(t, h, "software_version", "v1") for t, h, _, _ in near]
    wide += [(f"w{n}", float(n), "software_version", "v1") for n in range(4)]
    usual = pl.DataFrame({"key": ["cell", "software_version"], "entity": ["c1", "v1"], "per_day": [0.1, 5.0]})
    found = clusters(pairs(*near, *wide), usual)
    assert {one.key for one in found} == {"cell", "software_version"}
    assert [(one.key, len(one.tickets)) for one in incidents(found)] == [("cell", 8)]
    many = [(f"m{n}", 0.1 * n, "software_version", "v1") for n in range(14)]
    both = incidents(clusters(pairs(*near, *wide, *many), usual))
    assert [(one.key, len(one.tickets)) for one in both] == [("cell", 8), ("software_version", 18)]


def test_a_ticket_that_comes_twice_counts_once() -> None:
    assert not clusters(
        pairs(("a", 0, "cell", "c1"), ("a", 0, "cell", "c1"), ("b", 1, "cell", "c1")), NO_HISTORY
    )


def test_a_ticket_belongs_to_the_cluster_with_the_least_chance() -> None:
    usual = pl.DataFrame({"key": ["tracking_area"], "entity": ["9811"], "per_day": [0.5]})
    rows = [(t, 1, k, e) for t in "abcd" for k, e in (("cell", "c1"), ("tracking_area", "9811"))]
    found = clusters(pairs(*rows), usual)
    assert {c.key for c in found} == {"cell", "tracking_area"}
    [incident] = incidents(found)
    assert (incident.key, incident.tickets) == ("cell", ("a", "b", "c", "d"))


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 30), st.integers(0, 60), st.sampled_from(["cell", "node"]), st.sampled_from("xy")
        ),
        max_size=40,
    )
)
def test_incidents_never_share_a_ticket_and_hold_only_given_ones(
    rows: list[tuple[int, int, str, str]],
) -> None:
    found = incidents(
        clusters(pairs(*[(f"t{t}", h, k, e) for t, h, k, e in rows]), NO_HISTORY, ClusterSettings(chance=0.5))
    )
    tickets = [ticket for cluster in found for ticket in cluster.tickets]
    assert len(tickets) == len(set(tickets))
    assert set(tickets) <= {f"t{t}" for t, *_ in rows}


def test_five_minute_counts_have_their_empty_bins_and_an_outage_stands_out() -> None:
    at = pl.Series([NOW, NOW + timedelta(minutes=1), *[NOW + timedelta(minutes=21)] * 9]).dt.cast_time_unit(
        "us"
    )
    counts = five_minute_counts(at)
    assert counts["n"].to_list() == [2, 0, 0, 0, 9]
    assert outage_bins(counts, 0.5)["n"].to_list() == [9]
    assert five_minute_counts(at.clear()).height == 0


# --- early warning


def history(days: int, per_day: int, peak: int | None = None, alarmed: int | None = None) -> pl.DataFrame:
    first = date(2026, 3, 10) - timedelta(days=days - 1)
    rows = []
    for i in range(days):
        day = first + timedelta(days=i)
        n = peak if peak is not None and day.day <= 5 else per_day
        rows.append(("drop", "0871", day, 500 if i == alarmed else n, i == alarmed))
    return pl.DataFrame(rows, schema=["type", "region", "day", "n", "alarmed"], orient="row")


def test_the_base_is_the_mean_of_half_a_year_without_the_days_in_alarm() -> None:
    base = base_values(history(180, 10, alarmed=50), date(2026, 3, 11))
    assert base["base"].item() == pytest.approx(10)
    assert base["days"].item() == 179


def test_the_start_of_the_month_has_a_base_of_its_own() -> None:
    rows = history(180, 10, peak=30)
    assert base_values(rows, date(2026, 3, 4))["base"].item() > 20
    assert base_values(rows, date(2026, 3, 11))["base"].item() < 12


def test_a_short_history_gives_no_base_and_no_verdict() -> None:
    bases = base_values(history(20, 10), date(2026, 3, 11))
    assert bases.is_empty()
    today = pl.DataFrame({"type": ["drop"], "region": ["0871"], "n": [900]})
    assert judge(today, bases, WarningSettings())["level"].to_list() == [None]


@pytest.mark.parametrize(
    ("combine", "n", "level"),
    [
        ("offset", 20, ""),
        ("offset", 21, "warning"),
        ("offset", 41, "serious"),
        ("floor", 16, "warning"),
        ("floor", 15, ""),
    ],
)
def test_a_warning_is_raised_above_base_times_coefficient_and_protection(
    combine: str, n: int, level: str
) -> None:
    bases = base_values(history(180, 10), date(2026, 3, 11))
    today = pl.DataFrame({"type": ["drop"], "region": ["0871"], "n": [n]})
    chosen = WarningSettings(combine=combine)
    assert judge(today, bases, chosen)["level"].item() == level


def test_a_day_without_complaints_counts_as_zero_and_not_as_missing() -> None:
    counts = pl.DataFrame({"type": ["drop"], "region": ["0871"], "day": [date(2026, 3, 2)], "n": [3]})
    rows = filled(counts, date(2026, 3, 1), date(2026, 3, 3))
    assert rows["n"].to_list() == [0, 3, 0]


def test_a_warning_is_reviewed_before_it_is_published_and_then_recovers() -> None:
    for now, to in (("raised", "approved"), ("approved", "published"), ("published", "recovered")):
        check_warning_step(WarningState(now), WarningState(to))
    for now, to in (("raised", "published"), ("rejected", "published"), ("recovered", "raised")):
        with pytest.raises(LoopError, match="may become"):
            check_warning_step(WarningState(now), WarningState(to))
    assert set(WARNING_ZH) == set(WarningState)


# --- statistics


def test_halving_a_large_volume_is_more_than_chance_and_of_a_small_one_is_not() -> None:
    large, small = volume_change(400, 30, 200, 30), volume_change(4, 30, 2, 30)
    assert large.certain
    assert large.ratio == pytest.approx(0.5)
    assert large.low < 0.5 < large.high
    assert not small.certain
    assert not volume_change(0, 30, 0, 30).certain


def test_periods_of_unequal_length_are_compared_by_their_rate() -> None:
    assert volume_change(300, 30, 100, 10).ratio == pytest.approx(1.0)
    assert not volume_change(300, 30, 100, 10).certain


def test_a_control_chart_marks_the_month_that_is_out_of_control() -> None:
    rows = pl.DataFrame(
        {"period": ["1", "2", "3", "4"], "hits": [900, 910, 905, 500], "total": [1000, 1000, 1000, 1000]}
    )
    chart = control_chart(rows, goal=0.9)
    assert chart["beyond"].to_list()[-1]
    assert chart["reached"].to_list() == [True, True, True, False]
    empty = control_chart(pl.DataFrame({"period": ["1"], "hits": [0], "total": [0]}), 0.9)
    assert empty["share"].to_list() == [None]


def test_a_pareto_counts_reasons_that_nobody_coded() -> None:
    table = pareto(pl.Series(["backlog", "backlog", None, "rotation"], dtype=pl.String))
    assert table["reason"].to_list() == ["backlog", "not coded", "rotation"]
    assert table["running"].to_list()[-1] == pytest.approx(1.0)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_interval_of_a_share_holds_the_share(hits: int, misses: int) -> None:
    low, high = wilson(hits, hits + misses)
    assert 0 <= low <= high <= 1
    if hits + misses:
        assert low - 1e-9 <= hits / (hits + misses) <= high + 1e-9


# --- audit and cipher


def chain(count: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number in range(1, count + 1):
        previous = entries[-1].hash if entries else GENESIS
        entries.append(
            seal(number, NOW, "engineer-1", "show", f"num_{number}", {"why": "call back"}, previous)
        )
    return entries


def test_a_log_that_nobody_touched_holds() -> None:
    assert verify(chain(5)) is None
    assert verify([]) is None


@given(st.integers(0, 4), st.sampled_from(["actor", "action", "subject", "at", "detail"]))
def test_any_edit_of_the_log_is_found_at_its_entry(index: int, field: str) -> None:
    entries = chain(5)
    value = {"at": NOW + timedelta(seconds=1), "detail": {"why": "other"}}.get(field, "someone else")
    entries[index] = replace(entries[index], **{field: value})
    fault = verify(entries)
    assert fault is not None
    assert fault.number == index + 1


def test_a_removed_entry_and_a_cut_end_are_found() -> None:
    entries = chain(5)
    assert verify(entries[:2] + entries[3:]) is not None
    assert verify(entries[:-1]) is None
    assert verify(entries[:-1], head=entries[-1].hash) is not None


KEYS = {1: b"a" * 32, 2: b"b" * 32}


@given(st.text(min_size=1, max_size=40))
def test_what_was_sealed_opens_for_its_subscriber_only(clear: str) -> None:
    cipher = Cipher(KEYS)
    sealed = cipher.seal("num_1", clear)
    assert cipher.open("num_1", sealed) == clear
    with pytest.raises(VaultError):
        cipher.open("num_2", sealed)


def test_an_entry_that_was_changed_does_not_open() -> None:
    sealed = Cipher(KEYS).seal("num_1", "13800000001")
    changed = sealed.ciphertext[:-1] + bytes([sealed.ciphertext[-1] ^ 1])
    broken = Sealed(sealed.key_number, sealed.nonce, changed)
    with pytest.raises(VaultError, match="changed"):
        Cipher(KEYS).open("num_1", broken)


def test_an_old_key_still_opens_until_everything_is_sealed_anew() -> None:
    old = Cipher({1: KEYS[1]}).seal("num_1", "13800000001")
    both = Cipher(KEYS)
    new = both.rotate("num_1", old)
    assert new.key_number == 2
    assert both.rotate("num_1", new) is new
    only_new = Cipher({2: KEYS[2]})
    assert only_new.open("num_1", new) == "13800000001"
    with pytest.raises(VaultError, match="not configured"):
        only_new.open("num_1", old)


@given(st.text(min_size=1, max_size=30))
def test_a_masked_identity_never_shows_more_than_half(clear: str) -> None:
    shown = sum(a == b for a, b in zip(masked(clear), clear, strict=True) if b != "*")
    assert shown <= max(len(clear) // 2, 0)
    assert masked("13800000001") == "138******01"
