"""How the bytes of a PM file are read: gzip, limits, recognition, times and numbers."""

from __future__ import annotations

import gzip
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pm_samples import plain_document, saved

from collectors.errors import BadFile
from collectors.pm import Limits, sniff, stream_blocks
from collectors.pm.period import duration_s, instant
from collectors.pm.read import PATIENCE_BYTES
from collectors.pm.scan import scan_blocks
from collectors.pm.source import utf8_chunks
from collectors.pm.value import read_number, read_result


def code_of(path: Path, limits: Limits | None = None) -> str:
    codes = set()
    for parse in (stream_blocks, scan_blocks):
        with pytest.raises(BadFile) as caught:
            list(parse(path, limits or Limits()))
        codes.add(caught.value.code)
    (code,) = codes
    return code


@given(st.data())
def test_a_gzip_file_cut_off_anywhere_is_truncated(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    packed = gzip.compress(plain_document().encode())
    path = tmp_path_factory.mktemp("cut") / "a.xml.gz"
    path.write_bytes(packed[: data.draw(st.integers(2, len(packed) - 1))])
    assert code_of(path) == "truncated"


def test_damaged_gzip_data_are_unreadable(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(plain_document().encode()))
    packed[-6] ^= 0xFF  # the check sum
    path = tmp_path / "a.gz"
    path.write_bytes(packed)
    assert code_of(path) == "unreadable"


def test_gzip_members_after_one_another_are_one_file(tmp_path: Path) -> None:
    octets = plain_document().encode()
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(octets[:200]) + gzip.compress(octets[200:]))
    assert b"".join(utf8_chunks(path)) == octets


def test_a_gzip_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    bomb = gzip.compress(
        plain_document().replace("</measData>", " " * (64 << 20) + "</measData>").encode(), 9
    )
    path = tmp_path / "a.gz"
    path.write_bytes(bomb)
    assert code_of(path) == "gzip_ratio"


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path: Path) -> None:
    assert code_of(tmp_path / "none.xml") == "unreadable"
    assert code_of(tmp_path) == "unreadable"


@pytest.mark.parametrize("encoding", ["klingon", "zlib", "hex", "undefined"])
def test_an_encoding_that_is_none_is_unreadable(tmp_path: Path, encoding: str) -> None:
    assert code_of(saved(tmp_path, plain_document().replace("UTF-8", encoding))) == "unreadable"


def test_bytes_that_are_not_of_the_declared_encoding_are_refused(tmp_path: Path) -> None:
    assert (
        code_of(saved(tmp_path, plain_document().replace("UTF-8", "gb2312").encode() + b"\xff\xff"))
        == "unreadable"
    )
    assert (
        code_of(saved(tmp_path, plain_document().encode().replace(b"Cell=1", b"\xff\xfe")))
        == "not_well_formed"
    )


@pytest.mark.parametrize(("head", "expected"), [
    (b"<?xml version='1.0'?><measCollecFile>", True), (b"  \n<measDataFile", True),
    (b"\xef\xbb\xbf<measDataFile", True),
    (b"<!DOCTYPE x>", True), (b"<!-- licence", True), ("<?xml".encode("utf-16"), True), (b"<other>", True),
    (gzip.compress(b"<measCollecFile/>" * 500, mtime=0)[:64], True),
    (b'{"a": 1}', False), (b"ecgi,tac\n1,2\n", False), (b"PAR1", False), (b"", False),
    (gzip.compress(b"a,b", mtime=0), False),
    (b"\x1f\x8bgarbage", False), (b"< 5", False),
])  # fmt: skip
def test_xml_is_recognised_by_its_first_bytes(head: bytes, expected: bool) -> None:
    assert sniff(head) is expected


@given(st.binary(max_size=200))
def test_recognition_survives_any_bytes(head: bytes) -> None:
    assert sniff(head) in (True, False)
    assert sniff(b"\x1f\x8b\x08" + head) in (True, False)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"<measCollecFile>" + tail))
def test_any_bytes_end_in_a_named_refusal(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    assert code_of(saved(tmp_path_factory.mktemp("fuzz"), octets))


LOADED = """
import sys
from pathlib import Path
from collectors.pm import read_blocks
for path in sys.argv[1:]:
    print(sum(block.values.size for block in read_blocks(Path(path))), "numba" in sys.modules)
"""


def loaded(*paths: Path) -> list[str]:
    """Values of each file, and whether the compiled scan was loaded by then."""
    done = subprocess.run([sys.executable, "-c", LOADED, *paths], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_small_files_do_not_wait_for_the_compiled_scan(tmp_path: Path) -> None:
    path = saved(tmp_path, plain_document())
    assert loaded(path, path) == ["4 False", "4 False"]


def test_large_files_and_all_after_them_are_read_by_the_compiled_scan(tmp_path: Path) -> None:
    small = saved(tmp_path, plain_document())
    large = tmp_path / "large.xml"
    large.write_text(plain_document().replace("</measData>", " " * PATIENCE_BYTES + "</measData>"))
    assert loaded(small, large, small) == ["4 False", "4 True", "4 True"]


# -- times and numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "seconds"), [
    ("PT900S", 900), ("PT15M", 900), ("PT1H", 3600), ("P1D", 86_400), ("P1DT1H1M1S", 90_061),
    (" PT5M ", 300), ("PT60.0S", 60),
])  # fmt: skip
def test_durations_are_read_in_whole_seconds(text: str, seconds: int) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "PT0S", "P1M", "P1Y", "900", "PT1.5S", "-PT900S", "PT900", "P400D", "PT٣S"]
)
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration_s(text)


@pytest.mark.parametrize(("text", "hour", "zoned"), [
    ("2024-03-11T09:15:00+08:00", 1, True), ("2024-03-11T01:15:00Z", 1, True),
    ("2024-03-11T01:15:00.000Z", 1, True),
    ("20240311T011500Z", 1, True), ("2024-03-11T01:15:00", 1, False), ("2024-03-10T20:15:00-0500", 1, True),
])  # fmt: skip
def test_moments_are_read_in_utc(text: str, hour: int, zoned: bool) -> None:
    assert instant(text) == (datetime(2024, 3, 11, hour, 15, tzinfo=UTC), zoned)


def test_twenty_four_hours_is_the_next_midnight() -> None:
    zone = timezone(timedelta(hours=8))
    assert instant("2024-02-28T24:00:00", zone)[0] == datetime(2024, 2, 29, tzinfo=zone)
    assert instant("2024-02-28T24:00:00+08:00")[0] == datetime(2024, 2, 29, tzinfo=zone)


@pytest.mark.parametrize(
    "text", ["", "BEGINTIME", "2024-03-11", "2024-W11", "2024-13-01T00:00:00Z", "9999-12-31T24:00:00Z", "T"]
)
def test_other_moments_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        instant(text)


@given(st.text(max_size=30))
def test_any_text_is_a_moment_a_duration_a_number_or_a_value_error(text: str) -> None:
    for read in (instant, duration_s, read_number, read_result):
        with suppress(ValueError):
            read(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_float_reads_them(number: float) -> None:
    assert read_number(repr(number)) == number
