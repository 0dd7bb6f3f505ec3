"""Live: a real IMS core, faults put into it, and `callcause serve` that has to name cause and node."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_core import wait_for
from lab_faults import BY_NAME, FAULTS
from lab_namespace import missing_parts
from lab_run import LabRun
from presence import absent

PATIENCE_S = 180.0
"""`make lab` holds the service to 30 s; here a machine that does much else at the time may take longer."""
NAMED = {
    "hep": {"call", "registration"},
    "prometheus": {"cx_sh_rx_timeout_ratio", "ims_dns_failure_ratio", "media_relay_failure_ratio"},
    "hss_log": {"registration.cx_code"},
}
"""What each source gives, of which a verdict without it must ask for something."""
SUBSET = [fault.name for fault in FAULTS if fault.subset]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabRun]:
    lacking = missing_parts()
    if lacking:
        absent(f"no live lab, the machine lacks: {lacking}")
    with LabRun(tmp_path_factory.mktemp("lab"), patience_s=PATIENCE_S) as run:
        yield run


def test_the_subset_holds_at_least_ten_faults() -> None:
    assert sum(BY_NAME[name].is_fault for name in SUBSET) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBSET)
def test_the_cause_and_the_guilty_node_of_a_fault_are_first(lab: LabRun, name: str) -> None:
    answer = lab.ask({"play": name})
    assert "error" not in answer, answer
    assert answer["right"], answer
    fault = BY_NAME[name]
    if fault.is_fault and "+" not in fault.truth:
        blind = answer["without"][fault.truth]
        assert blind["verdict"] == "cannot_tell", blind
        assert NAMED[fault.truth] & set(blind["missing"]), "it must name what the hidden source gives"


@pytest.mark.slow
def test_nothing_is_left_of_a_lab_that_was_stopped(tmp_path: Path) -> None:
    lacking = missing_parts()
    if lacking:
        absent(f"no live lab, the machine lacks: {lacking}")
    before = _namespaces()
    with LabRun(tmp_path / "run", service=False) as run:
        assert run.started["up_s"] > 0
        assert _namespaces() - before
    assert not _namespaces() - before


@pytest.mark.slow
def test_nothing_is_left_of_a_lab_that_was_killed(tmp_path: Path) -> None:
    lacking = missing_parts()
    if lacking:
        absent(f"no live lab, the machine lacks: {lacking}")
    run = LabRun(tmp_path / "run", service=False).__enter__()
    mine = _processes_below(run.root)
    assert mine
    run.kill()
    wait_for(lambda: not any(_is_alive(pid) for pid in mine), 120, "the whole lab ends")


def _namespaces() -> set[str]:
    """Network namespaces of all processes that can be seen."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(str(entry.readlink()))
        except OSError:
            continue
    return found


def _processes_below(root: Path) -> list[int]:
    """Processes that have the run's directory in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(root).encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except OSError:
        return False
    return state not in "ZX"
