"""The month goes by: tickets are posted as they come in, people take their steps, engineers look around."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from callcause.rehearsal.actor import Deed, Handling, handling
from callcause.rehearsal.month import Month
from callcause.rehearsal.running import EFFECTS, RunningService
from callcause_error import CallcauseError

AFTER = timedelta(days=4)
"""After the month no ticket comes any more; what is open is brought to its end."""
POSTED = 500
MERGES = 0.5
"""Share of the tickets of a mass incident that the engineer merges; the others are handled one by one."""
MERGEABLE = ("entered", "diagnosed", "dispatched")


class Drive:
    """Moves the shared moment from slot to slot and does what is due in each."""

    def __init__(
        self, service: RunningService, month: Month, departments: Mapping[str, tuple[str, ...]],
        slot: timedelta, seed: int,
    ) -> None:  # fmt: skip
        self._service, self._month, self._slot, self._seed = service, month, slot, seed
        self._departments = departments
        self._waiting = list(reversed(month.tickets))
        self._due: list[tuple[datetime, str]] = []
        self._handled: dict[str, Handling] = {}
        self._seen: set[str] = set()
        self._closing: list[tuple[datetime, str]] = []
        self._merged: dict[str, list[str]] = {}
        self.counts: Counter[str] = Counter()

    def before(self) -> None:
        """Take in the daily counts of the half year before."""
        self._service.moment.move_to(self._month.begin)
        for start in range(0, len(self._month.history), 5000):
            self._service.post("/warnings/history", self._month.history[start : start + 5000], "admin")

    def until(self, end: datetime) -> None:
        """Let the time go by until `end`; a slot in which nothing is due is passed over."""
        now = self._service.moment.read()
        while now < end:
            now = min(end, now + self._slot)
            self._people(now)
            self._service.moment.move_to(now)
            self._post(now)
            self._settle(now)
            self._engineers(now)

    def _post(self, now: datetime) -> None:
        """Post the tickets that were entered in this slot, and wait for their diagnoses."""
        batch: list[dict[str, str]] = []
        while self._waiting and datetime.fromisoformat(self._waiting[-1]["entered_at"]) <= now:
            batch.append(self._waiting.pop())
        for start in range(0, len(batch), POSTED):
            self._service.post("/tickets", batch[start : start + POSTED])
        self.counts["posted"] += len(batch)
        if batch:
            self._service.until(self._idle, "all tickets are diagnosed and clustered")
        for ticket in batch:
            name, truth = ticket["id"], self._month.truth[ticket["id"]]
            one = handling(name, truth, self._departments.get(truth.cause, ("Front office",)), self._seed)
            self._handled[name] = one
            heapq.heappush(self._due, (now + one.rest("dispatched"), name))

    def _idle(self) -> bool:
        work = self._service.get("/work")
        return not work["undiagnosed"] and not work["unclustered"]

    def _settle(self, now: datetime) -> None:
        """Wait until the service has judged the day at this moment."""

        def judged() -> bool:
            at = self._service.get("/work")["warnings_judged_at"]
            return at is not None and now - datetime.fromisoformat(at) < timedelta(hours=1)

        self._service.until(judged, "the day is judged")

    def _people(self, until: datetime) -> None:
        """Take all steps that are due before `until`, in their order."""
        while self._due and self._due[0][0] <= until:
            at, name = heapq.heappop(self._due)
            self._service.moment.move_to(at)
            self._act(self._handled[name], at)

    def _act(self, one: Handling, now: datetime) -> None:
        path = f"/tickets/{quote(one.ticket)}"
        life = self._service.get(f"{path}/life")
        deed = one.deed(life, now)
        if deed is None:
            return
        if isinstance(deed, Deed):
            life = self._do(path, deed, life)
            self.counts[deed.path] += 1
            deed = one.rest(str(life["state"])) if life["state"] in _RESTING else timedelta(0)
            if life["state"] == "closed":
                return
        heapq.heappush(self._due, (now + max(deed, timedelta(minutes=1)), one.ticket))

    def _do(self, path: str, deed: Deed, life: Mapping[str, Any]) -> Mapping[str, Any]:
        """Post a deed; where the service itself has changed the ticket meanwhile, it is read again."""
        for _ in range(5):
            body = {**deed.body, "version": life["version"]}
            answer = self._service.answer("POST", f"{path}/{deed.path}", "engineer", body)
            if answer.status_code == 200:
                found: Mapping[str, Any] = answer.json()
                return found
            life = self._service.get(f"{path}/life")
        raise CallcauseError(f"{path}/{deed.path} answered {answer.status_code}: {answer.text[:300]}")

    def _engineers(self, now: datetime) -> None:
        """Look at new clusters and at raised warnings; close incidents that are over."""
        self._clusters(now)
        self._warnings()
        while self._closing and self._closing[0][0] <= now:
            self._close(heapq.heappop(self._closing)[1])

    def _clusters(self, now: datetime) -> None:
        for found in self._service.get("/clusters", state="open", limit=1000)["clusters"]:
            if found["id"] in self._seen:
                continue
            self._seen.add(found["id"])
            tickets = self._service.get(f"/clusters/{found['id']}")["children"]
            mass = Counter(self._month.truth[t["id"]].mass for t in tickets).most_common(1)
            own = mass[0][0] if mass and mass[0][1] * 2 > len(tickets) else ""
            if own:
                self._merge(found["id"], [t["id"] for t in tickets if t["state"] in MERGEABLE])
            ends = datetime.fromisoformat(self._month.mass[own]["end"]) if own else now
            heapq.heappush(self._closing, (max(now, ends) + timedelta(hours=6), found["id"]))

    def _merge(self, incident: str, tickets: list[str]) -> None:
        chosen = sorted(tickets)[: round(MERGES * len(tickets))]
        if chosen:
            body = {"tickets": chosen, "why": "the same fault"}
            done = self._service.post(f"/clusters/{incident}/merge", body)["merged"]
            self._merged[incident] = done
            self.counts["merged"] += len(done)

    def _close(self, incident: str) -> None:
        version = self._service.get(f"/clusters/{incident}")["version"]
        merged = [self._month.truth[name] for name in self._merged.get(incident, ())]
        body = {"version": version, "why": "the fault is over"}
        if merged:
            # What most of them had; who complained of something else is told apart.
            cause = Counter(truth.confirmed for truth in merged).most_common(1)[0][0]
            remedied = max(truth.remedied_at for truth in merged if truth.confirmed == cause)
            body |= {"confirmed_cause": cause, "remedied_at": remedied.isoformat()}
        self._service.post(f"/clusters/{incident}/close", body)
        for name in self._merged.get(incident, ()):
            truth = self._month.truth[name]
            if truth.confirmed != body["confirmed_cause"]:
                told = {"confirmed_cause": truth.confirmed, "remedied_at": truth.remedied_at.isoformat()}
                self._service.post(f"/tickets/{quote(name)}/feedback", told)

    def _warnings(self) -> None:
        """Review what was raised as who knows the truth would: approve and publish, or reject."""
        for found in self._service.get("/warnings", state="raised", limit=1000)["warnings"]:
            day = datetime.fromisoformat(found["day"]).date()
            right = (found["type"], found["region"], day) in self._month.surges
            steps = ("approved", "published") if right else ("rejected",)
            version = found["version"]
            for to in steps:
                body = {"to": to, "version": version, "why": "checked with the departments"}
                version = self._service.post(f"/warnings/{found['id']}/steps", body, "approver")["version"]

    def _following(self) -> datetime | None:
        """Return when somebody does something next."""
        return min((queue[0][0] for queue in (self._due, self._closing) if queue), default=None)

    def _looked(self, since: datetime) -> bool:
        at = self._service.get("/work")["effects_looked_at"]
        return at is not None and datetime.fromisoformat(at) >= since

    def end(self) -> None:
        """Bring what is open to its end."""
        last = self._month.end + AFTER
        while (following := self._following()) is not None and following <= last:
            self.until(min(last, following + self._slot))
        self._service.moment.move_to(last + EFFECTS)
        self._service.until(lambda: self._looked(last), "the effects of the last remedies are looked at")
        if self._waiting:
            raise CallcauseError(f"{len(self._waiting)} tickets were never posted")


_RESTING = frozenset(
    {"dispatched", "accepted", "in_progress", "resolved", "replied", "called_back", "entered", "diagnosed",
     "reopened", "escalated"}
)  # fmt: skip
