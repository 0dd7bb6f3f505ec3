"""What makes the engine quick must not change what it says."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from engine_evidence import diagnosed, evidence

from diagnosis import engine
from diagnosis.outcome import evaluate, make_plan, mask_trees
from diagnosis.source import Kept, Tables, among, normalise
from diagnosis.support import HITS
from diagnosis.written import json_value, json_values
from runbooks.loader import load_runbooks

PLAN = make_plan(load_runbooks())
ROWS = (
    {"ticket.category": "drop", "call.rsrp_last": -121.0, "call.final_status": 200},
    {"ticket.category": "access", "call.final_status": 503},
    {"ticket.category": "mos", "call.final_status": 486, "has.call": False},
)


class Changing:
    """A record source whose records change when its version does."""

    def __init__(self) -> None:
        self.state = "a"

    def version(self, *kinds: str) -> tuple[str, ...]:
        return (self.state, *kinds)

    def records(self, kind: str) -> pl.LazyFrame:
        names = {"id": ["C-1", "C-2"], "leg": ["mo", "mt"], "releasing_node": ["unknown", "sbc"]}
        return pl.LazyFrame({**names, "absent": [["t_183", "codec"], []]})

    def kpi_at(self, keys: pl.DataFrame, kpi_ids: object) -> pl.DataFrame:
        return keys


def test_a_tree_walked_for_its_own_tickets_says_what_the_masked_walk_of_all_says() -> None:
    rows = evidence(*ROWS)
    trees = {
        "all": np.array([True, True, True]),
        "drop": np.array([True, False, False]),
        "access": np.array([False, True, False]),
        "mos": np.array([False, False, True]),
        "registration": np.array([False, True, True]),
        "csfb": np.array([False, False, False]),
    }
    narrow = evaluate(PLAN, rows, None, trees)
    masked = mask_trees(PLAN, evaluate(PLAN, rows), trees)
    assert np.array_equal(narrow.entries, masked.entries)
    assert np.array_equal(narrow.checks, masked.checks)
    assert narrow.readings.equals(masked.readings)


@pytest.mark.parametrize("at_once", [1, 2])
def test_results_do_not_depend_on_how_many_tickets_are_ranked_at_once(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    whole = diagnosed(*ROWS)
    monkeypatch.setattr(engine, "RANKED_AT_ONCE", at_once)
    parts = diagnosed(*ROWS)
    assert parts.results() == whole.results()
    for name in ("scores", "verdict", "category", "eligible", "states"):
        assert np.array_equal(getattr(parts.ranked, name), getattr(whole.ranked, name))
    # One row alone lies in memory otherwise, and its sum may differ in the last bit.
    assert np.allclose(parts.ranked.probability, whole.ranked.probability, rtol=1e-12, atol=0)
    for name in HITS:
        assert np.array_equal(getattr(parts.ranked.support, name), getattr(whole.ranked.support, name))


def test_one_ticket_alone_scores_as_it_does_among_others() -> None:
    together = diagnosed(*ROWS)
    alone = diagnosed(ROWS[1])
    assert np.array_equal(alone.ranked.scores[0], together.ranked.scores[1])


def test_what_is_kept_is_made_again_when_the_records_change() -> None:
    source, kept, made = Changing(), Kept(), []

    def make() -> int:
        made.append(1)
        return len(made)

    assert [kept.get(source, "sum", ("call",), make) for _ in range(2)] == [1, 1]
    source.state = "b"
    assert kept.get(source, "sum", ("call",), make) == 2


def test_from_a_source_without_a_version_nothing_is_kept() -> None:
    kept = Kept()
    values = iter((1, 2))
    assert [kept.get(object(), "sum", ("call",), lambda: next(values)) for _ in range(2)] == [1, 2]


def test_only_the_wanted_rows_and_columns_are_read() -> None:
    tables = Tables(Changing())
    found = tables.where("call", among("id", pl.Series(["C-2", None])), ("id", "leg"))
    assert found.to_dicts() == [{"id": "C-2", "leg": "mt"}]


def test_absent_columns_read_the_same_as_list_and_as_text() -> None:
    listed = Changing().records("call")
    text = listed.with_columns(pl.col("absent").list.join("|"))
    one, other = normalise(listed, "call"), normalise(text, "call")
    assert one.equals(other)
    assert "|codec|t_183" in one["absent"][0]
    assert one["releasing_node"].to_list() == [None, "sbc"]


def test_absent_names_a_word_that_stands_for_not_known_even_when_its_column_is_left_out() -> None:
    found = normalise(Changing().records("call"), "call", ("id", "absent"))
    assert found.columns == ["id", "absent"]
    assert "|?releasing_node|" in found["absent"][0]
    assert "|?releasing_node|" not in found["absent"][1]


@pytest.mark.parametrize(
    "values",
    [
        [None, 1.0, 0.123456789, float("inf"), float("-inf"), float("nan")],
        [True, None, False],
        [datetime(2024, 3, 1, 8, tzinfo=UTC), None, datetime(2024, 3, 1, 8, 0, 1, 250_000, tzinfo=UTC)],
        [["a", "b"], None],
        [None, None],
        ["x", None],
        [3, None],
    ],
)
def test_a_column_is_written_as_its_values_are(values: list[object]) -> None:
    assert json_values(values) == [json_value(value) for value in values]
