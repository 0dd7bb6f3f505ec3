"""Pages of a list that grows while it is read: the next page begins after the last row of this one."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from callcause.service.problem import Problem


def cursor(at: datetime, name: str) -> str:
    """Return the place after a row, as a text without meaning to others."""
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), name]).encode()).decode().rstrip("=")


def place(text: str) -> tuple[datetime, str]:
    """Return the place of a cursor; Problem 400 where it is none of ours."""
    try:
        at, name = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return datetime.fromisoformat(at).astimezone(UTC), str(name)
    except (ValueError, TypeError, binascii.Error):
        raise Problem(400, "`after` is no place of this list") from None


def page(rows: Sequence[Any], limit: int, at: str) -> tuple[Sequence[Any], str | None]:
    """Return the rows of one page, of one more than `limit` that were asked for, and the next place."""
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor(getattr(last, at), last.id)
