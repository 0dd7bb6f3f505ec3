"""The life of a ticket: its states, which may follow which, and what each step asks for.

Complaint handling, section 2 (SD, RULES, CH). Waiting for the customer is no state: it is a flag that pauses
the clock (`callcause.loop.clock`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callcause_error import CallcauseError, did_you_mean


class LoopError(CallcauseError):
    """A step that a ticket may not take; `code` says which rule forbids it."""

    def __init__(self, code: str, message: str, *, key: str | None = None, hint: str | None = None) -> None:
        self.code = code
        super().__init__(message, key=key, hint=hint)


class State(StrEnum):
    """States of section 2; the Chinese names stand in `STATE_ZH`."""

    RECEIVED = "received"
    ENTERED = "entered"
    DIAGNOSED = "diagnosed"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    REPLIED = "replied"
    CALLED_BACK = "called_back"
    CLOSED = "closed"
    REOPENED = "reopened"
    ESCALATED = "escalated"
    MERGED = "merged"


STATE_ZH = {
    State.RECEIVED: "已受理",
    State.ENTERED: "已录入",
    State.DIAGNOSED: "已诊断",
    State.DISPATCHED: "已派单",
    State.ACCEPTED: "已接单",
    State.IN_PROGRESS: "处理中",
    State.RESOLVED: "已解决",
    State.REPLIED: "已回复",
    State.CALLED_BACK: "已回访",
    State.CLOSED: "已归档",
    State.REOPENED: "已重开",
    State.ESCALATED: "已升级",
    State.MERGED: "已并单",
}

OPEN = frozenset(State) - {State.CLOSED, State.MERGED}
"""States in which a ticket can still be escalated or merged into a parent incident."""
WITH_DEPARTMENT = frozenset({State.DISPATCHED, State.ACCEPTED, State.IN_PROGRESS, State.ESCALATED})
"""States in which a department may return the ticket; it then goes back to entered."""

_NEXT: dict[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.ENTERED}),
    State.ENTERED: frozenset({State.DIAGNOSED}),
    State.DIAGNOSED: frozenset({State.DISPATCHED}),
    State.DISPATCHED: frozenset({State.ACCEPTED, State.ENTERED}),
    State.ACCEPTED: frozenset({State.IN_PROGRESS, State.ENTERED}),
    State.IN_PROGRESS: frozenset({State.RESOLVED, State.ENTERED}),
    State.RESOLVED: frozenset({State.REPLIED}),
    State.REPLIED: frozenset({State.CALLED_BACK, State.REOPENED}),
    State.CALLED_BACK: frozenset({State.CLOSED, State.REOPENED}),
    State.CLOSED: frozenset({State.REOPENED}),
    State.REOPENED: frozenset({State.DISPATCHED}),
    State.ESCALATED: frozenset({State.ACCEPTED, State.ENTERED}),
    State.MERGED: frozenset({State.CLOSED}),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about a ticket when a step is asked for.

    `satisfaction`: 1 to 5, None = not recorded; `no_contact`: how it is documented that the customer could
    not be reached; `parent_closed`: of a merged ticket, whether its incident is closed.
    """

    state: State
    department: str | None = None
    satisfaction: int | None = None
    no_contact: str | None = None
    replied: bool = False
    parent: str | None = None
    parent_closed: bool = False


def next_states(state: State) -> frozenset[State]:
    """States that may follow; escalation and merging are possible from every open state."""
    more = {State.ESCALATED, State.MERGED} - {state} if state in OPEN else set()
    return _NEXT[state] | more


def parse_state(text: str) -> State:
    """Read a state; LoopError `unknown_state` with a suggestion."""
    try:
        return State(text)
    except ValueError as error:
        hint = did_you_mean(text, [str(state) for state in State])
        raise LoopError("unknown_state", f"no such state: {text!r}", key="state", hint=hint) from error


def check_step(now: Standing, to: State, *, why: str = "", department: str | None = None) -> None:
    """Refuse a step that section 2 does not allow or whose conditions are not met, with a LoopError."""
    if to not in next_states(now.state):
        allowed = ", ".join(sorted(next_states(now.state)))
        raise LoopError(
            "illegal_transition", f"{now.state} may not become {to}; it may become {allowed}", key="state"
        )
    if to is State.DISPATCHED and not department:
        raise LoopError("department_missing", "a dispatch names its department", key="department")
    if to is State.MERGED and not now.parent:
        raise LoopError("parent_missing", "a merge names its parent incident", key="parent")
    if to is State.CLOSED:
        _check_close(now)
    if _needs_reason(now.state, to) and not why.strip():
        raise LoopError("reason_missing", f"{to} from {now.state} needs a reason", key="why")


def _needs_reason(state: State, to: State) -> bool:
    returned = to is State.ENTERED and state in WITH_DEPARTMENT
    return returned or to in (State.ESCALATED, State.REOPENED)


def _check_close(now: Standing) -> None:
    """Close only after reply and recorded satisfaction, or a documented no-contact (SD)."""
    if now.state is State.MERGED:
        if not now.parent_closed:
            raise LoopError("parent_open", "a merged ticket closes with its parent incident", key="parent")
        return
    if not now.replied:
        raise LoopError("reply_missing", "a ticket closes only after a reply to the customer", key="replied")
    if now.satisfaction is None and not (now.no_contact or "").strip():
        raise LoopError(
            "satisfaction_missing",
            "a ticket closes only with recorded satisfaction or a documented no-contact",
            key="satisfaction",
        )


def is_return(state: State, to: State) -> bool:
    """Whether a step is a department giving the ticket back: a wrong dispatch is counted."""
    return state in WITH_DEPARTMENT and to is State.ENTERED


def takes_ownership(to: State) -> bool:
    """Whether the actor's department becomes responsible: only by accepting (首问负责, RULES)."""
    return to is State.ACCEPTED
