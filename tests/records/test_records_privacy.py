"""Canaries: numbers that stand in every identity field and free text, and must not come out anywhere."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from record_samples import KINDS, example_row, load, write_csv

from collectors.errors import BadFile
from collectors.records import LoadedRecords
from collectors.records.schema import RecordField, load_schemas


def canary(kind: str, position: int) -> str:
    """Eleven digits that no example and no other field has."""
    return f"1{7 + KINDS.index(kind) % 3}9{KINDS.index(kind):02d}{position:03d}731"


def canary_text(field: RecordField, digits: str) -> str:
    """The canary in the form that the field takes."""
    match field.identity:
        case "imsi":
            return "4600" + digits
        case "impi":
            return f"4600{digits}@ims.mnc000.mcc460.3gppnetwork.org"
        case "impu":
            return f"sip:+86{digits}@ims.mnc000.mcc460.3gppnetwork.org"
        case "imei":
            return "351" + digits
        case "customer":
            return f"CU-{digits}"
        case "msisdn":
            return "+86" + digits
    if field.type == "list_object":
        return f'[{{"protocol": "SIP", "cause": 503, "text": "callee {digits} gone"}}]'
    return f"请回电{digits} or sip:{digits}@example.net or {digits[:3]} {digits[3:7]} {digits[7:]}"


def with_canaries(kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """A row with a canary in every identity and free text, and the canaries by field."""
    row, canaries = example_row(kind), {}
    for position, field in enumerate(load_schemas()[kind].fields):
        if field.identity or field.free_text:
            canaries[field.name] = canary(kind, position)
            row[field.name] = canary_text(field, canaries[field.name])
    return row, canaries


def texts(frame: pl.DataFrame) -> Iterator[str]:
    for row in frame.rows():
        yield from (str(value) for value in row)


def everything_said(loaded: LoadedRecords, caplog: pytest.LogCaptureFixture) -> str:
    said = [
        *texts(loaded.good),
        *texts(loaded.bad),
        str(loaded),
        repr(loaded),
        str(loaded.counts),
        caplog.text,
    ]
    return re.sub(r"[\s.()-]", "", "\n".join(said))


@pytest.mark.parametrize("kind", KINDS)
def test_no_identity_comes_out_of_a_good_row(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    row, canaries = with_canaries(kind)
    loaded = load(write_csv(tmp_path / "t", [row]))
    assert loaded.counts["stored"] == 1, loaded.bad
    said = everything_said(loaded, caplog)
    assert [name for name, digits in canaries.items() if digits in said] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_identity_comes_out_of_a_bad_row(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    row, canaries = with_canaries(kind)
    field = next(
        field
        for field in load_schemas()[kind].fields
        if field.type in ("datetime", "integer", "enum", "boolean")
    )
    rows = [row | {field.name: "wrong"}]
    rows += [row | {name: "bad " + row[name]} for name in canaries]
    loaded = load(write_csv(tmp_path / "t", rows))
    assert loaded.counts["bad_rows"] >= 1
    said = everything_said(loaded, caplog)
    assert [name for name, digits in canaries.items() if digits in said] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_identity_comes_out_when_it_stands_in_another_column(kind: str, tmp_path: Path) -> None:
    """A row that slipped by a column: identities land where numbers, times or words are expected."""
    checked = [
        f
        for f in load_schemas()[kind].fields
        if f.type in ("datetime", "integer", "float", "enum", "boolean")
    ]
    rows = []
    for field in checked:
        for value in ("+8617945454731", "sip:+8617945454731@x.org", "460017945454731", "cust 179-4545-4731"):
            rows.append(example_row(kind) | {field.name: value})
    loaded = load(write_csv(tmp_path / "t", rows))
    said = re.sub(r"[^0-9]", "", "".join(texts(loaded.bad)))
    assert (
        loaded.counts["bad_rows"]
        == sum(1 for row in rows for _ in [row]) - loaded.counts["stored"] - loaded.counts["duplicates"]
    )
    assert "17945454731" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_no_identity_comes_out_of_a_refused_file(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    row, canaries = with_canaries(kind)
    path = write_csv(tmp_path / "t", [row, row])
    whole = path.read_bytes()
    header, _, body = whole.partition(b"\n")
    damaged = {
        "no header": body,
        "nul": whole + b"\0",
        "encoding": whole.replace("请回电".encode(), b"\xff") + b"\xff",
        "cut": whole[: len(whole) - 9],
        "quote": whole.replace(b"\n", b'\n"', 1),
        "ragged": header + b"\n" + body.replace(b"\r\n", b",x,y\r\n"),
    }
    for name, content in damaged.items():
        path.write_bytes(content)
        try:
            said = everything_said(load(path), caplog)
        except BadFile as error:
            said = re.sub(r"[\s.()-]", "", f"{error} {error!r} {error.__dict__} {caplog.text}")
        assert [field for field, digits in canaries.items() if digits in said] == [], name


@pytest.mark.parametrize("kind", KINDS)
def test_no_identity_comes_out_of_parquet(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row, canaries = with_canaries(kind)
    pl.DataFrame([row, row | {next(iter(row)): ""}]).write_parquet(tmp_path / "t")
    said = everything_said(load(tmp_path / "t"), caplog)
    assert [name for name, digits in canaries.items() if digits in said] == []


def test_the_canaries_reach_every_identity_and_free_text() -> None:
    marked = sum(1 for kind in KINDS for f in load_schemas()[kind].fields if f.identity or f.free_text)
    found = [digits for kind in KINDS for digits in with_canaries(kind)[1].values()]
    assert len(set(found)) == marked >= 25
