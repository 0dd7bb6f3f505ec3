"""The state database: both kinds behave alike, writers never undo each other, failures pass or are told."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from state.postgres_server import running_server

from callcause.loop.audit_log import append, check
from callcause.state import Base, Database, DatabaseGone, StateSettings
from callcause.state.counters import PersistentCounters
from callcause.state.migration import migrate, revisions
from callcause.state.ticket import Result, Ticket, TicketEvent
from callcause.state.turn import Turn
from callcause_error import CallcauseError, UsageError

FIRST_TICKET = """
INSERT INTO tickets (id, record, source, state, received_at, taken_in_at, in_store, diagnosis, version)
VALUES ('T-1', '{}', 'http', 'entered', '2026-11-22 01:30:00.0', '2026-11-22 01:30:00.0', false, 'pending', 1)
"""
AT = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=8)))


def ticket(name: str) -> Ticket:
    return Ticket(
        id=name, record={"id": name, "description": "通话中断"}, source="http", state="entered",
        received_at=AT, taken_in_at=AT,
    )  # fmt: skip


def add(name: str) -> object:
    return lambda session: session.add(ticket(name))


def count(database: Database) -> int:
    return database.read(lambda session: session.scalar(select(func.count()).select_from(Ticket))) or 0


def test_what_was_committed_is_read_with_its_times_in_utc(state: Database) -> None:
    state.write(add("T-1"))
    found = state.read(lambda session: session.get(Ticket, "T-1"))
    assert found is not None
    assert found.received_at == AT
    assert found.received_at.tzinfo == UTC
    assert found.record["description"] == "通话中断"
    assert (found.version, found.in_store, found.diagnosis) == (1, False, "pending")


def test_a_result_keeps_the_order_of_its_keys(state: Database) -> None:
    state.write(add("T-1"))
    contract = {"schema": "callcause.diagnosis/1", "ticket_id": "T-1", "a": [1, {"z": None, "b": "中"}]}
    state.write(
        lambda s: s.add(
            Result(ticket_id="T-1", at=AT, verdict="cause", runbook_version="x", contract=contract)
        )
    )
    found = state.read(lambda session: session.scalars(select(Result)).one().contract)
    assert list(found) == list(contract)
    assert found == contract


def test_a_unit_of_work_that_fails_changes_nothing(state: Database) -> None:
    def work(session: Session) -> None:
        session.add(ticket("T-1"))
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        state.write(work)
    assert count(state) == 0


def test_concurrent_writers_lose_no_update(state: Database) -> None:
    state.write(add("T-1"))

    def bump(_: int) -> None:
        def work(session: Session) -> None:
            row = session.get(Ticket, "T-1")
            assert row is not None
            row.record = {"n": row.record.get("n", 0) + 1}
            session.add(TicketEvent(ticket_id="T-1", at=AT, who="x", to_state="entered", why="-"))

        state.write(work)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(bump, range(30)))
    found = state.read(lambda session: session.get(Ticket, "T-1"))
    events = state.read(lambda session: session.scalar(select(func.count()).select_from(TicketEvent)))
    assert found is not None
    assert (found.record["n"], found.version, events) == (30, 31, 30)


def test_of_two_that_read_the_same_version_the_second_starts_again(state: Database) -> None:
    state.write(add("T-1"))
    runs = []

    def work(session: Session) -> None:
        row = session.get(Ticket, "T-1")
        assert row is not None
        runs.append(row.version)
        if len(runs) == 1 and state.dialect == "postgresql":
            state.write(lambda other: setattr(other.get(Ticket, "T-1"), "state", "diagnosed"))
        row.record = {**row.record, "seen": row.state}

    state.write(work)
    found = state.read(lambda session: session.get(Ticket, "T-1"))
    assert found is not None
    # SQLite lets one writer in at a time, so there nobody can have come between.
    assert (runs, found.record["seen"]) == (
        ([1, 2], "diagnosed") if state.dialect == "postgresql" else ([1], "entered")
    )


def test_a_time_without_an_offset_is_refused(state: Database) -> None:
    def work(session: Session) -> None:
        row = ticket("T-1")
        row.received_at = datetime(2026, 1, 1)
        session.add(row)
        session.flush()

    with pytest.raises(Exception, match="offset"):
        state.write(work)


def test_the_migrations_make_what_the_models_say(state: Database) -> None:
    with state._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []


def test_a_database_of_an_earlier_version_is_brought_up_with_its_rows(state_settings: StateSettings) -> None:
    old = Database(state_settings)
    with old._engine.execution_options(callcause_writes=True).begin() as connection:
        migrate(connection, revisions()[0])
        connection.exec_driver_sql(FIRST_TICKET)
    old.close()
    new = Database.open(state_settings)
    assert count(new) == 1
    new.close()


def test_a_database_of_a_later_version_is_refused(state_settings: StateSettings) -> None:
    Database.open(state_settings).close()
    later = Database(state_settings)
    with later._engine.execution_options(callcause_writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    later.close()
    with pytest.raises(CallcauseError, match="later version"):
        Database.open(state_settings)


def test_processes_that_start_at_once_migrate_once(state_settings: StateSettings) -> None:
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda _: Database.open(state_settings), range(4)))
    opened[0].write(add("T-1"))
    assert [count(database) for database in opened] == [1, 1, 1, 1]
    for database in opened:
        database.close()


def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    database = Database.open(StateSettings(database=f"sqlite:///{path}", patience_s=20))
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    database.write(add("T-1"))
    assert count(database) == 1
    timer.join()
    other.close()
    database.close()


def test_writers_of_one_process_wait_for_a_long_one_and_are_not_refused(
    state_settings: StateSettings,
) -> None:
    """A unit of work that is longer than the patience is no database that is gone."""
    database = Database.open(state_settings.model_copy(update={"patience_s": 0.05}))
    inside, others = threading.Event(), 4

    def long(session: Session) -> None:
        session.add(ticket("T-long"))
        session.flush()
        inside.set()
        # Longer than the patience and than SQLite's own waiting together.
        threading.Event().wait(1.5)

    with ThreadPoolExecutor(others + 1) as threads:
        first = threads.submit(database.write, long)
        assert inside.wait(60)
        rest = [threads.submit(database.write, add(f"T-{n}")) for n in range(others)]
        for done in (first, *rest):
            done.result(120)
    assert count(database) == others + 1
    database.close()


def test_pages_are_read_while_many_writers_wait_for_one(state: Database) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def long(session: Session) -> None:
        session.add(ticket("T-long"))
        session.flush()
        inside.set()
        assert go_on.wait(120)

    async def run() -> tuple[int, int]:
        writers = [asyncio.create_task(state.writing(long))]
        while not inside.is_set():
            await asyncio.sleep(0.01)
        writers += [asyncio.create_task(state.writing(add(f"T-{n}"))) for n in range(20)]
        before = await state.reading(lambda s: s.scalar(select(func.count()).select_from(Ticket))) or 0
        go_on.set()
        await asyncio.gather(*writers)
        return before, count(state)

    before, after = asyncio.run(run())
    assert before <= 20  # the long one is not yet done, and still there was an answer
    assert after == 21


def test_a_writer_whose_turn_never_comes_is_told() -> None:
    turn = Turn(longest_s=0.05)
    with turn, pytest.raises(DatabaseGone, match="busy"), turn:
        pytest.fail("two writers at once")
    with turn:
        pass  # given back


def test_writers_that_read_first_and_meet_on_the_chain_all_get_through(state: Database) -> None:
    """Each has read, and so sees one moment of PostgreSQL, before it comes to the end of the chain."""
    writers, rounds = 6, 8
    meet = threading.Barrier(writers)

    def writer(number: int) -> list[int]:
        runs = [0] * rounds
        for turn in range(rounds):

            def work(session: Session, turn: int = turn) -> None:
                runs[turn] += 1
                session.scalar(select(func.count()).select_from(Ticket))
                if runs[turn] == 1 and state.dialect == "postgresql":
                    meet.wait(120)  # SQLite lets one writer in at a time
                append(session, AT, f"w{number}", "test", "-", {"turn": turn})

            state.write(work)
        return runs

    with ThreadPoolExecutor(writers) as threads:
        runs = list(threads.map(writer, range(writers)))
    number, _, fault = state.read(check)
    assert (number, fault) == (writers * rounds, None)
    # Who met another one goes again behind the lock, and so does not meet the next one there.
    assert max(n for one in runs for n in one) == (2 if state.dialect == "postgresql" else 1)


def test_writers_on_few_rows_in_opposite_order_all_get_through(state: Database) -> None:
    """They hold what the other one wants: one of each two is sent back, and begins again."""
    for name in ("T-1", "T-2", "T-3"):
        state.write(add(name))

    def writer(number: int) -> None:
        def work(session: Session) -> None:
            for name in ("T-1", "T-2", "T-3")[:: 1 if number % 2 else -1]:
                row = session.get(Ticket, name)
                assert row is not None
                row.exchanges += 1
                session.flush()
            append(session, AT, "x", "test", "-", {})

        for _ in range(3):
            state.write(work)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(writer, range(4)))
    found = state.read(lambda s: s.scalars(select(Ticket.exchanges)).all())
    assert list(found) == [12, 12, 12]


def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.sqlite"
    code = f"""
import os, signal
from datetime import UTC, datetime
from callcause.state import Database, StateSettings
from callcause.state.ticket import Ticket
now = datetime.now(UTC)
def rows(session, name):
    for part in "ab":
        session.add(Ticket(id=name + part, record={{}}, source="x", state="entered",
                           received_at=now, taken_in_at=now))
        session.flush()
database = Database.open(StateSettings(database={url!r}))
database.write(lambda session: rows(session, "T-1"))
print("accepted", flush=True)
def second(session):
    rows(session, "T-2")
    os.kill(os.getpid(), signal.SIGKILL)
database.write(second)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "accepted" in done.stdout, done.stderr
    database = Database.open(StateSettings(database=url))
    ids = database.read(lambda session: session.scalars(select(Ticket.id).order_by(Ticket.id)).all())
    assert ids == ["T-1a", "T-1b"]
    database.close()


@pytest.mark.usefixtures("postgres_url")
def test_a_server_that_is_gone_is_told_and_works_again_without_a_restart() -> None:
    with running_server() as server:
        settings = StateSettings.model_validate(
            {
                "database": server.new_database(),
                "password": {"env": "CALLCAUSE_TEST_DATABASE_PASSWORD"},
                "patience_s": 0.3,
            }
        )
        database = Database.open(settings)
        database.write(add("T-1"))
        server.stop()
        with pytest.raises(DatabaseGone, match="does not answer") as told:
            database.write(add("T-2"))
        assert "tests-only" not in str(told.value)
        server.start()
        database.write(add("T-2"))
        assert count(database) == 2
        database.close()


def test_the_event_loop_asks_without_waiting(state: Database) -> None:
    async def run() -> int:
        await asyncio.gather(*(state.writing(add(f"T-{n}")) for n in range(5)))
        return await state.reading(lambda s: s.scalar(select(func.count()).select_from(Ticket))) or 0

    assert asyncio.run(run()) == 5


def test_counters_survive_a_restart(state: Database) -> None:
    first = PersistentCounters(state)
    first.load()
    first.add("runs", {"source": "a"})
    first.flush()
    first.add("runs", {"source": "a"}, 2)
    first.flush()
    second = PersistentCounters(state)
    second.load()
    second.add("runs", {"source": "a"})
    assert second.values() == {("runs", (("source", "a"),)): 4}


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("nonsense", "no database URL"),
        ("mysql://x/y", "no such database here"),
        ("postgresql+psycopg://a:secret@h/d", "the password does not stand in the URL"),
        ("sqlite://", "in memory would lose"),
    ],
)
def test_a_wrong_url_is_refused(url: str, what: str) -> None:
    with pytest.raises(ValidationError, match=what) as told:
        StateSettings(database=url)
    assert what in told.value.errors(include_input=False)[0]["msg"]


def test_a_missing_password_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    with pytest.raises(UsageError, match="NOT_THERE"):
        StateSettings.model_validate(
            {"database": "postgresql+psycopg://a@h/d", "password": {"env": "NOT_THERE"}}
        ).url()
