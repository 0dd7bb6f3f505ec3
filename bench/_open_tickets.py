"""Many open tickets in a state database, as a busy province has them, written at once."""

from __future__ import annotations

from datetime import timedelta
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
        rows = [_row(n, rng, now) for n in range(start, min(number, start + CHUNK))]
        database.write(lambda session, rows=rows: session.execute(insert(Ticket), rows))  # type: ignore[misc]
    # What a server does by itself after such a load.
    words = ("ANALYZE",) if database.dialect == "sqlite" else ("VACUUM (ANALYZE)",)
    with database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for word in words:
            connection.execute(text(word))


def _row(number: int, rng: np.random.Generator, now: Any) -> dict[str, Any]:
    received = now - timedelta(hours=float(rng.exponential(30.0)))
    state = str(rng.choice(list(STATES), p=list(STATES.values())))
    holder, region = str(rng.choice(HOLDERS)), str(rng.choice(REGIONS))
    waits = rng.random() < 0.05
    record = {"id": f"B-{number:07d}", "received_at": received.isoformat(), "region": region, "absent": [],
              "description": "a call that ended by itself, " * 12}  # fmt: skip
    return {
        "id": f"B-{number:07d}", "version": 3, "record": record, "source": "http", "state": state,
        "received_at": received, "taken_in_at": received, "in_store": True, "diagnosis": DONE,
        "diagnosed_at": received, "verdict": "cause", "category": str(rng.choice(CATEGORIES)),
        "top_cause": str(rng.choice(CAUSES)), "department": holder, "region": region, "holder": holder,
        "owner": "Front office", "priority": str(rng.choice(["P1", "P2", "P3"], p=[0.02, 0.2, 0.78])),
        "customer": f"c{rng.integers(0, 80_000)}", "clustered": True, "entered_at": received,
        "dispatched_at": received, "reply_due_at": None if waits else received + timedelta(hours=48),
        "handling_due_at": None if waits else received + timedelta(hours=3),
        "hold_due_at": None if waits else received + timedelta(hours=24),
        "waiting_since": received if waits else None,
    }  # fmt: skip
