"""One object for the state database: units of work, tried again where that is safe, on SQLite or PostgreSQL.

A unit of work is a function that gets a session. It runs in one transaction and may run again from its start
when the database was busy, two writers met, or the connection was lost; so it does nothing but database work.
Who met another writer goes again behind a lock, so that of many that meet one after the other gets through.
Where a connection breaks during the commit nobody knows whether it happened: units that add rows look first
whether their row is there.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from callcause.state import failure
from callcause.state.audit_head import HeadFile, noted
from callcause.state.errors import DatabaseGone, StaleVersion
from callcause.state.migration import migrate
from callcause.state.settings import StateSettings
from callcause.state.turn import Turn
from callcause.state.vault import hold_chain
from callcause_error import UsageError

T = TypeVar("T")
Work = Callable[[Session], T]
THREADS = 8
MAX_MEETINGS = 50
"""How often two writers may meet on one row before the second gives up."""
BUSY_S = 1.0
"""How long SQLite itself waits for a writer of another process, before the unit is tried again."""


class Database:
    """Sessions over one engine. Threads may share it; `reading` and `writing` are for the event loop."""

    def __init__(self, settings: StateSettings) -> None:
        self._patience_s = settings.patience_s
        head = settings.audit_head_file()
        self.audit_head = HeadFile(head) if head else None
        self._engine = _engine(settings.url())
        working = _of_one_moment(self._engine)
        self._read = sessionmaker(working, expire_on_commit=False)
        writing = working.execution_options(callcause_writes=True)
        self._write = sessionmaker(writing, expire_on_commit=False)
        self._turn: AbstractContextManager[None] = Turn() if self.dialect == "sqlite" else nullcontext()
        # Apart, so that pages are read while writers wait for each other.
        self._readers = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="state-read")
        self._writers = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="state-write")

    @classmethod
    def open(cls, settings: StateSettings) -> Database:
        """Connect and bring the tables up to this version; DatabaseGone where nobody answers."""
        database = cls(settings)
        try:
            database._attempts(lambda _: database._migrate())
        except BaseException:
            database.close()
            raise
        return database

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def read(self, work: Work[T]) -> T:
        """Run a unit of work that changes nothing."""
        return self._attempts(lambda _: self._once(self._read, work))

    def write(self, work: Work[T]) -> T:
        """Run a unit of work and commit it. DatabaseGone, or StaleVersion where writers kept meeting."""
        return self._attempts(lambda met: self._once(self._write, work, met=met), self._turn)

    async def reading(self, work: Work[T]) -> T:
        """`read` on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read, work)

    async def writing(self, work: Work[T]) -> T:
        """`write` on a thread; once begun it is finished, even where the caller is cancelled."""
        future = asyncio.get_running_loop().run_in_executor(self._writers, self.write, work)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Finish what runs and give the connections back."""
        self._readers.shutdown(wait=True)
        self._writers.shutdown(wait=True)
        self._engine.dispose()

    def _migrate(self) -> None:
        with self._engine.execution_options(callcause_writes=True).begin() as connection:
            migrate(connection)

    def _once(self, sessions: sessionmaker[Session], work: Work[T], *, met: bool = False) -> T:
        with sessions() as session:
            with session.begin():
                if met:
                    hold_chain(session)
                done = work(session)
            if self.audit_head and (head := noted(session)):
                self.audit_head.keep(head)
            return done

    def _attempts(self, attempt: Callable[[bool], T], turn: AbstractContextManager[None] | None = None) -> T:
        """Try until it is done; `attempt` is told whether it met another writer before."""
        deadline: float | None = None
        meetings, pause_s = 0, 0.01
        while True:
            try:
                with turn or nullcontext():
                    deadline = deadline or time.monotonic() + self._patience_s
                    return attempt(meetings > 0)
            except IntegrityError:
                # Two writers added the same row: the second finds it when it looks again.
                meetings += MAX_MEETINGS // 10
                if meetings >= MAX_MEETINGS:
                    raise
            except (StaleDataError, DBAPIError) as error:
                if isinstance(error, StaleDataError) or failure.met(error):
                    meetings += 1
                    if meetings >= MAX_MEETINGS:
                        raise StaleVersion("the row is changed by others again and again") from error
                elif not failure.passing(error):
                    raise
                elif deadline is None or time.monotonic() >= deadline:
                    raise DatabaseGone(f"the state database {failure.told(error)}") from error
            time.sleep(pause_s * (0.5 + random.random()))  # noqa: S311 - spreads writers, guards nothing
            pause_s = min(2 * pause_s, 0.5)


def _engine(url: URL) -> Engine:
    try:
        if url.drivername == "sqlite":
            return _sqlite(url)
        return create_engine(
            url, pool_pre_ping=True, pool_size=2 * THREADS, connect_args={"connect_timeout": 5}
        )
    except (NoSuchModuleError, ImportError) as error:
        raise UsageError(f"the driver is not installed: {error}", key="state.database") from error


def _of_one_moment(engine: Engine) -> Engine:
    """Let a unit of work see one moment, so that who writes a row that changed since is tried again.

    SQLite does so by itself; PostgreSQL would show each statement another moment and lose an update.
    """
    if engine.dialect.name != "postgresql":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def _sqlite(url: URL) -> Engine:
    """SQLite with the transactions that it has, not those that the driver of Python 3.11 makes up."""
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_S}, pool_size=2 * THREADS)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("callcause_writes")
        # A reader that turns writer fails when another wrote meanwhile; a writer says so from the start.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
