"""An erased subscriber is in no file of the store, does not come back unseen, and nobody else is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from store_rows import record, source

from collectors.ingest import ingest
from collectors.records import Pseudonymiser, load_key
from collectors.store import Batch, FileState, Store
from collectors.store.batch import ERASED_ROWS, file_entry, marked, write_pending
from collectors.store.erasure import AGE

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
GONE, IMSI, IMPI, IMPU = "num_gone", "imsi_gone", "impi_gone", "impu_gone"
STAYS, OTHER_IMSI = "num_stays", "imsi_stays"


def rows(at: datetime = AT) -> dict[str, pl.DataFrame]:
    """Rows of one who goes and of one who stays, in every kind that has identities."""
    return {
        "subscriber": record(
            "subscriber", msisdn=[GONE, STAYS], imsi=[IMSI, OTHER_IMSI], impu=[[IMPU], ["impu_stays"]]
        ),
        "registration": record(
            "registration", id=["R1", "R2"], started_at=[at, at], imsi=[IMSI, OTHER_IMSI],
            impi=[IMPI, "impi_stays"], impu=[IMPU, "impu_stays"], msisdn=[GONE, STAYS],
        ),
        "diameter_answer": record("diameter_answer", id=["D1"], at=[at], impi=[IMPI]),
        "call": record(
            "call", id=["C1", "C2", "C3"], leg=["mo", "mt", "mo"], started_at=[at] * 3,
            calling_number=[GONE, STAYS, STAYS], called_number=[STAYS, GONE, "num_third"],
            imsi=[IMSI, IMSI, OTHER_IMSI], rsrp_last=[-101.0, -102.0, -103.0],
        ),
        "ticket": record(
            "ticket", id=["T1", "T2"], received_at=[at, at], msisdn=[GONE, STAYS],
            customer_id=["cust_g", "cust_s"], other_party_number=[STAYS, GONE], imei=["imei_1", "imei_2"],
        ),
        "cell": record("cell", ecgi=["460-00-1-1"]),
    }  # fmt: skip


def fill(store: Store, name: str = "a", at: datetime = AT) -> None:
    store.add(source(name), rows(at))
    store.refresh()


def everything(root: Path) -> str:
    """All text of all data files, whether they are live or not."""
    return "".join(str(pl.read_parquet(path).to_dicts()) for path in sorted(root.rglob("*.parquet")))


def test_the_person_is_in_no_file_and_all_others_stay(tmp_path: Path, tier: str) -> None:
    with Store.open(tmp_path) as store:
        fill(store)
        done, found = store.erase([GONE])
        text = everything(tmp_path)
        assert [name for name in (GONE, IMSI, IMPI, IMPU, "cust_g", "imei_1") if name in text] == []
        assert found == {GONE, IMSI, IMPI, IMPU}
        assert done.removed == {"subscriber": 1}
        assert done.rows == {"registration": 1, "diameter_answer": 1, "call": 2, "ticket": 2}
        calls = store.records("call").sort("id").collect()
        assert calls["called_number"].to_list() == [STAYS, None, "num_third"]
        assert calls["imsi"].to_list() == [None, None, OTHER_IMSI]
        assert calls["rsrp_last"].to_list() == [-101.0, -102.0, -103.0], "what the network did stays"
        tickets = store.records("ticket").sort("id").collect()
        assert tickets["customer_id"].to_list() == [None, "cust_s"]
        assert store.records("subscriber").collect()["imsi"].to_list() == [OTHER_IMSI]


def test_a_second_erasure_of_the_same_person_changes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        fill(store)
        store.erase([GONE])
        before = store.version(*rows())
        again, _ = store.erase([GONE])
        assert (again.files, store.version(*rows())) == (0, before)


def test_old_rows_that_come_again_are_stored_without_the_person_and_counted(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        fill(store)
        store.erase([GONE])
        assert store.add(source("a"), rows()) is FileState.KNOWN
        frames = rows()
        made = Batch(entries=[(file_entry(source("b"), frames, None), None)])
        made.files = [
            write_pending(store.aside, kind, marked(frame, source("b"), kind))
            for kind, frame in frames.items()
        ]
        assert store.commit(made)[source("b").hash] is FileState.STORED
        assert made.entries[0][0].counts[ERASED_ROWS] == 7
        assert GONE not in everything(tmp_path)
        later = datetime.now(UTC) + timedelta(hours=1)
        call = rows(later)["call"].with_columns(id=pl.col("id") + "-later")
        store.add(source("c"), {"call": call})
        assert GONE in everything(tmp_path), "who is a customer again is one again"


def test_an_ingest_says_how_many_rows_of_erased_subscribers_came(tmp_path: Path) -> None:
    number, pseudonymiser = "8613800000001", Pseudonymiser(load_key())
    head = "msisdn,imsi,volte_subscribed\n"
    for name, more in (("one.csv", ""), ("two.csv", "8613800000002,460001234567892,true\n")):
        (tmp_path / name).write_text(f"{head}{number},460001234567891,true\n{more}")
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [tmp_path / "one.csv"])
        assert report.rows["subscriber"] == 1, report.problems()
        store.erase(pseudonymiser.names_of("138 0000 0001", "86"))
        again = ingest(store, [tmp_path / "one.csv", tmp_path / "two.csv"])
        assert "rows of erased subscribers, stored without them or left out: 1" in again.summary()
        assert again.states[FileState.KNOWN] == 1
        assert store.records("subscriber").collect().height == 1


KILLED = """
import os, signal, sys
from collectors.store import Store, erasure
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
setattr(erasure, sys.argv[2], die)
Store.open(sys.argv[1]).erase(["num_gone"])
"""


@pytest.mark.parametrize("place", ["publish", "sweep"])
def test_a_kill_leaves_the_rows_whole_and_the_next_erasure_ends_it(tmp_path: Path, place: str) -> None:
    with Store.open(tmp_path) as store:
        fill(store)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), place], env={**os.environ}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with Store.open(tmp_path) as store:
        assert store.records("call").collect().height == 3
        assert (GONE in store.records("call").collect()["calling_number"].to_list()) == (place == "publish")
        store.erase([GONE])
        assert GONE not in everything(tmp_path)


def test_rows_older_than_their_kind_is_kept_go_and_the_younger_stay(tmp_path: Path, tier: str) -> None:
    with Store.open(tmp_path) as store:
        fill(store)
        young = {kind: frame for kind, frame in rows(AT + timedelta(days=30)).items() if kind == "call"}
        store.add(source("b"), {"call": young["call"].with_columns(id=pl.col("id") + "-young")})
        store.refresh()
        done = store.retain({"call": AT + timedelta(days=10), "ticket": AT, "alarm": AT})
        assert dict(done.removed) == {"call": 3, "ticket": 0}
        assert sorted(store.records("call").collect()["id"]) == ["C1-young", "C2-young", "C3-young"]
        assert store.records("ticket").collect().height == 2


def test_what_has_no_end_yet_has_no_age() -> None:
    assert AGE["alarm"] == "cleared_at"
    assert not {"cell", "node", "neighbour", "subscriber"} & AGE.keys()
