"""Calls: when the messages of a conversation tell an outcome, and what is kept of a call that goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from collectors.signalling.call_row import (
    Leg,
    Setup,
    access_network_of,
    failed_end,
    legs_of,
    released_end,
)
from collectors.signalling.conversation import Conversation, Row, Told
from collectors.signalling.failure import first_failure
from collectors.signalling.ladder import hop_rows
from collectors.signalling.nodes import NodeBook
from collectors.signalling.reason import reasons_of
from collectors.signalling.settings import SignallingSettings
from collectors.signalling.subscribers import Subscribers
from collectors.signalling.transaction import CHALLENGES, Transaction, roots, transactions


@dataclass(slots=True)
class Running:
    """An answered call: its legs, the tags of its dialogs, the Reasons so far, and when it began."""

    legs: list[Leg]
    tags: dict[str, str]
    reasons: list[Row]
    answered: float


class Calls:
    """Tells calls: when they failed, were answered, ended; early where that takes long."""

    def __init__(self, settings: SignallingSettings, book: NodeBook, subscribers: Subscribers) -> None:
        self._settings, self._book, self._subscribers = settings, book, subscribers
        self.counts: Counter[str] = Counter()

    def evaluate(self, conversation: Conversation, now: float) -> Told:
        """Tell what is known by `now`."""
        told = Told()
        if not isinstance(conversation.kept, Running):
            self._set_up(conversation, now, told)
        if isinstance(conversation.kept, Running):
            self._go_on(conversation, conversation.kept, now, told)
        return told

    def _set_up(self, conversation: Conversation, now: float, told: Told) -> None:
        setup = self._setup(conversation)
        if setup is None:
            self.counts["call_without_invite"] += 1
            return
        settled_at = self._settled_at(setup)
        if now < settled_at:
            early_at = setup.own[0].at.timestamp() + self._settings.early_s
            if now >= early_at:
                if not conversation.told:
                    self._tell(conversation, self._legs(setup), setup.every, told)
                early_at = settled_at
            told.wake(min(early_at, settled_at))
            return
        legs = self._legs(setup)
        status = setup.last.status
        if status is not None and status < 300:
            self._answered(conversation, setup, legs, told)
            return
        for leg in legs:
            leg.row.update(failed_end(leg, setup))
        self._tell(conversation, legs, setup.every, told)
        conversation.drop(list(conversation.hops))

    def tell_open(self, conversation: Conversation) -> Told:
        """Tell what is known of a call that is still being set up; an answered one was told before."""
        told = Told()
        if not isinstance(conversation.kept, Running):
            setup = self._setup(conversation)
            if setup is None:
                self.counts["call_without_invite"] += 1
            else:
                self._tell(conversation, self._legs(setup), setup.every, told)
        return told

    def _setup(self, conversation: Conversation) -> Setup | None:
        every = transactions(conversation.hops.values(), self._book)
        # A request without a tag in To begins a dialog; with one it is a re-INVITE (RFC 3261 12, 14).
        own = [one for one in roots(every) if one.method == "INVITE" and not _in_dialog(one)]
        if not own:
            return None
        first = own[0]
        own = [one for one in own if one is first or _follows_challenge(first, one)]
        failure = first_failure(own[-1], challenge_fails=True)
        return Setup(own, every, failure, next(iter(conversation.icids), ""))

    def _legs(self, setup: Setup) -> list[Leg]:
        return legs_of(setup, self._subscribers, sees_as="as" in self._book.types)

    def _settled_at(self, setup: Setup) -> float:
        """When the outcome of a set-up is certain, as far as it is known now."""
        final = setup.last.final
        if final is not None:
            wait = self._settings.challenge_s if final.status in CHALLENGES else self._settings.settle_s
            return final.at.timestamp() + wait
        cancel = next((one for one in setup.every if one.method == "CANCEL"), None)
        if cancel is not None:
            return cancel.at.timestamp() + self._settings.challenge_s
        silent = not setup.last.alive
        wait = self._settings.unanswered_s if silent else self._settings.setup_s
        return setup.last.at.timestamp() + wait

    def _answered(self, conversation: Conversation, setup: Setup, legs: list[Leg], told: Told) -> None:
        """Tell an answered call at once and drop its messages, but for those of its end."""
        final = setup.last.final
        ending = {id(hop) for one in setup.every if one.method == "BYE" for hop in one.hops}
        self._tell(conversation, legs, setup.every, told, but=ending)
        tags = {one.call_id: one.hops[0].from_tag for one in setup.invites}
        reasons = reasons_of(hop for one in setup.every for hop in one.hops if id(hop) not in ending)
        conversation.kept = Running(legs, tags, reasons, final.at.timestamp() if final else 0.0)
        conversation.drop([key for key, hop in conversation.hops.items() if id(hop) not in ending])

    def _go_on(self, conversation: Conversation, running: Running, now: float, told: Told) -> None:
        every = transactions(conversation.hops.values(), self._book)
        bye = next((one for one in roots(every) if one.method == "BYE"), None)
        if bye is None:
            limit = running.answered + self._settings.call_s
            if now >= limit:
                self.counts["call_without_end"] += 1
                conversation.drop(list(conversation.hops))
            else:
                told.wake(limit)
            return
        settled_at = bye.at.timestamp() + self._settings.settle_s
        if now < settled_at:
            told.wake(settled_at)
            return
        reasons = _all_reasons(running, every)
        for leg in running.legs:
            leg.row.update(released_end(bye, _releasing_side(bye, running), reasons))
            cells = access_network_of(every, leg.phone)
            if cells and leg.row["p_access_network_info"] is None:
                leg.row["p_access_network_info"] = cells[0]
        self._tell(conversation, running.legs, every, told)
        conversation.drop(list(conversation.hops))

    def _tell(
        self,
        conversation: Conversation,
        legs: list[Leg],
        every: list[Transaction],
        told: Told,
        but: Collection[int] = (),
    ) -> None:
        """Tell the rows of the legs; the rungs stand under the first of them."""
        name = legs[0].row["id"]
        told.add("call", [dict(leg.row) for leg in legs])
        phones = {leg.phone: "calling" if leg.row["leg"] == "mo" else "called" for leg in legs}
        rungs = hop_rows(name, every, self._book, conversation.told.get(name, 0), but, phones)
        conversation.told[name] = conversation.told.get(name, 0) + len(rungs)
        told.add("hop", rungs)


def _in_dialog(one: Transaction) -> bool:
    request = one.request
    return request is None or bool(request.to_tag)


def _follows_challenge(first: Transaction, later: Transaction) -> bool:
    return first.status in CHALLENGES and later.call_id == first.call_id and later.cseq > first.cseq


def _all_reasons(running: Running, every: list[Transaction]) -> list[Row] | None:
    hops = sorted((hop for one in every for hop in one.hops), key=lambda hop: hop.at)
    found = running.reasons + [reason for reason in reasons_of(hops) if reason not in running.reasons]
    return found or None


def _releasing_side(bye: Transaction, running: Running) -> str:
    """Tell who sent the first BYE: a phone (by its address or the tags of the dialog), or the network."""
    if bye.sender.type not in ("ue", ""):
        return "network"
    for leg in running.legs:
        if bye.source == leg.phone:
            return "calling" if leg.row["leg"] == "mo" else "called"
    tag = running.tags.get(bye.call_id)
    return "calling" if tag is None or bye.hops[0].from_tag == tag else "called"
