"""The log of an HSS: lines, whole files, and a file that goes on being written."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.diameter.follower import HssLogFollower, HssLogSettings
from collectors.diameter.hss_log import HssLog, is_hss_log
from collectors.diameter.hss_log_file import read_hss_log
from collectors.errors import BadFile
from collectors.ingest import ingest
from collectors.records import Pseudonymiser, load_key
from collectors.registry import sources
from collectors.sink import SinkSettings, StoreSink
from collectors.store import FileState, Store

IMPI = "460001234567890@ims.example.net"
WHOLE = {
    "time": "2026-03-11T09:15:02.100+08:00",
    "interface": "Cx",
    "command": "MAR",
    "origin": "scscf1.ims.example",
    "server": "hss1.ims.example",
    "impi": IMPI,
    "session_id": "scscf1;1;7",
    "result": 3004,
    "latency_ms": 8.1,
}


def line(**changes: object) -> bytes:
    return json.dumps({k: v for k, v in {**WHOLE, **changes}.items() if v is not ...}).encode() + b"\n"


def rows_of(*lines: bytes) -> list[dict[str, object]]:
    log = HssLog()
    for number, text in enumerate(lines, 1):
        log.take(text, number)
    assert log.bad == []
    return log.rows().to_dicts()


def test_a_line_is_a_whole_transaction() -> None:
    (row,) = rows_of(line())
    assert row["at"] == datetime(2026, 3, 11, 1, 15, 2, 100_000, tzinfo=UTC)
    assert (row["interface"], row["command"], row["vendor"], row["code"]) == ("Cx", "MAR", 0, 3004)
    assert (row["client_node"], row["server_node"]) == ("scscf1.ims.example", "hss1.ims.example")
    assert (row["answered"], row["answered_after"], row["source"]) == (True, 0.0081, "hss_log")


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"result": ..., "experimental_result": 5001}, (10415, 5001)),
        ({"result": ..., "experimental_result": {"vendor": 10415, "code": 5003}}, (10415, 5003)),
        ({"result": {"vendor": 0, "code": 5012}}, (0, 5012)),
        ({"result": 2001, "vendor": 10415}, (10415, 2001)),
        ({"result": "2001"}, (0, 2001)),
        ({"result": ..., "code": 5004, "vendor": 10415}, (10415, 5004)),
        ({"result": 2001, "experimental_result": None}, (0, 2001)),
    ],
)
def test_results_are_keyed_by_vendor_and_code_in_every_spelling(
    changes: dict[str, object], result: tuple[int, int]
) -> None:
    (row,) = rows_of(line(**changes))
    assert (row["vendor"], row["code"]) == result


def test_a_transaction_without_a_result_was_not_answered() -> None:
    (row,) = rows_of(line(result=...))
    assert (row["answered"], row["code"], row["vendor"], row["answered_after"]) == (False, None, None, None)


def test_two_lines_of_one_transaction_make_one_row() -> None:
    (row,) = rows_of(
        line(type="request", result=..., latency_ms=...),
        line(type="answer", command="MAA", origin="hss1.ims.example", time="2026-03-11T09:15:02.150+08:00"),
    )
    assert (row["command"], row["code"], row["answered"]) == ("MAR", 3004, True)
    assert row["answered_after"] == pytest.approx(0.05)
    assert (row["client_node"], row["server_node"]) == ("scscf1.ims.example", "hss1.ims.example")


def test_the_interface_of_a_cx_command_need_not_be_told_and_times_may_be_seconds() -> None:
    rows = rows_of(line(interface=..., time=..., timestamp=1773191702.1), line(interface=..., command="ULR"))
    assert [row["interface"] for row in rows] == ["Cx", "other"]
    assert rows[0]["at"] == datetime(2026, 3, 11, 1, 15, 2, 100_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"{", ""),
        (b"[]", ""),
        (line(time=...), "time"),
        (line(time="2026-03-11T09:15:02"), "time"),
        (line(time=1e99), "time"),
        (line(command=...), "command"),
        (line(command="XYZ"), "command"),
        (line(interface="Qx"), "interface"),
        (line(result="many"), "result"),
        (line(result=True), "result"),
        (line(latency_ms=-1), "latency_ms"),
        (line(impi={"a": 1}), "impi"),
        (line(type="both"), "type"),
        (line(type="request", session_id=...), "session_id"),
        (b'{"a": "' + b"x" * 70_000 + b'"}', ""),
        (b"[" * 60_000, ""),
    ],
)
def test_a_bad_line_is_told_by_number_and_field_and_never_by_its_content(text: bytes, field: str) -> None:
    log = HssLog()
    log.take(line(), 1)
    log.take(text, 2)
    (bad,) = log.bad
    assert (bad["line"], bad["field"], bad["value"]) == (2, field, "")
    assert log.all_counts()["bad"] == 1
    assert log.rows().height == 1


KEYS = st.sampled_from([*WHOLE, "type", "experimental_result", "hop_by_hop", "vendor", "code"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from(["MAR", "MAA", "request", "answer", "Cx", "2026-03-11T09:15:02Z"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@given(lines=st.lists(st.dictionaries(KEYS, VALUES, max_size=6) | st.binary(max_size=30), max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_line_ends_in_one_counted_state_and_nothing_escapes(
    lines: list[dict[str, object] | bytes],
) -> None:
    log = HssLog()
    for number, content in enumerate(lines, 1):
        log.take(content if isinstance(content, bytes) else line(**content), number)
    log.rows()
    assert sum(log.counts.values()) == len(lines)


# --- files


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_log_file_is_ingested_without_identities_and_its_bad_line_is_quarantined(
    tmp_path: Path, packed: bool
) -> None:
    content = line() + b"{broken\n" + line(command="UAR", session_id="x", result=2001) + b"\n"
    path = tmp_path / "hss.jsonl"
    path.write_bytes(gzip.compress(content) if packed else content)
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [path])
        stored = store.records("diameter_answer").sort("command").collect()
    assert report.states == {FileState.STORED_WITH_BAD_ROWS: 1}
    assert [(bad.line, bad.reason) for bad in report.bad_rows] == [(2, "must be a JSON object")]
    assert stored["command"].to_list() == ["MAR", "UAR"]
    assert stored["impi"].str.starts_with("impi_").all()
    assert IMPI[:15] not in str(stored.to_dicts())


def test_a_log_that_is_ingested_twice_is_known(tmp_path: Path) -> None:
    (path := tmp_path / "hss.jsonl").write_bytes(line())
    with Store.open(tmp_path / "store") as store:
        ingest(store, [path])
        assert ingest(store, [path]).states == {FileState.KNOWN: 1}
        assert store.records("diameter_answer").collect().height == 1


def test_a_file_of_bad_lines_only_is_quarantined_with_the_first_of_them(tmp_path: Path) -> None:
    (path := tmp_path / "hss.jsonl").write_bytes(line(command="XYZ") + line(time="never"))
    with pytest.raises(BadFile) as caught:
        read_hss_log(path)
    assert (caught.value.code, caught.value.line, caught.value.key) == ("not_recognised", 1, "command")


def test_a_cut_gzip_file_is_quarantined(tmp_path: Path) -> None:
    (path := tmp_path / "hss.jsonl").write_bytes(gzip.compress(line() * 50)[:-12])
    with pytest.raises(BadFile) as caught:
        read_hss_log(path)
    assert caught.value.code == "truncated"


def test_only_transactions_are_taken_for_an_hss_log() -> None:
    assert is_hss_log(b"\xef\xbb\xbf" + line())
    assert not is_hss_log(b'{"a": 1}\n')
    assert not is_hss_log(b"")
    assert not is_hss_log(b'[{"time": 1, "command": "MAR"}]')


# --- following


class Following:
    """A follower on a file, its sink, and a way to wait for rows."""

    def __init__(self, sink: StoreSink, follower: HssLogFollower) -> None:
        self.sink, self.follower = sink, follower

    async def rows(self, at_least: int) -> int:
        async with asyncio.timeout(20):
            while True:
                await self.sink.flush()
                count = await self.sink.read(lambda s: s.records("diameter_answer").collect().height)
                if count >= at_least:
                    return count
                await asyncio.sleep(0.01)


def follow(folder: Path, script: Callable[[Following, Path], object], **options: object) -> HssLogFollower:
    path = folder / "hss.jsonl"
    follower = HssLogFollower(HssLogSettings(name="hss1", path=path, poll_s=0.01, **options))

    async def run() -> None:
        sink = StoreSink(folder / "store", Pseudonymiser(load_key()), SinkSettings(flush_s=3600))
        await sink.open()
        stopping = asyncio.Event()
        task = asyncio.create_task(follower.listen(sink, stopping))
        try:
            await follower.listening.wait()
            await script(Following(sink, follower), path)
        finally:
            stopping.set()
            await task
            await sink.close()

    asyncio.run(run())
    return follower


def numbered(number: int) -> bytes:
    return line(session_id=f"s;{number}")


def test_lines_that_are_appended_become_rows(tmp_path: Path) -> None:
    async def script(following: Following, path: Path) -> None:
        path.write_bytes(numbered(1))  # the file comes after the follower
        await following.rows(1)
        with path.open("ab") as file:
            file.write(numbered(2) + numbered(3)[:20])
            file.flush()
            await following.rows(2)
            file.write(numbered(3)[20:])
        assert await following.rows(3) == 3

    assert follow(tmp_path, script).counts["transaction"] == 3


def test_a_rotated_log_is_followed_without_loss(tmp_path: Path) -> None:
    async def script(following: Following, path: Path) -> None:
        held = path.open("ab")
        held.write(numbered(1))
        held.flush()
        await following.rows(1)
        path.rename(path.with_suffix(".1"))
        held.write(numbered(2))  # the writer still holds the old file
        held.close()
        path.write_bytes(numbered(3))
        assert await following.rows(3) == 3

    follow(tmp_path, script)


def test_a_log_that_is_truncated_in_place_is_followed_from_its_start(tmp_path: Path) -> None:
    async def script(following: Following, path: Path) -> None:
        path.write_bytes(numbered(1) + numbered(2) + numbered(3))
        await following.rows(3)
        path.write_bytes(numbered(4))
        assert await following.rows(4) == 4

    follow(tmp_path, script)


def test_what_was_written_before_the_start_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "hss.jsonl").write_bytes(numbered(1) + numbered(2))

    async def script(following: Following, path: Path) -> None:
        async with asyncio.timeout(20):
            while not following.follower.counts:
                await asyncio.sleep(0.01)
        with path.open("ab") as file:
            file.write(numbered(3))
        assert await following.rows(1) == 1

    assert follow(tmp_path, script, from_start=False).counts["transaction"] == 1


def test_a_restart_reads_again_and_stores_nothing_twice(tmp_path: Path) -> None:
    async def script(following: Following, path: Path) -> None:
        if not path.exists():
            path.write_bytes(numbered(1) + numbered(2))
        assert await following.rows(2) == 2

    follow(tmp_path, script)
    follow(tmp_path, script)
    with Store.open(tmp_path / "store") as store:
        assert store.records("diameter_answer").collect().height == 2


def test_a_last_line_without_an_end_is_taken_when_the_follower_stops(tmp_path: Path) -> None:
    async def script(following: Following, path: Path) -> None:
        path.write_bytes(numbered(1) + numbered(2).rstrip())
        await following.rows(1)

    assert follow(tmp_path, script).counts["transaction"] == 2


def test_bad_and_endless_lines_are_counted_and_the_next_ones_read(tmp_path: Path) -> None:
    async def script(following: Following, path: Path) -> None:
        path.write_bytes(b"{broken\n" + b"x" * 200_000 + b"\n" + numbered(1))
        await following.rows(1)

    counts = follow(tmp_path, script).counts
    assert counts["transaction"] == 1
    assert counts["bad"] == 2


def test_the_follower_stands_in_the_list_of_sources() -> None:
    assert sources()["hss_log"] is HssLogFollower
    assert isinstance(HssLog().rows(), pl.DataFrame)
