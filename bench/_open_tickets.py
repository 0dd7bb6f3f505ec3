"""Many open tickets in a state database, as a busy province has them, written at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import insert, text

from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.ticket import DONE, Ticket

STATES = {"dispatched": 0.4, "accepted": 0.25, "in_progress": 0.2, "resolved": 0.08, "diagnosed": 0.07}
HOLDERS = ("RAN optimisation", "IMS core", "EPC core", "HSS user data", "Terminal support", "Transport",
           "Front office", "RAN maintenance", "CS core")  # fmt: skip
CATEGORIES = ("registration", "access", "drop", "mos", "csfb", "other")
REGIONS = tuple(f"08{n}" for n in range(70, 86))
CAUSES = tuple(f"cause-{n}" for n in range(80))
CHUNK = 5000


def fill(database: Database, number: int) -> None:
    """Add `number` open tickets."""
    rng, now = np.random.default_rng(1), utc_now()
    for start in range(0, number, CHUNK):
        rows = _rows(range(start, min(number, start + CHUNK)), rng, now)
        database.write(lambda session, rows=rows: session.execute(insert(Ticket), rows))
    # What a server does by itself after such a load.
    word = "ANALYZE" if database.dialect == "sqlite" else "VACUUM (ANALYZE)"
    with database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(word))


def _rows(numbers: range, rng: np.random.Generator, now: datetime) -> list[dict[str, Any]]:
    n = len(numbers)
    drawn = {
        "state": rng.choice(list(STATES), n, p=list(STATES.values())).tolist(),
        "holder": rng.choice(HOLDERS, n).tolist(),
        "region": rng.choice(REGIONS, n).tolist(),
        "category": rng.choice(CATEGORIES, n).tolist(),
        "top_cause": rng.choice(CAUSES, n).tolist(),
        "priority": rng.choice(["P1", "P2", "P3"], n, p=[0.02, 0.2, 0.78]).tolist(),
        "customer": [f"c{k}" for k in rng.integers(0, 80_000, n)],
    }
    ages, waits = rng.exponential(30.0, n).tolist(), (rng.random(n) < 0.05).tolist()
    columns = [dict(zip(drawn, values, strict=True)) for values in zip(*drawn.values(), strict=True)]
    return [
        {**column, **_row(number, column, now - timedelta(hours=age), waits=wait)}
        for number, column, age, wait in zip(numbers, columns, ages, waits, strict=True)
    ]


def _row(number: int, drawn: dict[str, Any], received: datetime, *, waits: bool) -> dict[str, Any]:
    name = f"B-{number:07d}"
    record = {"id": name, "received_at": received.isoformat(), "region": drawn["region"], "absent": [],
              "description": "a call that ended by itself, " * 12}  # fmt: skip
    return {
        "id": name, "version": 3, "record": record, "source": "http", "received_at": received,
        "taken_in_at": received, "in_store": True, "diagnosis": DONE, "diagnosed_at": received,
        "verdict": "cause", "department": drawn["holder"], "owner": "Front office", "clustered": True,
        "entered_at": received, "dispatched_at": received,
        "reply_due_at": None if waits else received + timedelta(hours=48),
        "handling_due_at": None if waits else received + timedelta(hours=3),
        "hold_due_at": None if waits else received + timedelta(hours=24),
        "waiting_since": received if waits else None,
    }  # fmt: skip
