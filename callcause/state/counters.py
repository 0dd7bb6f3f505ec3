"""Counters that survive a restart: counted in memory, written now and then, and at the end."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from callcause.state.bookkeeping import CounterValue
from callcause.state.database import Database

Key = tuple[str, str]


class PersistentCounters:
    """Monotonic counters by name and labels. A crash loses what was counted since the last `flush`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._stored: Counter[Key] = Counter()
        self._new: Counter[Key] = Counter()

    def load(self) -> None:
        """Read what earlier runs counted."""
        rows = self._database.read(lambda session: session.scalars(select(CounterValue)).all())
        with self._lock:
            self._stored = Counter({(row.name, row.labels): row.value for row in rows})

    def add(self, name: str, labels: Mapping[str, str] | None = None, by: float = 1) -> None:
        """Count; labels must not hold anything of a subscriber."""
        key = (name, json.dumps(dict(labels or {}), sort_keys=True, ensure_ascii=False))
        with self._lock:
            self._new[key] += by  # type: ignore[assignment]

    def values(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Every counter by name and sorted labels, with what earlier runs counted."""
        with self._lock:
            both = self._stored + self._new
        return {
            (name, tuple(sorted(json.loads(labels).items()))): value for (name, labels), value in both.items()
        }

    def flush(self) -> None:
        """Write what was counted since the last time."""
        with self._lock:
            new, self._new = self._new, Counter()
            self._stored += new
        if not new:
            return
        try:
            self._database.write(lambda session: _add(session, new))
        except BaseException:
            with self._lock:
                self._stored -= new
                self._new += new
            raise


def _add(session: Session, new: Counter[Key]) -> None:
    place = tuple_(CounterValue.name, CounterValue.labels)
    query = (
        select(CounterValue).where(place.in_(sorted(new))).order_by(CounterValue.name, CounterValue.labels)
    )
    there = {(row.name, row.labels): row for row in session.scalars(query.with_for_update())}
    for key, value in sorted(new.items()):
        row = there.get(key)
        if row is None:
            session.add(CounterValue(name=key[0], labels=key[1], value=float(value)))
        else:
            row.value += value
