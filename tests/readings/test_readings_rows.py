"""Rows of node_sample and node_kpi out of readings, and runs that hand them over together."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from collectors.errors import StoreError
from collectors.kpi.catalogue import load_catalogue
from collectors.readings.column import Column, Kind, Reading, SampleRule
from collectors.readings.gathering import Gathering
from collectors.readings.inputs import InputSpec, KpiPart, SplitSpec, computable, input_values
from collectors.readings.node import NodeState
from collectors.readings.rows import Told, kpi_rows, sample_rows

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RULES = {
    "timeouts": SampleRule(Kind.COUNTER),
    "answers": SampleRule(Kind.COUNTER),
    "octets": SampleRule(Kind.COUNTER, per_instance=True),
    "load": SampleRule(Kind.GAUGE, "mean"),
}
PART = KpiPart(
    name="test",
    node_type="icscf",
    inputs={
        "requests_without_answer": InputSpec(add=("timeouts",)),
        "requests": InputSpec(add=("timeouts", "answers")),
    },
    splits=(
        SplitSpec(
            kpi="ims_dns_failure_ratio",
            split="seen_by=test",
            numerator=("timeouts",),
            denominator=("answers",),
        ),
    ),
)


def node(name: str = "icscf1") -> NodeState:
    return NodeState(name, "test 1", PART, RULES, period_s=300, interval_s=60)


def look(
    state: NodeState, minute: int, values: dict[str, float], octets: tuple[float, float] = (0, 0)
) -> Told:
    columns = {name: Column.of(("",), [value], RULES[name].kind) for name, value in values.items()}
    columns["octets"] = Column.of(("eth0", "eth1"), octets, Kind.COUNTER)
    at = START + timedelta(minutes=minute)
    advance, closed = state.take(Reading(at, columns))
    return Told(state, advance, closed, True, at - timedelta(minutes=1), at)


def test_each_instance_is_a_sample_where_the_map_says_so() -> None:
    state = node()
    look(state, 0, {"load": 3}, (10, 20))
    rows = sample_rows([look(state, 1, {"load": 5}, (11, 25))])
    found = {row["counter"]: (row["increase"], row["value"]) for row in rows.iter_rows(named=True)}
    assert found == {"up": (None, 1), "load": (None, 5), "octets[eth0]": (1, 11), "octets[eth1]": (5, 25)}


def test_of_the_first_look_only_up_is_told() -> None:
    assert sample_rows([look(node(), 0, {"load": 3})])["counter"].to_list() == ["up"]


def test_nothing_told_is_no_row() -> None:
    assert sample_rows([]).is_empty()
    rows, counts = kpi_rows([])
    assert rows.is_empty()
    assert +counts == {}


def test_several_nodes_become_rows_of_their_own_in_one_frame() -> None:
    told = []
    for name, factor in (("a", 1), ("b", 2)):
        state = node(name)
        told += [look(state, m, {"timeouts": factor * m, "answers": 10 * m}) for m in range(7)]
    rows, counts = kpi_rows(told)
    whole = rows.filter(pl.col("split").is_null()).sort("node_id")
    assert whole.select("node_id", "numerator", "denominator").rows() == [("a", 5, 55), ("b", 10, 60)]
    assert whole["node_type"].to_list() == ["I-CSCF", "I-CSCF"]
    part = rows.filter(pl.col("split").is_not_null()).sort("node_id")
    assert part.select("split", "value").rows() == [("seen_by=test", 10.0), ("seen_by=test", 20.0)]
    assert counts["periods"] == 2


def test_an_input_that_was_not_seen_throughout_gives_no_kpi() -> None:
    state = node()
    told = [look(state, m, {"timeouts": m} | ({} if m == 3 else {"answers": m})) for m in range(7)]
    assert kpi_rows(told)[0].is_empty()


def test_a_mean_of_two_counters_is_their_quotient_over_the_period() -> None:
    part = KpiPart(
        name="t",
        node_type="scscf",
        inputs={"UR.MeanInitRegSetupTime": InputSpec(add=("time",), over=("count",), scale=2)},
    )
    assert input_values(part, {"time": 30, "count": 10}) == {"UR.MeanInitRegSetupTime": 6}
    assert input_values(part, {"time": 30, "count": 0}) == {}
    assert input_values(part, {"time": 30}) == {}
    assert "ims_registration_setup_time_mean" in computable(part, load_catalogue())


class FullDisk:
    """A sink whose store cannot be written."""

    def __init__(self) -> None:
        self.calls = 0

    async def rows(self, source: str, kind: str, rows: pl.DataFrame) -> None:
        self.calls += 1
        raise StoreError("no space left", file=str(Path("store")))


def test_every_run_learns_that_its_rows_were_not_taken() -> None:
    async def whole() -> None:
        gathering, sink = Gathering("test", linger_s=0.01), FullDisk()
        runs = [gathering.hand_over([look(node(f"n{i}"), 0, {"load": 1})], sink) for i in range(3)]
        results = await asyncio.gather(*runs, return_exceptions=True)
        assert [type(result) for result in results] == [StoreError] * 3
        assert sink.calls == 1
        with pytest.raises(StoreError):
            await gathering.hand_over([look(node(), 0, {"load": 1})], sink)

    asyncio.run(whole())


def test_a_run_that_is_cancelled_does_not_take_the_rows_of_others_along() -> None:
    class Taking:
        def __init__(self) -> None:
            self.nodes: list[str] = []

        async def rows(self, source: str, kind: str, rows: pl.DataFrame) -> None:
            self.nodes += rows["node_id"].to_list()

    async def whole() -> None:
        gathering, sink = Gathering("test", linger_s=0.05), Taking()
        first = asyncio.create_task(gathering.hand_over([look(node("a"), 0, {"load": 1})], sink))
        second = asyncio.create_task(gathering.hand_over([look(node("b"), 0, {"load": 1})], sink))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert sorted(sink.nodes) == ["a", "b"]

    asyncio.run(whole())
