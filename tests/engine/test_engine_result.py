"""The contract object of a diagnosis."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from engine_evidence import diagnosed

from diagnosis.guilty_node import guilty_node, guilty_types
from diagnosis.reading import json_value
from runbooks.loader import load_runbooks
from runbooks.model import NodeType

KEYS = [
    "schema",
    "ticket_id",
    "category",
    "verdict",
    "causes",
    "checks",
    "missing",
    "guilty_node",
    "cluster",
    "runbook_version",
]
WEAK = {
    "ticket.category": "drop",
    "ticket.description": "call dropped",
    "call.final_status": 200,
    "call.rsrp_last": -118.0,
    "call.releasing_side": "network",
    "abnormal_reason": True,
    "ul_interference_per_prb": -116.5,
    "ul_interference_per_prb__n": 812.0,
    "ul_interference_per_prb__base": -117.0,
}


def test_keys_stand_in_the_order_of_the_contract() -> None:
    result = diagnosed(WEAK).results()[0]
    assert list(result)[: len(KEYS)] == KEYS
    assert list(result["category"]) == ["id", "probability", "decided_by", "because"]
    assert list(result["causes"][0])[:7] == [
        "id",
        "probability",
        "department",
        "remedy",
        "supported_by",
        "contradicted_by",
        "would_change_if",
    ]
    assert list(result["checks"][0])[:10] == [
        "id",
        "outcome",
        "reading",
        "unit",
        "threshold",
        "baseline",
        "samples",
        "at",
        "period",
        "reason",
    ]


def test_at_least_three_causes_are_ranked_when_the_verdict_is_cause() -> None:
    result = diagnosed({**WEAK, "call.terminal_dead": True}).results()[0]
    values = [cause["probability"] for cause in result["causes"]]
    assert len(values) >= 3
    assert values == sorted(values, reverse=True)
    assert sum(values) <= 1 + 1e-9


def test_a_check_tells_reading_threshold_baseline_and_samples() -> None:
    checks = {check["id"]: check for check in diagnosed(WEAK).results()[0]["checks"]}
    assert checks["DRP-04"] | {"conditions": None} == checks["DRP-04"] | {
        "outcome": "HIT",
        "reading": -118,
        "unit": "dBm",
        "threshold": -110,
        "conditions": None,
    }
    noise = checks["DRP-06"]
    assert (noise["outcome"], noise["reading"], noise["baseline"], noise["samples"]) == (
        "MISS",
        -116.5,
        -117,
        812,
    )


def test_a_check_without_data_says_why_and_has_no_reading() -> None:
    checks = {check["id"]: check for check in diagnosed(WEAK).results()[0]["checks"]}
    assert checks["DRP-15"]["outcome"] == "NO_DATA"
    assert checks["DRP-15"]["reading"] is None
    assert checks["DRP-15"]["reason"]


def test_the_threshold_in_the_result_is_that_of_the_region() -> None:
    limits = {"regions": {"0871": {"thresholds": {"DRP-04": {"call.rsrp_last": -120.0}}}}}
    checks = diagnosed({**WEAK, "ticket.region": "0871", "mr_coverage_ratio": 99.0}, **limits).results()[0][
        "checks"
    ]
    found = next(check for check in checks if check["id"] == "DRP-04")
    assert found["threshold"] == -120
    assert found["outcome"] != "HIT"


def test_supported_and_contradicted_name_checks_of_the_runbooks() -> None:
    cause = diagnosed(WEAK).results()[0]["causes"][0]
    assert cause["supported_by"] == ["DRP-04"]
    interference = next(
        c
        for c in diagnosed({**WEAK, "call.rsrp_last": -90.0}, min_probability=0.0, causes_shown=99).results()[
            0
        ]["causes"]
        if c["id"] == "drop-uplink-interference"
    )
    assert interference["contradicted_by"] == ["DRP-06"]


def test_would_change_if_is_true_when_tried() -> None:
    """Change the one reading that is named, diagnose again, and see the cause lead that was foretold."""
    row = {**WEAK, "mr_coverage_ratio": 99.0, "call.pusch_rsrp_last": -130.0, "call.ul_sinr_last": 5.0}
    before = diagnosed(row, min_probability=0.0, causes_shown=99).results()[0]
    changes = {
        "if call.rsrp_last were not < -110 (DRP-04)": {"call.rsrp_last": -100.0},
        "if enb_alarm_in_call were true (DRP-02)": {"enb_alarm_in_call": True},
        "if call.terminal_dead were true (DRP-18)": {"call.terminal_dead": True},
        "if call.max_rtp_gap were > 20 (DRP-15)": {"call.max_rtp_gap": 30.0},
    }
    told = {text.split(", ")[0]: text for c in before["causes"] if (text := c["would_change_if"])}
    tried = [(change, told[when]) for when, change in changes.items() if when in told]
    assert len(tried) >= 2
    for change, text in tried:
        after = diagnosed({**row, **change}).results()[0]
        assert text.endswith(f", {after['causes'][0]['id']} would lead")
        assert after["causes"][0]["id"] != before["causes"][0]["id"]


def test_a_decisive_reading_that_is_not_known_stands_in_would_change_if_of_the_cause_it_would_lift() -> None:
    row = {**WEAK, "call.rsrp_last": None, "call.ul_sinr_last": -4.0}
    causes = {c["id"]: c for c in diagnosed(row, min_probability=0.0, causes_shown=99).results()[0]["causes"]}
    assert "DRP-16" in causes["drop-procedure-clash"]["would_change_if"]
    assert causes["drop-procedure-clash"]["would_change_if"].endswith("drop-procedure-clash would lead")


def test_the_written_file_holds_what_results_gives_and_is_the_same_each_time(tmp_path: Path) -> None:
    batch = diagnosed(WEAK, {"ticket.description": "话费扣多了", "out_of_scope_text": True})
    batch.write_json(tmp_path / "a.json")
    batch.write_json(tmp_path / "b.json")
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == batch.results()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_an_empty_batch_is_an_empty_array(tmp_path: Path) -> None:
    batch = diagnosed(WEAK)
    assert batch.results([]) == []
    assert batch.results(["no such ticket"]) == []


def test_results_of_one_ticket_are_those_of_the_whole_batch() -> None:
    batch = diagnosed(WEAK, {**WEAK, "call.rsrp_last": -80.0})
    assert batch.results(["T-1"]) == [batch.results()[1]]


def test_the_table_has_one_row_a_ticket_and_agrees_with_the_results() -> None:
    batch = diagnosed(WEAK, {**WEAK, "call.final_status": 200})
    table = batch.table()
    assert table["ticket_id"].to_list() == ["T-0", "T-1"]
    assert table["cause_1"][0] == batch.results()[0]["causes"][0]["id"]


@pytest.mark.slow
def test_results_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "import sys, json; sys.path.insert(0, 'tests/engine');"
        "from engine_evidence import diagnosed; from test_engine_result import WEAK;"
        "sys.stdout.write(json.dumps(diagnosed(WEAK).results(), ensure_ascii=True))"
    )
    root = Path(__file__).parents[2]
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        ).stdout
        for seed in ("0", "4711")
    }
    assert len(runs) == 1


def test_the_guilty_node_is_the_one_that_the_record_names() -> None:
    row = {"call.first_error_node": "icscf", "serving.icscf": "ICSCF-1", "serving.scscf": "SCSCF-3"}
    node = guilty_node("acc-cscf-as-fault", "scscf", row)
    assert node == {"id": "ICSCF-1", "type": "icscf", "because": "call.first_error_node is icscf"}


def test_no_node_is_named_for_radio_causes_or_when_none_is_known() -> None:
    assert guilty_node("drop-weak-coverage", "enb", {"site": "345678"}) is None or "because"
    assert guilty_node("reg-aka-failure", "other", {"serving.hss": "HSS-1"}) is None
    assert guilty_node("reg-hss-unavailable-or-overloaded", "hss", {}) is None


def test_a_release_by_the_cscf_is_blamed_on_the_serving_scscf() -> None:
    row = {"call.releasing_node": "cscf", "serving.scscf": "SCSCF-2"}
    assert guilty_node("drop-ims-release", "scscf", row) == {
        "id": "SCSCF-2",
        "type": "scscf",
        "because": "call.releasing_node is cscf",
    }


def test_every_guilty_type_is_a_type_of_the_node_record_and_every_cause_exists() -> None:
    causes = load_runbooks().causes
    types = set(NodeType.__args__)
    for cause, rule in guilty_types().items():
        assert cause in causes
        assert set(rule["types"]) <= types


def test_readings_become_what_json_can_hold() -> None:
    assert [json_value(v) for v in (float("inf"), float("nan"), 3.0, 0.123456789, True, None, "x")] == [
        "never",
        None,
        3,
        0.123457,
        True,
        None,
        "x",
    ]
