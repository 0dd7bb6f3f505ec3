"""The end of the audit log as a file keeps it, outside the database.

Who can write the database can cut the end of the log, or seal it anew from an edit on: the hashes need no
key. Neither agrees with what stands here. After a crash the file may lag behind, it is never ahead of
a commit.
"""

from __future__ import annotations

import fcntl
import logging
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

LOG = logging.getLogger(__name__)
_NOTED = "callcause_audit_head"


class Head(NamedTuple):
    """Number and hash of the last entry."""

    number: int
    hash: str


def noted(session: Session) -> Head | None:
    """Return the last entry that a unit of work has added."""
    found = session.info.get(_NOTED)
    return found if isinstance(found, Head) else None


def note(session: Session, head: Head) -> None:
    """Remember an entry until its unit of work is committed."""
    session.info[_NOTED] = head


class HeadFile:
    """A file with the number and the hash of the last entry that was committed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Head | None:
        """Return what it says; None where it is not there or holds no head."""
        try:
            number, _, text = self.path.read_text("ascii").strip().partition(" ")
            return Head(int(number), text)
        except (FileNotFoundError, ValueError):
            return None

    def keep(self, head: Head) -> None:
        """Write a later head; an earlier one, of a writer that was slower, changes nothing.

        A disk that is full takes nothing from the entry, which is committed: the file lags behind.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                known = self.read()
                if known is None or known.number < head.number:
                    fresh = self.path.with_name(f"{self.path.name}.new")
                    fresh.write_text(f"{head.number} {head.hash}\n", "ascii")
                    fresh.replace(self.path)
        except OSError as error:
            LOG.warning("the head of the audit log cannot be kept in %s: %s", self.path, error.strerror)
