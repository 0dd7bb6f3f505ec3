"""Real and other people's PM files: each ends in one counted state."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pm_samples import outcome

from collectors.pm import read_blocks, sniff, stream_blocks
from collectors.pm.block import same_block
from collectors.pm.counter_map import load_maps
from collectors.pm.counters import CounterRows, counter_rows
from collectors.pm.objects import no_inventory
from collectors.pm.scan import scan_blocks

WANTED = ("ERAB.EstabAddAttNbr.1", "ERAB.EstabAddSuccNbr.1", "RRC.ConnEstabAtt.sum",
          "RRU.CellUnavailableTime", "PDCP.PacketsUl.1", "S1SIG.ConnEstabAtt",
          "HO.InterEnbOutAtt.sum")  # fmt: skip


@pytest.fixture
def pm_files(third_party_data: Path) -> list[Path]:
    files = sorted(path for path in (third_party_data / "pm_xml").rglob("*") if path.is_file())
    assert files
    return files


@pytest.fixture
def real_node(third_party_data: Path) -> CounterRows:
    (path,) = (third_party_data / "pm_xml").rglob("*seliitdus00487.xml")
    maps = load_maps()
    return counter_rows(read_blocks(path), maps, no_inventory(maps), WANTED)


def state(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4096)
    if not sniff(head):
        return "not PM XML"
    result = outcome(lambda: read_blocks(path))
    return result.refusal[0] if result.refusal else "parsed"


def test_every_file_ends_in_one_state(pm_files: list[Path]) -> None:
    states = Counter((path.suffix if path.suffix != ".gz" else ".xml", state(path)) for path in pm_files)
    assert set(states) == {
        (".xml", "parsed"),
        (".xml", "bad_header"),
        (".json", "not PM XML"),
        (".txt", "not PM XML"),
    }
    assert sum(states.values()) == len(pm_files)


def test_templates_are_the_only_xml_files_that_are_refused(pm_files: list[Path]) -> None:
    refused = [path.name for path in pm_files if state(path) == "bad_header"]
    assert refused
    assert all("template" in name for name in refused)


def test_both_parsers_read_every_file_the_same(pm_files: list[Path]) -> None:
    for path in pm_files:
        slow, fast = outcome(lambda: stream_blocks(path)), outcome(lambda: scan_blocks(path))  # noqa: B023 - run at once
        assert slow.refusal == fast.refusal
        assert len(slow.blocks) == len(fast.blocks)
        assert all(map(same_block, slow.blocks, fast.blocks)), path


def test_packed_and_plain_copies_of_a_file_are_the_same(pm_files: list[Path]) -> None:
    pairs = [
        (path, path.with_name(path.name + ".gz"))
        for path in pm_files
        if path.with_name(path.name + ".gz") in pm_files
    ]
    assert pairs
    for plain, packed in pairs:
        left, right = list(read_blocks(plain)), list(read_blocks(packed))
        assert [(b.counters, b.objects) for b in left] == [(b.counters, b.objects) for b in right]


def test_the_cells_of_the_real_node_have_their_counters_from_all_its_jobs(real_node: CounterRows) -> None:
    cells = real_node.wide.filter(real_node.wide["entity"].str.contains("EUtranCellFDD"))
    assert cells.height == 2
    assert not any(cells.select(WANTED).null_count().row(0))
    assert cells["RRU.CellUnavailableTime"].to_list() == [900, 900]  # an idle laboratory node, locked by hand


def test_blank_suspect_results_of_the_real_node_are_counted_and_give_no_row(real_node: CounterRows) -> None:
    assert real_node.stats["suspect_values"] == 7
    assert not real_node.kept["suspect"].any()
    assert real_node.stats["blocks"] == 34
    assert len(real_node.unmapped_counts) > 500
