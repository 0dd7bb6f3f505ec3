"""The effect of a remedy: the checks that failed at the diagnosis, run again over a window as long after it.

A check is run twice: as the person (an own call or registration after the remedy) and as the place (the cell
of the diagnosis, whoever used it). What says nothing about the time after the remedy is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from diagnosis.places import told_place

IMPROVED, NOT_IMPROVED, NO_DATA = "improved", "not_improved", "no_data"
HOUR = timedelta(hours=1)
SAME_PLACE = ("cell ", "node ", "neighbour of cell ", "network")
"""Places that are compared with themselves only."""
IDENTITIES = ("msisdn", "customer_id", "imei", "other_party_number")
AT_PLACE = "@place"
Contract = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when the checks are run again; `moment`: the complaint time that stands for it."""

    start: datetime
    end: datetime

    @property
    def moment(self) -> datetime:
        """Return the middle of the window's last hour: counters are read by whole hours."""
        return self.end - HOUR / 2


def failing(contract: Contract, confirmed: str) -> list[dict[str, Any]]:
    """Return the checks that hit and may change: those behind the confirmed cause, else all.

    What a ticket says of itself stays as it is, so a check of the ticket is left out.
    """
    hit = [c for c in contract["checks"] if c["outcome"] == "HIT" and not _of_ticket(c["at"])]
    behind = {check for c in contract["causes"] if c["id"] == confirmed for check in c["supported_by"]}
    return [c for c in hit if c["id"] in behind] or hit


def window_after(checks: Sequence[Contract], remedied_at: datetime, settle: timedelta) -> Window:
    """Return a window as long as the longest of the checks, in whole hours, once the remedy has settled."""
    spans = [_span(check["period"]) for check in checks if check["period"]]
    hours = max((-(-span // HOUR) for span in spans if span <= timedelta(days=1)), default=1)
    after = remedied_at + settle
    start = after.replace(minute=0, second=0, microsecond=0)
    start = start if start == after else start + HOUR
    return Window(start, start + max(hours, 1) * HOUR)


def tickets_after(told: Mapping[str, Any], checks: Sequence[Contract], moment: datetime) -> list[Any]:
    """Return the ticket as if it came at the moment: as the person, and as the place without a person."""
    at = {"received_at": moment.isoformat(), "occurred_at": moment.isoformat()}
    again = {**told, **at}
    places = (told_place(c["at"]) for c in checks)
    cell = next((name for kind, name in places if kind == "cell"), None)
    place = {name: value for name, value in again.items() if name not in IDENTITIES}
    return [again, {**place, "id": told["id"] + AT_PLACE, **({"ecgi": cell} if cell else {})}]


def judge(checks: Sequence[Contract], after: Sequence[Contract], remedied_at: datetime) -> dict[str, Any]:
    """Compare each failing check with what it says now: improved where none hits any more.

    `no_data` where none of them was answered: absent data is not a remedy that helped.
    """
    compared = [_compared(check, after, remedied_at) for check in checks]
    said = [one["after"]["outcome"] for one in compared]
    better = IMPROVED if "MISS" in said else NO_DATA
    outcome = NOT_IMPROVED if "HIT" in said else better
    return {"outcome": outcome, "checks": compared}


def _compared(check: Contract, after: Sequence[Contract], remedied_at: datetime) -> dict[str, Any]:
    found = [one for contract in after for one in contract["checks"] if one["id"] == check["id"]]
    said = [
        {**one, "outcome": now}
        for one in found
        if not _elsewhere_or_before(check, one, remedied_at) and (now := outcome_now(check, one)) != "NO_DATA"
    ]
    answer = said[0] if said else {"outcome": "NO_DATA", "reading": None, "at": "", "period": None}
    keys = ("outcome", "reading", "at", "period")
    return {
        "id": check["id"],
        "unit": check.get("unit"),
        "threshold": check.get("threshold"),
        "before": {key: check.get(key) for key in keys},
        "after": {key: answer.get(key) for key in keys},
    }


def outcome_now(before: Contract, after: Contract) -> str:
    """Return what became of the conditions that hit: HIT where one still does, MISS where none does.

    A check of several conditions is judged by those that had hit; the others are not asked again.
    """
    if not before.get("conditions"):
        return str(after["outcome"]) if after["outcome"] in ("HIT", "MISS") else "NO_DATA"
    now = {_condition(one): one["outcome"] for one in after.get("conditions") or ()}
    hit = [now.get(_condition(one), "NO_DATA") for one in before["conditions"] if one["outcome"] == "HIT"]
    if "HIT" in hit:
        return "HIT"
    return "MISS" if hit and set(hit) == {"MISS"} else "NO_DATA"


def _condition(one: Contract) -> tuple[Any, ...]:
    return one["when"], one["cause"], one["level"]


def _elsewhere_or_before(before: Contract, found: Contract, remedied_at: datetime) -> bool:
    """Whether a check speaks of another place, or of a time before the remedy.

    A value without a time, of an inventory or a subscription, that says what it said before is no word about
    the time after: it may be the same copy. One that says something else is newer.
    """
    if found["period"] is None and found["outcome"] == "HIT":
        return True
    same = told_place(found["at"]) == told_place(before["at"])
    if before["at"].startswith(SAME_PLACE) and not same:
        return True
    if before["at"].startswith(("call ", "registration ")) and same:
        return True
    return bool(found["period"]) and datetime.fromisoformat(found["period"][1]) <= remedied_at


def _of_ticket(at: str) -> bool:
    return at == "" or at.startswith("ticket ")


def _span(period: Sequence[str]) -> timedelta:
    return datetime.fromisoformat(period[1]) - datetime.fromisoformat(period[0])
