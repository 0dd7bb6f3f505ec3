"""Complaint texts, tickets and the places that incidents get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause.simulator import simulate
from callcause.simulator.complaint_text import SYMPTOMS, complaint, symptom
from callcause.simulator.faults import ALL
from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.places import GUARD_S, Places
from callcause.simulator.faults.plan import plan
from callcause.simulator.period import default_period
from callcause.simulator.topology import Network, build_network
from callcause.simulator.traffic import hourly_profile


@pytest.fixture(scope="module")
def planned() -> tuple[list[Incident], Places, Network]:
    period = default_period(3)
    network = build_network(240, 150, period, np.random.default_rng(4))
    incidents, places = plan(network, period, 150, hourly_profile(72), np.random.default_rng(5))
    return incidents, places, network


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["registration", "access", "drop", "mos", "csfb"]),
    st.sampled_from(["zh", "en"]),
    st.sampled_from(["mo", "mt"]),
    st.integers(0, 10_000),
)
def test_every_category_can_be_told_in_both_languages(
    category: str, language: str, role: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    core = symptom(category, "", "", role, language, rng)
    text = complaint(core, language, "8613900000001", rng)
    assert len(text) >= 4
    has_chinese = any("\u4e00" <= c <= "\u9fff" for c in core)
    assert has_chinese == (language == "zh")


def test_symptoms_of_different_categories_are_different() -> None:
    seen: set[str] = set()
    for speech in SYMPTOMS.values():
        for options in speech.values():
            assert not seen & set(options)
            seen |= set(options)


def test_tickets_come_in_both_languages_with_and_without_hints(tmp_path: Path) -> None:
    folder = simulate(tmp_path, cells=30, days=2, tickets=120, seed=9)
    tickets = pl.read_csv(folder / "tickets.csv", infer_schema_length=0)
    assert {"zh", "en"} <= set(tickets["language"].drop_nulls())
    for column in ("category", "ecgi", "answer_icon_present", "imei_tac"):
        assert 0 < tickets[column].null_count() < tickets.height, column
    assert (tickets["received_at"] > tickets["occurred_at"]).sum() > 100


def test_a_customer_of_another_fault_is_not_served_by_a_node_out_of_service(
    planned: tuple[list[Incident], Places, Network],
) -> None:
    incidents, places, _ = planned
    assert places.outages
    for node, start, end in places.outages:
        assert not places.in_service(node, (start + end) / 2)
        assert places.in_service(node, end + GUARD_S + 1)
    hidden = [i for i in incidents if i.removed]
    assert all(places.calm(i.at) for i in hidden)


def test_a_site_that_is_down_has_no_other_complaint(planned: tuple[list[Incident], Places, Network]) -> None:
    incidents, places, network = planned
    assert places.closed
    for site in places.closed:
        assert sum(int(network.site[i.cell]) == site for i in incidents) == 1


def test_cell_faults_get_cells_of_their_own(planned: tuple[list[Incident], Places, Network]) -> None:
    incidents, _, _ = planned
    cells = [i.cell for i in incidents if i.fault.scope == "cell"]
    assert len(cells) == len(set(cells))


def test_a_fault_begins_before_its_complaint_or_during_the_call(
    planned: tuple[list[Incident], Places, Network],
) -> None:
    incidents, _, _ = planned
    for incident in incidents:
        assert incident.start < incident.end
        assert incident.start <= incident.at + 60
        assert 0 <= incident.at < 3 * 86400


def test_strengths_differ_between_incidents(planned: tuple[list[Incident], Places, Network]) -> None:
    incidents, _, _ = planned
    assert len({round(i.strength, 6) for i in incidents}) > 140
    assert {i.fault.cause for i in incidents} <= {f.cause for f in ALL}
