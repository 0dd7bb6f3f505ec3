"""CSV as files in the field have it: line numbers stay right, one bad line costs one line."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import BadFile
from collectors.records.csv_scan import MAX_RECORD_BYTES, scan_records
from collectors.records.csv_source import CsvSource, parse_exactly, parse_fast


def read(
    content: bytes, *, piece_bytes: int = 1 << 20
) -> tuple[list[tuple[object, ...]], list[tuple[int, str]]]:
    """Rows with their line at the end, and refused lines with their reason."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_bytes(content)
        batches = list(CsvSource(path, piece_bytes=piece_bytes).batches())
    rows = [tuple(value or None for value in row) for batch in batches for row in batch.frame.rows()]
    bad = [(line, reason) for batch in batches for line, reason in batch.bad.select("line", "reason").rows()]
    return rows, bad


def test_quoted_newlines_do_not_shift_the_line_numbers() -> None:
    rows, bad = read(b'a,b\n1,"x\ny\nz"\n2,"q""q"\n')
    assert rows == [("1", "x\ny\nz", 2), ("2", 'q"q', 5)]
    assert bad == []


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    rows, _ = read(b'\xef\xbb\xbfa,b\r\n1,"x"\r\n\r\n2,y')
    assert rows == [("1", "x", 2), ("2", "y", 4)]


def test_ragged_rows_are_refused_with_their_line_and_the_rest_stays() -> None:
    rows, bad = read(b"a,b,c\n1,2,3\n1,2\n1,2,3,4\n5,6,7\n")
    assert [row[-1] for row in rows] == [2, 5]
    assert bad == [(3, "expected 3 fields, found 2"), (4, "expected 3 fields, found 4")]


def test_a_stray_quote_costs_its_line_only() -> None:
    rows, bad = read(b'a,b\n1,5" phone\n2,y\n3,"ok, fine"\n"4,y\n5,z\n')
    assert [row[0] for row in rows] == ["2", "3", "5"]
    assert [line for line, _ in bad] == [2, 5]


def test_an_unclosed_quote_at_the_end_costs_its_line_only() -> None:
    rows, bad = read(b'a,b\n1,x\n2,"y\n')
    assert [row[0] for row in rows] == ["1"]
    assert [line for line, _ in bad] == [3]


def test_an_unclosed_quote_before_megabytes_of_rows_costs_its_line_only() -> None:
    many = b"".join(b"%d,yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n" % n for n in range(60_000))
    assert len(many) > 2 * MAX_RECORD_BYTES
    rows, bad = read(b'a,b\n"x,y\n' + many, piece_bytes=1 << 19)
    assert len(rows) == 60_000
    assert [line for line, _ in bad] == [2]


def test_empty_lines_are_no_rows() -> None:
    rows, bad = read(b"\n\na,b\n\n1,2\n\n")
    assert rows == [("1", "2", 5)]
    assert bad == []


def test_a_header_alone_is_a_table_of_no_rows() -> None:
    assert read(b"a,b\n") == ([], [])
    assert read(b"a,b") == ([], [])


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"\n \n", "empty_file", None),
        (b"a,b\n1,2\n3,\x004\n", "nul_byte", 3),
        (b"a,b\n1,2\n3,\xff\n", "bad_encoding", 3),
        ("a,b\n1,掉线\n".encode("gb18030"), "bad_encoding", 2),
        ("a,b\n1,2\n".encode("utf-16"), "nul_byte", 1),
        (gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-20], "damaged_gzip", None),
        (b"\x1f\x8b" + b"rubbish" * 10, "damaged_gzip", None),
        (b"x" * (2 * MAX_RECORD_BYTES), "wrong_columns", 1),
    ],
)
def test_a_file_that_is_no_text_table_is_refused_with_code_and_line(
    content: bytes, code: str, line: int | None
) -> None:
    with pytest.raises(BadFile) as caught:
        read(content, piece_bytes=1 << 16)
    assert (caught.value.code, caught.value.line) == (code, line)
    assert caught.value.file


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        CsvSource(tmp_path / "none.csv")
    assert caught.value.code == "unreadable"


def test_gzip_is_read_like_plain_text() -> None:
    content = b'a,b\n1,"x\ny"\n2\n3,z\n'
    assert read(gzip.compress(content)) == read(content)


def test_a_gzip_bomb_is_refused() -> None:
    line = b"1," + b"0" * 1_000_000 + b"\n"
    with pytest.raises(BadFile) as caught:
        read(gzip.compress(b"a,b\n" + line * 100))
    assert caught.value.code == "gzip_ratio"


FIELD = st.text(st.sampled_from('ab1 ;"\n,é掉'), max_size=6)
TABLE = st.lists(st.lists(FIELD, min_size=3, max_size=3), max_size=12)


def written(rows: list[list[str]], end: str = "\n") -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows([["a", "b", "c"], *rows])
    return text.getvalue().encode()


@settings(max_examples=150, deadline=None)
@given(TABLE, st.integers(1, 40))
def test_what_a_csv_writer_writes_is_read_back_whatever_the_piece_size(
    rows: list[list[str]], size: int
) -> None:
    found, bad = read(written(rows), piece_bytes=size)
    assert bad == []
    assert [row[:3] for row in found] == [tuple(value or None for value in row) for row in rows]


@settings(max_examples=100, deadline=None)
@given(TABLE)
def test_line_numbers_are_those_of_the_text(rows: list[list[str]]) -> None:
    found, _ = read(written(rows))
    line, expected = 2, []
    for row in rows:
        expected.append(line)
        line += 1 + sum(value.count("\n") for value in row)
    assert [row[-1] for row in found] == expected


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('a1,"\n\r;'), max_size=60), st.integers(1, 30))
def test_every_line_of_any_text_ends_as_a_row_or_a_refusal(body: str, size: int) -> None:
    content = ("a,b\n" + body).encode()
    rows, bad = read(content)
    assert read(content, piece_bytes=size) == (rows, bad)
    starts = [row[-1] for row in rows] + [line for line, _ in bad]
    assert len(starts) == len(set(starts))
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    unseen = [n for n, text in enumerate(lines, 1) if text and n > 1 and n not in starts]
    spans = {
        n for row in rows for n in range(row[-1], row[-1] + sum(str(v).count("\n") for v in row[:2] if v) + 1)
    }
    assert set(unseen) <= spans


@settings(max_examples=80, deadline=None)
@given(TABLE)
def test_the_fast_and_the_exact_parser_give_the_same_rows(rows: list[list[str]]) -> None:
    content = written(rows).split(b"\n", 1)[1]
    schema = dict.fromkeys("abc", pl.String())
    scan = scan_records(content, 3, final=True)
    fast = parse_fast(scan.rows, schema)
    if fast is not None and fast.height:
        blank = [pl.when(pl.col(name) != "").then(pl.col(name)) for name in "abc"]
        assert fast.select(blank).equals(parse_exactly(scan.rows, schema))
