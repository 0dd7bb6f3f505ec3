"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from presence import absent as absent
from state.postgres_server import PostgresServer, binaries, running_server

from callcause.state import Database, StateSettings
from collectors.secret import Secret

FIXED_KEY = "tests-only-key-0123456789abcdef"
settings.register_profile("callcause", deadline=None)  # a busy machine makes no example wrong
settings.load_profile("callcause")


@pytest.fixture(autouse=True)
def _fixed_pseudonym_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCAUSE_PSEUDONYM_KEY", FIXED_KEY)


@pytest.fixture
def third_party_data() -> Path:
    """The folder with real third-party files, else a skip that names the variable."""
    folder = Path(os.environ.get("CALLCAUSE_TEST_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip("no third-party data: set CALLCAUSE_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def needs_programs() -> Callable[..., None]:
    """Skip (in CI: fail) where one of the named programs is not installed."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(Path(sys.executable).parent)])

    def need(*programs: str) -> None:
        lacking = [program for program in programs if not shutil.which(program, path=path)]
        if lacking:
            absent(f"not installed: {', '.join(lacking)}")

    return need


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL server of this test process; `new_database()` gives a test its own."""
    if binaries() is None:
        absent("no PostgreSQL server: apt-get install postgresql")
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database; the password is in CALLCAUSE_TEST_DATABASE_PASSWORD."""
    monkeypatch.setenv("CALLCAUSE_TEST_DATABASE_PASSWORD", "tests-only")
    return postgres_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def state_settings(request: pytest.FixtureRequest, tmp_path: Path) -> StateSettings:
    """Settings of an empty state database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return StateSettings(database=f"sqlite:///{tmp_path}/state.sqlite", patience_s=60)
    url = request.getfixturevalue("postgres_url")
    return StateSettings(database=url, password=Secret(env="CALLCAUSE_TEST_DATABASE_PASSWORD"), patience_s=60)


@pytest.fixture
def state(state_settings: StateSettings) -> Iterator[Database]:
    """An open state database, on SQLite and on PostgreSQL."""
    database = Database.open(state_settings)
    yield database
    database.close()
