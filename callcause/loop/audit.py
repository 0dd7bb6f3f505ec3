"""The audit log as a chain of hashes.

Each entry holds the hash of the one before, so that no edit goes unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log. `detail` holds pseudonyms only."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditFault:
    """The first entry at which the chain does not hold, and why."""

    number: int
    reason: str


def seal(
    number: int, at: datetime, actor: str, action: str, subject: str, detail: Mapping[str, Any], previous: str
) -> AuditEntry:
    """Make an entry with its hash over everything in it and the hash before."""
    content = [number, at.isoformat(), actor, action, subject, detail, previous]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return AuditEntry(
        number, at, actor, action, subject, detail, previous, hashlib.sha256(text.encode()).hexdigest()
    )


def verify(
    entries: Iterable[AuditEntry], head: str | None = None, kept: tuple[int, str] | None = None
) -> AuditFault | None:
    """Check a whole log from its first entry; None when it holds.

    `head`: the hash that the last entry must have where it is kept elsewhere, so that a cut end is seen too.
    `kept`: number and hash that an entry must have, so that a log that was sealed anew is seen as well.
    """
    previous, number = GENESIS, 0
    for entry in entries:
        number += 1
        if entry.number != number:
            return AuditFault(number, f"entry {number} is missing")
        if entry.previous != previous:
            return AuditFault(number, "does not follow the entry before it")
        made = seal(
            entry.number, entry.at, entry.actor, entry.action, entry.subject, entry.detail, entry.previous
        )
        if made.hash != entry.hash:
            return AuditFault(number, "its content is not what was sealed")
        if kept is not None and kept[0] == number and kept[1] != entry.hash:
            return AuditFault(number, "it is not the entry that was confirmed: the log was sealed anew")
        previous = entry.hash
    if kept is not None and number < kept[0]:
        return AuditFault(number + 1, f"the log ends before entry {kept[0]}, which was confirmed")
    if head is not None and previous != head:
        return AuditFault(number + 1, "the log ends before the entry that was last confirmed")
    return None
