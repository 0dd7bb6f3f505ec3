"""Registration attempts (TS 24.229 5.1.1, 5.4.1): messages of a conversation become `registration` rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from collectors.signalling.conversation import Conversation, Row, Told
from collectors.signalling.header_value import split_values, uri_of
from collectors.signalling.ladder import hop_rows
from collectors.signalling.nodes import NodeBook
from collectors.signalling.record_id import record_id
from collectors.signalling.registration_row import Attempt, registration_row, request_of
from collectors.signalling.settings import SignallingSettings
from collectors.signalling.subscribers import Subscriber, Subscribers
from collectors.signalling.transaction import CHALLENGES, Transaction, roots, transactions


class Registrations:
    """Tells registrations; remembers who is registered."""

    def __init__(self, settings: SignallingSettings, book: NodeBook, subscribers: Subscribers) -> None:
        self._settings, self._book, self._subscribers = settings, book, subscribers
        self.counts: Counter[str] = Counter()

    def evaluate(self, conversation: Conversation, now: float) -> Told:
        """Tell the attempts whose outcome is known by `now`, and early what is known of slow ones."""
        told = Told()
        for attempt in self._attempts(conversation):
            self._attempt(conversation, attempt, now, told)
        return told

    def _attempt(self, conversation: Conversation, attempt: Attempt, now: float, told: Told) -> None:
        settled_at = self._settled_at(attempt)
        pending = _pending(attempt.others)
        limit = attempt.last.at.timestamp() + self._settings.unanswered_s
        if now < settled_at:
            early_at = attempt.last.at.timestamp() + self._settings.early_s
            if attempt.last.final is None and now >= early_at:
                self._tell(conversation, attempt, told, pending, outcome=False)
                early_at = settled_at
            told.wake(min(settled_at, early_at))
            return
        waiting = pending and now < limit
        name = record_id("RG", request_of(attempt.first))
        if not (waiting and name in conversation.outcomes):
            self._tell(conversation, attempt, told, waiting, outcome=True)
        if waiting:
            told.wake(min(now + self._settings.settle_s, limit))
            return
        mine = {id(hop) for one in attempt.every for hop in one.hops}
        conversation.drop([key for key, hop in conversation.hops.items() if id(hop) in mine])

    def tell_open(self, conversation: Conversation) -> Told:
        """Tell what is known of attempts that are still going on; nobody is blamed yet."""
        told = Told()
        for attempt in self._attempts(conversation):
            self._tell(conversation, attempt, told, pending=True, outcome=False, judge=False)
        return told

    def _attempts(self, conversation: Conversation) -> list[Attempt]:
        hops = conversation.hops.values()
        own = transactions([hop for hop in hops if hop.call_id not in conversation.aside], self._book)
        attempts = split_attempts([one for one in roots(own) if one.method == "REGISTER"])
        if attempts:
            others = [hop for hop in hops if hop.call_id in conversation.aside]
            attempts[-1].others = transactions(others, self._book)
        return attempts

    def _settled_at(self, attempt: Attempt) -> float:
        final = attempt.last.final
        if final is None:
            return attempt.last.at.timestamp() + self._settings.unanswered_s
        wait = self._settings.challenge_s if final.status in CHALLENGES else self._settings.settle_s
        return final.at.timestamp() + wait

    def _tell(
        self,
        conversation: Conversation,
        attempt: Attempt,
        told: Told,
        pending: bool,
        *,
        outcome: bool,
        judge: bool = True,
    ) -> None:
        row = registration_row(attempt, pending=pending, judge=judge)
        if not row["imsi"]:
            if outcome:
                self.counts["registration_without_imsi"] += 1
            return
        name = row["id"]
        if outcome:
            self._know(attempt, row, told, again=name in conversation.outcomes)
            conversation.outcomes.add(name)
        told.add("registration", [row])
        rungs = hop_rows(name, attempt.every, self._book, conversation.told.get(name, 0))
        conversation.told[name] = conversation.told.get(name, 0) + len(rungs)
        told.add("hop", rungs)

    def _know(self, attempt: Attempt, row: Row, told: Told, *, again: bool) -> None:
        """Put the attempt beside the one before it: what kind it is, and that the earlier one was renewed."""
        before = self._subscribers.find(row["impu"] or "", f"sip:{row['imsi']}@")
        ended = row["ended_at"]
        if before is not None and before.row["id"] != row["id"]:
            # RFC 3261 10.2.4: one Call-ID for all REGISTERs between two starts of the phone.
            if row["registration_type"] == "initial" and before.call_id == attempt.first.call_id:
                row["registration_type"] = "reregistration"
            if not again and before.row.get("next_register_at") is None:
                before.row["next_register_at"] = row["started_at"]
                if row["registration_type"] == "user_deregistration":
                    before.row["deregistered_by"] = "ue"
                told.add("registration", [dict(before.row)])
        if row["final_status"] == 200:
            self._remember(attempt, row, ended)

    def _remember(self, attempt: Attempt, row: Row, ended: datetime) -> None:
        expires = row["expires"]
        until = ended + timedelta(seconds=expires) if expires else None
        subscriber = Subscriber(row["imsi"], attempt.first.call_id, ended, until, dict(row))
        if row["registration_type"] == "user_deregistration":
            self._subscribers.forget(subscriber)
        final = attempt.last.final
        listed = final.headers.get("p-associated-uri", []) if final else []
        identities = [uri_of(value) for text in listed for value in split_values(text)]
        self._subscribers.remember([row["impu"] or "", f"sip:{row['imsi']}@", *identities], subscriber)


def split_attempts(own: Sequence[Transaction]) -> list[Attempt]:
    """Part the REGISTERs of a phone: one that follows a challenge belongs to the attempt before it."""
    attempts: list[Attempt] = []
    for root in own:
        if attempts and attempts[-1].last.status in CHALLENGES and attempts[-1].last.cseq < root.cseq:
            attempts[-1].roots.append(root)
        else:
            attempts.append(Attempt([root], []))
    return attempts


def _pending(others: Sequence[Transaction]) -> bool:
    return any(one.final is None for one in others)
