"""The commands of the contract, run as a user runs them, on one simulated network."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ORDER = [
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
KEY = {"CALLCAUSE_PSEUDONYM_KEY": "tests-only-key-0123456789abcdef"}


def callcause(*words: object, expect: int = 0, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **KEY, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "callcause.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == expect, done.stderr
    return done


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    callcause("simulate", folder / "files", "--cells", 24, "--days", 2, "--tickets", 24, "--seed", 3)
    done = callcause("ingest", "--store", folder / "store", folder / "files", expect=3)
    (folder / "ingest.err").write_text(done.stderr, encoding="utf-8")
    callcause(
        "diagnose", "--store", folder / "store", "--format", "json", "--output", folder / "results.json"
    )
    return folder


@pytest.fixture(scope="module")
def results(network: Path) -> list[dict]:
    return json.loads((network / "results.json").read_text(encoding="utf-8"))


def test_every_ticket_has_one_result_and_the_keys_stand_in_the_order_of_the_contract(
    network: Path, results: list[dict]
) -> None:
    with (network / "files" / "truth.csv").open(encoding="utf-8") as file:
        expected = [row["ticket_id"] for row in csv.DictReader(file)]
    assert sorted(result["ticket_id"] for result in results) == sorted(expected)
    for result in results:
        assert list(result)[: len(ORDER)] == ORDER
        assert result["schema"] == "callcause.diagnosis/1"


def test_probabilities_fall_and_sum_to_at_most_one(results: list[dict]) -> None:
    for result in results:
        shares = [cause["probability"] for cause in result["causes"]]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) <= 1.0 + 1e-9


def test_a_cause_verdict_lists_at_least_three_causes_and_its_department(results: list[dict]) -> None:
    found = [result for result in results if result["verdict"] == "cause"]
    assert found
    for result in found:
        assert len(result["causes"]) >= 3
        assert all(cause["department"] and cause["remedy"]["zh"] for cause in result["causes"])


def test_a_verdict_that_cannot_tell_names_what_is_missing(results: list[dict]) -> None:
    for result in results:
        if result["verdict"] == "cannot_tell":
            assert result["missing"], result["ticket_id"]


def test_no_data_always_has_a_reason_and_a_hit_always_a_reading(results: list[dict]) -> None:
    for result in results:
        for check in result["checks"]:
            if check["outcome"] == "NO_DATA":
                assert check["reason"], (result["ticket_id"], check["id"])


def test_the_same_inputs_give_the_same_bytes_whatever_the_hash_seed(network: Path) -> None:
    again = network / "again.json"
    callcause(
        "diagnose", "--store", network / "store", "--format", "json", "--output", again, hash_seed="123"
    )
    assert again.read_bytes() == (network / "results.json").read_bytes()


def test_the_order_of_the_input_files_does_not_change_the_results(network: Path, tmp_path: Path) -> None:
    folders = sorted((network / "files").rglob("*"), reverse=True)
    files = [path for path in folders if path.is_file()]
    callcause("ingest", "--store", tmp_path / "store", *files, expect=3)
    callcause(
        "diagnose", "--store", tmp_path / "store", "--format", "json", "--output", tmp_path / "results.json"
    )
    assert (tmp_path / "results.json").read_bytes() == (network / "results.json").read_bytes()


def test_a_second_ingest_stores_nothing_twice(network: Path, tmp_path: Path) -> None:
    shutil.copytree(network / "store", tmp_path / "store")
    callcause("ingest", "--store", tmp_path / "store", network / "files", expect=3)
    callcause(
        "diagnose", "--store", tmp_path / "store", "--format", "json", "--output", tmp_path / "results.json"
    )
    assert (tmp_path / "results.json").read_bytes() == (network / "results.json").read_bytes()


def identities(folder: Path) -> set[str]:
    """Return the long digit runs of the identity columns of the simulated tables."""
    found: set[str] = set()
    columns = {
        "msisdn",
        "imsi",
        "impi",
        "impu",
        "imei",
        "calling_number",
        "called_number",
        "other_party_number",
    }
    for path in folder.rglob("*.csv*"):
        reader = gzip.open if path.suffix == ".gz" else open
        with reader(path, "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for column in columns & row.keys():
                    found.update(re.findall(r"\d{9,}", row[column] or ""))
    return found


def test_no_subscriber_identity_reaches_results_reports_store_or_messages(network: Path) -> None:
    secrets = identities(network / "files")
    assert len(secrets) > 50
    callcause("diagnose", "--store", network / "store", "--format", "html", "--output", network / "report")
    written = [network / "results.json", network / "ingest.err", *(network / "report").iterdir()]
    for path in written:
        runs = set(re.findall(r"\d{9,}", path.read_text(encoding="utf-8")))
        assert not runs & secrets, path
    stored = b"".join(path.read_bytes() for path in (network / "store").rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret.encode() in stored]


def test_one_ticket_can_be_asked_for_as_a_single_page(
    network: Path, results: list[dict], tmp_path: Path
) -> None:
    page = tmp_path / "one.html"
    callcause(
        "diagnose",
        "--store",
        network / "store",
        "--ticket",
        results[0]["ticket_id"],
        "--format",
        "html",
        "--output",
        page,
    )
    text = page.read_text(encoding="utf-8")
    assert results[0]["ticket_id"] in text
    assert not re.search(r'(?:src|href)="https?:', text)


def test_evaluate_prints_the_figures_per_category(network: Path) -> None:
    done = callcause("evaluate", "--truth", network / "files" / "truth.csv", network / "results.json")
    for word in ("top-1", "top-3", "calibration", "registration", "csfb"):
        assert word in done.stdout.lower()


def test_worst_lists_cells_with_their_baseline(network: Path) -> None:
    kpis = ("rrc_reestablishment_share", "ul_interference_per_prb", "prb_utilisation", "mr_coverage_ratio")
    kpis += ("erab_drop_ratio_qci1_cell", "erab_setup_success_ratio_qci1", "pdcp_discard_ratio_dl_qci1")
    lists = [callcause("worst", "--store", network / "store", "--kpi", kpi).stdout for kpi in kpis]
    assert all("baseline" in text for text in lists)
    assert any(re.search(r"\d{3}-\d{2}-\d+-\d+", text) for text in lists)


def test_worst_refuses_an_unknown_kpi_with_a_suggestion(network: Path) -> None:
    done = callcause("worst", "--store", network / "store", "--kpi", "prb_utilization", expect=2)
    assert "prb_utilisation" in done.stderr


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("diagnose", "--store", "no-such-store"), "no-such-store"),
        (("evaluate", "--truth", "no-truth.csv", "no-results.json"), "no-"),
    ],
)
def test_wrong_use_ends_with_two_and_names_the_file(words: tuple[str, ...], names: str) -> None:
    done = callcause(*words, expect=2)
    assert names in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_configuration_key_is_refused_with_a_suggestion(network: Path, tmp_path: Path) -> None:
    config = tmp_path / "callcause.toml"
    config.write_text("[ingest]\ncountry_cod = '86'\n", encoding="utf-8")
    done = callcause("diagnose", "--store", network / "store", "--config", config, expect=2)
    assert "ingest.country_cod" in done.stderr
    assert "country_code" in done.stderr


def test_the_runbooks_have_no_lint_findings_and_can_be_read() -> None:
    callcause("runbooks", "lint")
    assert "DRP-08" in callcause("runbooks", "list").stdout
    assert "漏配" in callcause("runbooks", "show", "DRP-08", "--language", "zh").stdout


def test_the_demo_never_removes_a_folder_that_is_no_demo(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    done = callcause("demo", "--folder", tmp_path, expect=2)
    assert str(tmp_path) in done.stderr
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep"
