"""The fast scan and the streaming parser say the same, for whatever file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pm_samples import compact, document, info, keyed, odd_document, outcome, plain_document, saved

from collectors import compiled
from collectors.pm import Limits, scan
from collectors.pm.block import same_block
from collectors.pm.stream import stream_blocks

FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def assert_same(
    text: str | bytes, chunk: int = 1 << 20, block_values: int = 1 << 20, packed: bool = False
) -> None:
    """Both parsers give the same blocks bit for bit, or the same refusal at the same line."""
    limits = Limits(block_values=block_values)
    with tempfile.TemporaryDirectory() as folder, patch.object(scan, "_CHUNK", chunk):
        path = saved(Path(folder), text, packed)
        slow, fast = (
            outcome(lambda: stream_blocks(path, limits)),
            outcome(lambda: scan.scan_blocks(path, limits)),
        )
    assert fast.refusal == slow.refusal
    assert len(fast.blocks) == len(slow.blocks)
    for left, right in zip(slow.blocks, fast.blocks, strict=True):
        assert same_block(left, right), (left, right)


@FEW
@given(
    odd_document(), st.integers(1, 300) | st.just(1 << 20), st.sampled_from([1, 3, 8, 1 << 20]), st.booleans()
)
def test_odd_files_read_the_same_however_they_are_cut_into_chunks_and_blocks(
    text: str, chunk: int, block_values: int, packed: bool
) -> None:
    assert_same(text, chunk, block_values, packed)


@FEW
@given(odd_document(), st.data())
def test_a_file_cut_off_anywhere_is_refused_with_the_same_reason_and_line(
    text: str, data: st.DataObject
) -> None:
    octets = text.encode()
    cut = octets[: data.draw(st.integers(0, len(octets) - 1))]
    assert_same(cut, data.draw(st.sampled_from([5, 64, 1 << 20])))


@FEW
@given(odd_document(), st.data())
def test_a_file_with_damaged_bytes_reads_the_same(text: str, data: st.DataObject) -> None:
    octets = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    assert_same(bytes(octets), data.draw(st.sampled_from([16, 1 << 20])))


@FEW
@given(st.lists(st.text(st.sampled_from("0123456789.-+eE, "), max_size=24), min_size=1, max_size=8))
def test_every_spelling_of_a_number_becomes_the_same_bits(texts: list[str]) -> None:
    names = [f"c{at}" for at in range(len(texts))]
    assert_same(document(info(keyed(names, {"A=1": texts, "A=2": ["1"] * len(texts)}))))
    assert_same(document(info(compact(names, {"A=1": [text.replace(" ", "") or "NIL" for text in texts]}))))


@FEW
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_decimals_are_rounded_as_float_rounds_them(numbers: list[float]) -> None:
    texts = [text for number in numbers for text in (f"{number:.15g}", f"{number:.3f}", repr(number))]
    assert_same(document(info(keyed([f"c{at}" for at in range(len(texts))], {"A=1": texts}))))


@pytest.mark.parametrize(
    "number", ["9007199254740993", "-9007199254740993", "999999999999999999", "0.30000000000000004"]
)
def test_whole_numbers_beyond_53_bits_are_rounded_once(tmp_path: Path, number: str) -> None:
    path = saved(tmp_path, document(info(keyed(["c"], {"A=1": [number]}))))
    (block,) = scan.scan_blocks(path)
    assert block.values[0, 0] == float(number)


def test_the_scan_reads_regular_rows_without_expat(tmp_path: Path) -> None:
    rows = {f"Cell={at}": [str(at), "2.5"] for at in range(1000)}
    path = saved(tmp_path, document(info(keyed(["a", "b"], rows))))
    with patch("collectors.pm.stream.BlockReader._start_row", side_effect=AssertionError("expat saw a row")):
        (block,) = scan.scan_blocks(path)
    assert block.values[:, 0].tolist() == list(range(1000))


def test_one_odd_row_costs_only_itself(tmp_path: Path) -> None:
    text = document(info(keyed(["a"], {f"Cell={at}": [str(at)] for at in range(100)}))).replace(
        '"Cell=50"', '"Cell=50" vs="1"'
    )
    seen = []
    path = saved(tmp_path, text)
    from collectors.pm.block_reader import BlockReader

    original = BlockReader._start_row
    with patch.object(
        BlockReader, "_start_row", lambda self, a: (seen.append(a["measObjLdn"]), original(self, a))[1]
    ):
        from collectors.pm import block_reader

        with patch.dict(block_reader._ON_START, {"measValue": BlockReader._start_row}):
            (block,) = scan.scan_blocks(path)
    assert seen == ["Cell=50"]
    assert block.values[:, 0].tolist() == list(range(100))


def test_functions_are_compiled_without_a_cache_where_there_is_no_place_for_one() -> None:
    def no_place(**options: object) -> object:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    with patch.object(compiled, "njit", no_place):
        assert compiled.compiled()(len) is len


def test_a_comment_that_holds_rows_is_no_row() -> None:
    hidden = '<!-- <measValue measObjLdn="x"><r p="1">1</r></measValue> -->'
    text = plain_document().replace("<measValue", hidden + "<measValue", 1)
    assert_same(text)
    assert_same(plain_document().replace("</measData>", hidden + "</measData>"))


def test_lines_of_errors_count_what_the_scan_passed_over(tmp_path: Path) -> None:
    rows = {f"Cell={at}": ["1", "2"] for at in range(500)}
    text = document(info(keyed(["a", "b"], rows)), "</oops>")
    assert_same(text)
    assert outcome(lambda: scan.scan_blocks(saved(tmp_path, text))).refusal[1] > 500


def test_the_element_that_probes_the_parser_is_ordinary_in_a_file() -> None:
    assert_same(plain_document().replace("<measValue", "<callcause-probe/><measValue", 1))
    assert_same(
        plain_document().replace("<measValue", "<callcause-probe><a/></callcause-probe><measValue", 1)
    )
