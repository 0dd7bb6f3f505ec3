"""Brings the tables up to the version of the program, inside the transaction of the caller."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from callcause_error import CallcauseError

SCRIPTS = Path(__file__).parent / "migrations"
LOCK = 0x63616C6C  # of all the processes that start at once one migrates, the others wait


def migrate(connection: Connection, revision: str = "head") -> None:
    """Run the migrations that are missing; all of them or none."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    try:
        command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise CallcauseError(
            f"the state database cannot be brought up to this version: {error}",
            hint="it may have been made by a later version of callcause",
        ) from error


def revisions() -> list[str]:
    """All revisions, the oldest first."""
    found = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in found][::-1]


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
