"""`callcause backup` and `callcause restore`: the store, and the state database where it is a file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from callcause.configuration import Configuration, load_configuration
from callcause_error import CallcauseError, UsageError
from collectors.store.backup import back_up, bring_back

STATE = "state.sqlite"
STORE = "store"


def backup(config: Path, target: Path) -> str:
    """Back up what the configuration names, while the service may run; returns a line that says what."""
    settings = load_configuration(config)
    files = back_up(settings.store.path, target / STORE)
    place = _state_file(settings)
    if place is None:
        return f"{files} data files; back up PostgreSQL with pg_dump"
    if place.is_file():
        _copy(place, target / STATE)
    return f"{files} data files and the state database"


def restore(config: Path, source: Path) -> str:
    """Bring a backup back to where the configuration points; nothing is overwritten."""
    settings = load_configuration(config)
    place = _state_file(settings)
    if place is not None and place.exists():
        raise UsageError("there is a state database here; move it away first", file=str(place))
    files = bring_back(source / STORE, settings.store.path)
    if place is None:
        return f"{files} data files; restore PostgreSQL with pg_restore"
    if (source / STATE).is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        _copy(source / STATE, place)
    return f"{files} data files and the state database"


def _state_file(settings: Configuration) -> Path | None:
    url = settings.state.url()
    return Path(str(url.database)) if url.drivername == "sqlite" else None


def _copy(source: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new)
        part.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise CallcauseError(
            f"the state database cannot be copied ({type(error).__name__})", file=str(source)
        ) from error
