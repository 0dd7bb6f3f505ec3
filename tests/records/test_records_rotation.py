"""The pseudonym key changes with an overlap: records from before are found by tickets from after."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from callcause_error import UsageError
from collectors.errors import ConfigError
from collectors.ingest import ingest, same_key
from collectors.records import Pseudonymiser, load_pseudonymiser, ticket_numbers
from collectors.records.key import (
    FILE_VARIABLE,
    KEY_VARIABLE,
    PREVIOUS_VARIABLE,
    load_keys,
    retire_key,
    rotate_key,
)
from collectors.store import Store

OLD, NEW = b"an-old-key-0123456789", b"a-new-key-0123456789"
NUMBER, NOW = "8613800000001", datetime(2026, 3, 2, tzinfo=UTC)
TICKETS = "id,received_at,occurred_at,description,msisdn\n"
SUBSCRIBERS = "msisdn,imsi,volte_subscribed\n"


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pseudonym.key"
    path.write_bytes(OLD + b"\n")
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path


def test_a_rotation_makes_a_new_key_and_keeps_the_former_one_for_its_days(key_file: Path) -> None:
    until = rotate_key(30, NOW)
    assert until == NOW + timedelta(days=30)
    keys = load_keys(NOW + timedelta(days=29))
    assert (keys.previous, keys.until) == (OLD, until)
    assert keys.current != OLD
    assert load_keys(NOW + timedelta(days=31)).previous is None
    for path in (key_file, key_file.with_name("pseudonym.key.previous")):
        assert path.stat().st_mode & 0o777 == 0o600
    assert OLD.decode() not in repr(keys)


def test_a_second_rotation_waits_for_the_end_of_the_first(key_file: Path) -> None:
    rotate_key(30, NOW)
    with pytest.raises(ConfigError, match="not over"):
        rotate_key(30, NOW)
    assert retire_key()
    assert not retire_key()
    rotate_key(30, NOW)


def test_a_rotation_that_was_killed_between_its_files_is_begun_again(key_file: Path) -> None:
    key_file.with_name("pseudonym.key.previous").write_bytes(OLD + b" 2026-04-01T00:00:00+00:00\n")
    assert load_keys(NOW).previous is None
    rotate_key(30, NOW)
    assert load_keys(NOW).previous == OLD


def test_a_key_of_the_environment_is_changed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="environment"):
        rotate_key(30)
    monkeypatch.setenv(PREVIOUS_VARIABLE, OLD.decode())
    assert load_keys().previous == OLD
    assert os.environ[KEY_VARIABLE].encode() == load_keys().current


@pytest.mark.parametrize("content", [b"short 2026-04-01T00:00:00+00:00", OLD, OLD + b" never"])
def test_a_damaged_file_of_the_former_key_is_named_and_not_shown(key_file: Path, content: bytes) -> None:
    key_file.with_name("pseudonym.key.previous").write_bytes(content)
    with pytest.raises(ConfigError) as told:
        load_keys(NOW)
    assert OLD.decode() not in str(told.value)


def test_a_number_is_known_under_both_keys_and_named_by_the_new_one() -> None:
    both = Pseudonymiser(NEW, OLD)
    now, former = both.names_of("138 0000 0001", "86")
    assert [now] == Pseudonymiser(NEW).names_of(NUMBER, "86")
    assert [former] == Pseudonymiser(OLD).names_of(NUMBER, "86")


def test_a_ticket_finds_the_rows_that_were_stored_under_the_former_key(
    key_file: Path, tmp_path: Path
) -> None:
    before, after = tmp_path / "subscriber.csv", tmp_path / "ticket.csv"
    before.write_text(f"{SUBSCRIBERS}{NUMBER},460001234567891,true\n8613800000002,460001234567892,true\n")
    after.write_text(f"{TICKETS}T-1,2026-03-02T09:00:00Z,,call dropped,{NUMBER}\n")
    with Store.open(tmp_path / "store") as store:
        assert not ingest(store, [before]).quarantined
        version = store.version("subscriber")
        rotate_key(30)
        assert not ingest(store, [after]).quarantined
        (name,) = store.records("ticket").collect()["msisdn"]
        assert name in store.records("subscriber").collect()["msisdn"].to_list()
        assert store.version("subscriber") != version
        _, erased = store.erase([name])
        assert len(erased) >= 2, "the former pseudonym is erased with the one in use"
        assert store.records("subscriber").collect().height == 1


def test_a_store_goes_over_to_the_new_key_and_refuses_any_other(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        same_key(store, Pseudonymiser(OLD))
        with pytest.raises(UsageError):
            same_key(store, Pseudonymiser(NEW))
        same_key(store, Pseudonymiser(NEW, OLD))
        same_key(store, Pseudonymiser(NEW))
        with pytest.raises(UsageError):
            same_key(store, Pseudonymiser(OLD))


def test_clear_numbers_are_told_of_good_rows_of_ticket_files_only(tmp_path: Path) -> None:
    reader = load_pseudonymiser()
    tickets, others = tmp_path / "t.csv", tmp_path / "s.csv"
    tickets.write_text(
        f"{TICKETS}T-1,2026-03-02T09:00:00Z,,x,+{NUMBER}\nT-2,2026-03-02T09:00:00Z,,x,10086\n"
        "T-3,no time,,x,8613800000003\nT-4,2026-03-02T09:00:00Z,,x,\n"
    )
    others.write_text(f"{SUBSCRIBERS}{NUMBER},460001234567891,true\n")
    found = ticket_numbers(tickets, reader, "UTC", "86")
    assert found == {reader.names_of(NUMBER, "86")[0]: f"+{NUMBER}"}
    assert ticket_numbers(others, reader, "UTC", "86") == {}
    parquet = tmp_path / "t.parquet"
    pl.read_csv(tickets, infer_schema=False).head(1).write_parquet(parquet)
    assert ticket_numbers(parquet, reader, "UTC", "86") == found
