"""Backup of a store that is in use, and its return.

The ledger is copied first, by SQLite's own backup, so that it is of one moment; then the data files that
it names are linked or copied. A file that a refresh retires meanwhile stays readable for ten minutes
(RETIRED_GRACE_S) and a data file never changes under its name, so the copy is whole.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from collectors.errors import StoreError
from collectors.store.segment import sync

LEDGER = "ledger.sqlite"


def back_up(root: Path, target: Path) -> int:
    """Copy the store at `root` into the new folder `target`; returns the number of data files.

    A later backup into the same folder is refused: give each its own. StoreError where anything fails; the
    target is then without ledger, and no backup.
    """
    if target.exists() and any(target.iterdir()):
        raise StoreError("the folder of a backup must be new or empty", file=str(target))
    if not (root / LEDGER).is_file():
        raise StoreError("there is no store here", file=str(root))
    try:
        target.mkdir(parents=True, exist_ok=True)
        copied = target / "ledger.part"
        _copy_database(root / LEDGER, copied)
        names = _live_files(copied)
        for name in names:
            _copy(root / name, target / name)
        copied.replace(target / LEDGER)
        sync(target)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the backup failed ({type(error).__name__})", file=str(target)) from error
    return len(names)


def bring_back(backup: Path, root: Path) -> int:
    """Copy a backup to `root`, which must not hold a store; returns the number of data files.

    StoreError names a file that the backup's ledger names and the backup does not have, before anything is
    copied.
    """
    if (root / LEDGER).exists():
        raise StoreError("there is a store here; move it away first", file=str(root))
    if not (backup / LEDGER).is_file():
        raise StoreError("this is no whole backup: it has no ledger", file=str(backup))
    missing = [name for name in _live_files(backup / LEDGER) if not (backup / name).is_file()]
    if missing:
        raise StoreError("this is no whole backup: a data file is missing", file=str(backup / missing[0]))
    return back_up(backup, root)


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")
    sync(target)


def _live_files(ledger: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT name FROM segments WHERE retired_s IS NULL ORDER BY name").fetchall()
    return [str(name) for (name,) in rows]


def _copy(source: Path, target: Path) -> None:
    """Link where both are on one file system, for data files never change; else copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
        sync(target)
