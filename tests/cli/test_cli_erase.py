"""`callcause erase` and the vault of ticket files, as an operator uses them."""

from __future__ import annotations

import io
import sqlite3
import sys
from pathlib import Path

import polars as pl
import pytest

from callcause.commands import calibrating, erasing, ingesting
from callcause.commands.diagnosing import diagnosis_of
from callcause.configuration import load_configuration
from callcause.loop.audit_log import check
from callcause.loop.cipher import Sealed
from callcause.loop.evidence import EvidenceKeeper
from callcause.service import ticket_rows as rows
from callcause.service.ticket_record import records_of
from callcause.state import Database
from callcause.state.ticket import Ticket
from callcause.state.vault import AuditRow, VaultEntry
from callcause_error import UsageError
from collectors.records import load_pseudonymiser
from collectors.store import Store

NUMBER, OTHER = "13866660007", "13866660008"
TICKETS = (
    "id,received_at,occurred_at,description,msisdn,category,other_party_number\n"
    f"E-1,2026-03-02T09:00:00Z,2026-03-02T08:50:00Z,{NUMBER} call dropped,86{NUMBER},drop,\n"
    f"E-2,2026-03-02T09:00:00Z,2026-03-02T08:50:00Z,call dropped,86{OTHER},drop,86{NUMBER}\n"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with two tickets out of a file, their diagnoses with evidence, a vault with their numbers."""
    monkeypatch.setenv("VAULT_KEY", "ab" * 32)
    config = tmp_path / "callcause.toml"
    config.write_text(
        f'[store]\npath = "{tmp_path}/store"\n[state]\ndatabase = "sqlite:///{tmp_path}/state.sqlite"\n'
        '[vault]\nenabled = true\nkeys = [{number = 1, secret = {env = "VAULT_KEY"}}]\n'
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "tickets.csv").write_text(TICKETS)
    assert ingesting.run(tmp_path / "store", [tmp_path / "in"], config, None) == 0
    batch = diagnosis_of(tmp_path / "store", None, None, (), None)
    keeper = EvidenceKeeper()
    keeper.keep(batch)
    with Store.open(tmp_path / "store") as store:
        records = records_of(store.records("ticket").collect())
    database = opened(config)

    def begin(_: object, row: Ticket) -> None:
        row.customer = row.record.get("msisdn")

    database.write(lambda s: rows.take_in(s, records, "store", "t", in_store=True, hear=[begin]))
    database.write(lambda s: rows.write_results(s, batch.results(), rows.Watch(0, 0), [keeper.on_diagnosis]))
    database.close()
    return config


def opened(config: Path) -> Database:
    return Database.open(load_configuration(config).state)


def kept_text(folder: Path) -> str:
    """All that the store and the state database hold, as text."""
    files = [str(pl.read_parquet(path).to_dicts()) for path in (folder / "store").rglob("*.parquet")]
    for path in (folder / "store" / "ledger.sqlite", folder / "state.sqlite"):
        database = sqlite3.connect(path)
        files += list(database.iterdump())
        database.close()
    return "".join(files)


def test_a_ticket_file_brings_its_numbers_sealed_into_the_vault(place: Path) -> None:
    database = opened(place)
    settings = load_configuration(place)
    names = load_pseudonymiser().names_of(NUMBER, "86")
    entry = database.read(lambda s: s.get_one(VaultEntry, names[0]))
    cipher = settings.vault.cipher()
    sealed = Sealed(entry.key_number, entry.nonce, entry.ciphertext)
    assert cipher.open(names[0], sealed) == f"86{NUMBER}"
    database.close()
    assert NUMBER not in kept_text(place.parent)


def test_one_number_is_erased_everywhere_and_a_replay_says_so(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (name,) = load_pseudonymiser().names_of(NUMBER, "86")
    assert name in kept_text(place.parent)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{NUMBER}\n"))
    erasing.run(place, "asked for by letter", number=True, pseudonym=None, ticket=None)
    said = capsys.readouterr()
    assert NUMBER not in said.out + said.err
    assert "2 ticket" in said.err
    database = opened(place)
    told = database.read(
        lambda s: [row.detail for row in s.query(AuditRow) if row.action == "subscriber.erase"]
    )
    assert (told[0]["numbers"], told[0]["tickets"], told[0]["named_in"]) == (1, 1, 1)
    assert database.read(check)[2] is None
    assert database.read(lambda s: s.query(VaultEntry).count()) == 1
    database.close()
    assert name not in kept_text(place.parent)
    assert calibrating.replay(place, "E-1", None) == 1
    assert calibrating.replay(place, "E-2", None) == 1, "its evidence named the person as the other party"
    assert "the evidence was erased" in capsys.readouterr().out


def test_the_same_file_again_brings_nobody_back_and_another_one_says_so(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erasing.run(place, "asked for by letter", number=False, pseudonym=None, ticket="E-1")
    folder = place.parent
    assert ingesting.run(folder / "store", [folder / "in"], None, None) == 0
    (folder / "in" / "again.csv").write_text(TICKETS.replace("E-", "F-"))
    capsys.readouterr()
    assert ingesting.run(folder / "store", [folder / "in"], None, None) == 0
    assert "rows of erased subscribers, stored without them or left out: 2" in capsys.readouterr().err
    (name,) = load_pseudonymiser().names_of(NUMBER, "86")
    assert name not in kept_text(folder)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"number": False, "pseudonym": None, "ticket": None}, "one way"),
        ({"number": True, "pseudonym": "num_a", "ticket": None}, "one way"),
        ({"number": False, "pseudonym": None, "ticket": "nobody"}, "no such ticket"),
    ],
)
def test_whoever_is_not_named_is_not_erased(place: Path, given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        erasing.run(place, "asked for by letter", **given)
    with pytest.raises(UsageError, match="reason"):
        erasing.run(place, " ", number=False, pseudonym="num_a", ticket=None)
