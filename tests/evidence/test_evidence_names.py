"""The names that evidence offers, their types, and that every one of them is a column."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from evidence_scene import Scene, a_call, a_slice, an_attempt, default_ticket, table

from collectors.kpi.catalogue import load_catalogue
from diagnosis.evidence import EvidenceSettings, derived_names, names
from runbooks.loader import load_runbooks

POLARS = {
    "boolean": (pl.Boolean,),
    "integer": (pl.Int64, pl.UInt32, pl.Float64),
    "float": (pl.Float64, pl.Int64),
    "string": (pl.String,),
    "datetime": (pl.Datetime,),
    "list": (pl.List,),
}
FULL: dict[str, Any] = {
    "call": [a_call()],
    "registration": [an_attempt()],
    "voice_slice": [a_slice()],
    "alarm": [{"id": "A", "perceived_severity": "major", "alarmed_object": "x"}],
}


@pytest.mark.parametrize("records", [{}, FULL], ids=["nothing", "records"])
def test_every_name_is_a_column_of_its_type(scene: Scene, records: Any) -> None:
    frame = scene(**records).evidence.frame
    wrong = {}
    for name, kind in names(load_catalogue()).items():
        dtype = frame.schema.get(name)
        if dtype is None or dtype.base_type() not in POLARS[kind]:
            wrong[name] = (kind, dtype)
    assert wrong == {}


@pytest.mark.parametrize("records", [{}, FULL], ids=["nothing", "records"])
def test_every_derived_name_has_a_place_and_either_a_value_or_a_reason(scene: Scene, records: Any) -> None:
    look = scene(**records)
    for name in derived_names():
        assert look.known(name) or look.reason(name), name
        at = look.evidence.place(name).at
        assert at is not None, name
        assert at in look.evidence.frame.columns, name


def test_every_name_that_a_runbook_compares_is_offered() -> None:
    runbooks = load_runbooks()
    filled_by_the_engine = {name for name, spec in runbooks.names.items() if spec.hits_of}
    used = {name for check in runbooks.checks.values() for name in check.names}
    assert used - set(names(load_catalogue())) - filled_by_the_engine == set()


def test_restricting_the_names_leaves_out_readings_that_nobody_asks_for(scene: Scene) -> None:
    look = scene(settings=EvidenceSettings(names=frozenset({"mr_coverage_ratio", "called.rsrp_last"})))
    columns = look.evidence.frame.columns
    assert "mr_coverage_ratio" in columns
    assert "called.rsrp_last" in columns
    assert "volte_traffic" not in columns
    assert "called.t_esr" not in columns


def test_a_name_that_nothing_collects_is_not_known(scene: Scene) -> None:
    look = scene()
    assert not look.known("no_such_name")
    assert look.reason("no_such_name") == "not_collected"


def test_identities_of_the_customer_do_not_stand_in_places(scene: Scene) -> None:
    look = scene(call=[a_call()], subscriber=[{"msisdn": "m-customer", "imsi": "i-customer"}])
    texts = [look[c] for c in look.evidence.frame.columns if c.startswith("at.")]
    assert not [text for text in texts if text and ("m-customer" in text or "i-customer" in text)]


def test_no_ticket_gives_an_empty_frame_with_all_columns(scene: Scene) -> None:
    from evidence_scene import MemorySource

    from diagnosis.evidence import build

    source = MemorySource({"ticket": table("ticket", [])})
    evidence = build(source, table("ticket", []), load_catalogue())
    assert evidence.frame.height == 0
    assert set(names(load_catalogue())) <= set(evidence.frame.columns)


def test_a_ticket_that_stands_twice_is_one_row(scene: Scene) -> None:
    assert scene([default_ticket(), default_ticket()]).evidence.frame.height == 1
