"""The same request twice is done once: the answer to an idempotency key is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from callcause.loop.life import LoopError
from callcause.state.base import utc_now
from callcause.state.bookkeeping import Answered

MAX_KEY = 255
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Digests of who asked which route with which key, and of what was asked."""

    key: str
    request: str


def asked(who: str, route: str, key: str | None, content: str) -> Asked | None:
    """Return the digests; None without a key. `content` holds no clear identity."""
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY:
        raise LoopError("bad_key", f"an Idempotency-Key has 1 to {MAX_KEY} characters", key="Idempotency-Key")
    digest = hashlib.sha256(json.dumps([who, route, key]).encode()).hexdigest()
    return Asked(digest, hashlib.sha256(content.encode()).hexdigest())


def once(session: Session, request: Asked | None, work: Callable[[], Answer]) -> Answer:
    """Do the work unless its answer is there; both in one transaction."""
    if request is None:
        return work()
    row = session.get(Answered, request.key)
    if row is not None:
        if row.request != request.request:
            raise LoopError(
                "key_reused", "the Idempotency-Key was used with another content", key="Idempotency-Key"
            )
        return row.answer
    answer = work()
    session.add(Answered(key=request.key, request=request.request, status=200, answer=answer, at=utc_now()))
    return answer
