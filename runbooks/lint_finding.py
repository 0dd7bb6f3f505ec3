"""What lint finds, and how it walks the runbooks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbooks.model import Check, ConditionSpec, Place, Route, Runbooks


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong: stable code, where it stands, the key it is about, and what."""

    file: str
    line: int
    code: str
    key: str
    message: str

    def __str__(self) -> str:
        """Return `file:line: code key: message`."""
        return f"{self.file}:{self.line}: {self.code} {self.key}: {self.message}"


Found = Iterator[Finding]


def finding(code: str, place: Place, key: str, message: str) -> Finding:
    """Make a finding about the entry that stands at `place`."""
    return Finding(place.file, place.line, code, key, message)


def entries(runbooks: Runbooks) -> Iterator[tuple[Check, int, ConditionSpec | Route]]:
    """Walk all conditions and routes with their check and their number from 1."""
    for check in runbooks.checks.values():
        for number, entry in enumerate(check.entries, 1):
            yield check, number, entry
