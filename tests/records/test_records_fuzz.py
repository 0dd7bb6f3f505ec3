"""Whatever bytes come in, only BadFile may come out."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import KINDS, example_row, load, write_csv

from collectors.errors import BadFile
from collectors.records.schema import load_schemas

NASTY = [
    b"\0",
    b'"',
    b"\n",
    b",",
    b"\r",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\x1f\x8b",
    b"[",
    b"{",
    b"9" * 400,
    b"-",
    b"e999",
]


def outcome(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t")
        path.write_bytes(content)
        try:
            loaded = load(path)
        except BadFile as error:
            refusal = error
            loaded = None
    if loaded is None:
        assert refusal.code
        assert refusal.file == str(path)
        return
    counts = loaded.counts
    assert counts["rows"] == counts["stored"] + counts["duplicates"] + counts["bad_rows"]
    assert dict(loaded.good.schema) == load_schemas()[loaded.kind].polars_schema()


def mutated(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        action = rng.randrange(4)
        if action == 0:
            data[at:at] = rng.choice(NASTY)
        elif action == 1:
            del data[at : at + rng.randint(1, 20)]
        elif action == 2 and at < len(data):
            data[at] = rng.randrange(256)
        else:
            data[at:at] = data[max(0, at - 30) : at]
    return bytes(data)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(content: bytes) -> None:
    outcome(content)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([b"PAR1", b"\x1f\x8b\x08", b"\xef\xbb\xbf", b"ecgi,tac\n"]), st.binary(max_size=200))
def test_random_bytes_after_a_known_beginning_are_read_or_refused(start: bytes, content: bytes) -> None:
    outcome(start + content)
    outcome(start + content + start)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_csv_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    rows = [example_row(kind) for _ in range(4)]
    whole = write_csv(tmp_path / "t", rows).read_bytes()
    rng = random.Random(kind)
    for _ in range(25):
        outcome(mutated(whole, rng))


@pytest.mark.parametrize("kind", ["ticket", "call", "node"])
def test_damaged_parquet_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    pl.DataFrame([example_row(kind)] * 3).write_parquet(tmp_path / "t")
    whole = (tmp_path / "t").read_bytes()
    rng = random.Random(kind)
    for _ in range(25):
        outcome(mutated(whole, rng))


@pytest.mark.parametrize(
    "values",
    [
        [b"\xff\xfe", b"2"],
        [{"a": 1}, {"a": 2}],
        [[["x"]], [["y"]]],
        [1.5, float("nan")],
        [None, None],
    ],
)
def test_parquet_columns_of_odd_types_are_read_or_refused(values: list[object], tmp_path: Path) -> None:
    for field in load_schemas()["cell"].fields[:8]:
        frame = pl.DataFrame([example_row("cell")] * 2).with_columns(
            pl.Series(field.name, values, strict=False)
        )
        frame.write_parquet(tmp_path / "t")
        outcome((tmp_path / "t").read_bytes())
