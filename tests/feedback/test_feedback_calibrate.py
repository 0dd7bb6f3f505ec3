"""Feedback, replay and recalibration over a simulated network and a real state database."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from callcause.commands import calibrating, simulating
from callcause.loop.evidence import EvidenceKeeper, erase_evidence, replay
from callcause.loop.feedback import confirm
from callcause.loop.life import LoopError
from callcause.service import ticket_rows as rows
from callcause.service.ticket_record import records_of
from callcause.state import Database, StateSettings
from callcause.state.feedback import NOT_FOUND, Feedback, StoredEvidence
from callcause.state.ticket import Ticket
from callcause_error import CallcauseError, UsageError
from collectors.ingest import ingest
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store
from diagnosis.engine import Engine
from diagnosis.recalibration import load_weights, with_weights
from runbooks.loader import load_runbooks


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A state database with 40 diagnosed tickets and their evidence; the configuration; what is true."""
    folder = tmp_path_factory.mktemp("loop")
    simulating.run(folder / "net", cells=6, days=8, tickets=40, seed=5, variant="plain")
    config = folder / "callcause.toml"
    config.write_text(f'[state]\ndatabase = "sqlite:///{folder}/state.sqlite"\n')
    keeper = EvidenceKeeper()
    with Store.open(folder / "store") as store:
        ingest(store, [folder / "net"])
        batch = Engine(load_runbooks(), load_catalogue()).diagnose(store)
        records = records_of(store.records("ticket").collect())
    keeper.keep(batch)
    database = open_database(folder)
    database.write(lambda s: rows.take_in(s, records, "store", "test", in_store=True))
    database.write(lambda s: rows.write_results(s, batch.results(), rows.Watch(0, 0), [keeper.on_diagnosis]))
    database.close()
    with (folder / "net" / "truth.csv").open() as file:
        return folder, {row["ticket_id"]: row["cause_id"] for row in csv.DictReader(file)}


def open_database(folder: Path) -> Database:
    return Database.open(StateSettings(database=f"sqlite:///{folder}/state.sqlite"))


@pytest.fixture
def database(loop: tuple[Path, dict[str, str]]):
    opened = open_database(loop[0])
    yield opened
    opened.close()


def ticket_ids(database: Database) -> list[str]:
    return sorted(row.ticket_id for row in database.read(lambda s: list(s.query(StoredEvidence))))


def test_every_verdict_is_replayed_byte_for_byte_until_its_evidence_is_erased(database: Database) -> None:
    ids = ticket_ids(database)
    assert len(ids) == 40
    outcomes = {ticket: database.read(lambda s, t=ticket: replay(s, t)).outcome for ticket in ids}
    assert outcomes == dict.fromkeys(ids, "same")
    database.write(lambda s: erase_evidence(s, [ids[0]]))
    erased = database.read(lambda s: replay(s, ids[0]))
    assert (erased.outcome, erased.again) == ("erased", None)
    assert "erased at" in erased.why
    assert database.read(lambda s: replay(s, "nobody")).outcome == "missing"


def test_a_changed_result_is_told_from_its_evidence(database: Database) -> None:
    ident = ticket_ids(database)[1]

    def tamper(session) -> None:
        found = replay(session, ident)
        result = session.get(rows.Result, session.get(Ticket, ident).result_id)
        result.contract = {**found.stored, "verdict": "changed"}

    before = database.read(lambda s: replay(s, ident)).stored
    database.write(tamper)
    assert database.read(lambda s: replay(s, ident)).outcome == "different"

    def mend(session) -> None:
        session.get(rows.Result, session.get(Ticket, ident).result_id).contract = before

    database.write(mend)


def test_calibration_changes_nothing_until_approved_and_then_has_a_version(
    loop: tuple[Path, dict[str, str]], database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, truth = loop
    causes = load_runbooks().causes
    config = folder / "callcause.toml"

    def close_all(session) -> None:
        for ticket in session.query(Ticket):
            confirm(session, ticket, truth[ticket.id] if truth[ticket.id] in causes else NOT_FOUND, "test")

    with pytest.raises(CallcauseError, match="no feedback"):
        calibrating.calibrate(config, None)
    database.write(close_all)
    calibrating.calibrate(config, None)
    shown = capsys.readouterr().out
    assert "log loss" in shown
    losses = re.search(r"log loss\D+([\d.]+)\D+([\d.]+)", shown)
    assert losses is not None
    assert float(losses[2]) < float(losses[1]) + 0.05
    assert not list(tmp_path.iterdir())
    calibrating.calibrate(config, tmp_path / "weights.json")
    weights = load_weights(tmp_path / "weights.json")
    changed = with_weights(load_runbooks(), weights)
    assert changed.version != load_runbooks().version
    assert changed.version in capsys.readouterr().out
    with pytest.raises(UsageError, match="weights are of runbooks"):
        with_weights(changed, weights)


def test_a_later_word_replaces_an_earlier_one_and_an_unknown_cause_is_refused(database: Database) -> None:
    ident = ticket_ids(database)[2]

    def twice(session) -> str:
        row = session.get(Ticket, ident)
        confirm(session, row, NOT_FOUND, "first")
        session.flush()
        confirm(session, row, "drop-weak-coverage", "second")
        session.flush()
        found: str = session.get(Feedback, ident).confirmed_cause
        with pytest.raises(LoopError) as error:
            confirm(session, row, "drop-weak-coverag", "third")
        assert error.value.code == "unknown_cause"
        session.rollback()
        return found

    assert database.read(twice) == "drop-weak-coverage"


def test_a_file_that_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text("{}")
    with pytest.raises(UsageError, match="no weights file"):
        load_weights(tmp_path / "w.json")
