"""SIP: sightings find their conversation; conversations are told when their outcome is known."""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from datetime import UTC, datetime

from collectors.signalling.call import Calls
from collectors.signalling.conversation import Conversation, Row, Told
from collectors.signalling.correlation import Correlation, icid_of, session_id_of
from collectors.signalling.frames import Frames, frame_of
from collectors.signalling.hop import Hop, HopKey, branch_of, hop_key, make_hop
from collectors.signalling.message import SipMessage
from collectors.signalling.nodes import NodeBook
from collectors.signalling.registration import Registrations
from collectors.signalling.settings import SignallingSettings
from collectors.signalling.sighting import Sighting
from collectors.signalling.subscribers import Subscribers
from collectors.signalling.transaction import CHALLENGES

# RFC 3261 17.1.1.1: nobody sends a message again before T1 (500 ms); half of it parts the copies of both
# ends of a hop from a retransmission.
_COPY_WITHIN_S = 0.25
_MAX_OF_ONE = 2_000
_LOOK_AGAIN_S = 0.1
_CLOSED = 50_000
_OF_A_CALL = frozenset({"ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO"})


class SipPart:
    """The part of an assembly that reads SIP: rows of registration, call and hop.

    `counts`: every message ends in one of message, duplicate, retransmission, late, no_dialog,
    no_registration, not_kept, conversation_full. Also conversations: evicted, registration_without_imsi,
    call_without_invite, call_without_end.
    """

    def __init__(self, settings: SignallingSettings | None = None) -> None:
        self.settings = settings or SignallingSettings()
        self.book = NodeBook(self.settings.nodes)
        self.subscribers = Subscribers(self.settings.max_subscribers)
        self._registrations = Registrations(self.settings, self.book, self.subscribers)
        self._calls = Calls(self.settings, self.book, self.subscribers)
        # One counter for all three, so that it stays one truth.
        self.counts: Counter[str] = Counter()
        self._registrations.counts = self._calls.counts = self.counts
        self._open: OrderedDict[int, Conversation] = OrderedDict()
        self._correlation = Correlation()
        self._closed: OrderedDict[str, int] = OrderedDict()
        self._due: list[tuple[float, int]] = []
        self._held = 0
        self._numbers = 0
        self._latest: datetime | None = None

    @property
    def held(self) -> int:
        """Messages in memory, and a share for every conversation."""
        return self._held + len(self._open)

    def take(self, sighting: Sighting) -> None:
        """Take one sighting of SIP; others are left to other parts."""
        message = sighting.message
        if isinstance(message, SipMessage):
            self.counts[self._place(sighting, message)] += 1
            if self._latest is None or sighting.at > self._latest:
                self._latest = sighting.at

    def ripe(self, now: datetime) -> Frames:
        """Tell what is complete by `now`."""
        moment = now.timestamp()
        rows: dict[str, list[Row]] = {}
        while self._due and self._due[0][0] <= moment:
            due, number = heapq.heappop(self._due)
            conversation = self._open.get(number)
            if conversation is not None and conversation.due == due:
                self._look(conversation, moment, rows)
        return {kind: frame_of(kind, some) for kind, some in rows.items()}

    def rest(self) -> Frames:
        """Tell everything that is open and forget it."""
        rows: dict[str, list[Row]] = {}
        end = self._latest or datetime.fromtimestamp(0, UTC)
        for conversation in list(self._open.values()):
            self._look(conversation, end.timestamp() + self.settings.settle_s, rows)
            if conversation.number in self._open:
                _gather(rows, self._evaluator(conversation).tell_open(conversation))
                self._close(conversation)
        return {kind: frame_of(kind, some) for kind, some in rows.items()}

    # --- from a message to its conversation

    def _place(self, sighting: Sighting, message: SipMessage) -> str:
        vias = message.vias
        branch = branch_of(vias[0])
        key = hop_key(message, branch)
        conversation = self._correlation.by_call_id(message.call_id)
        if conversation is None:
            found = self._begin(message)
            if isinstance(found, str):
                return found
            conversation = found
        hop = conversation.hops.get(key)
        if hop is not None:
            return _again(hop, sighting)
        if conversation.seen and hash(key) in conversation.seen:
            return "late"
        if len(conversation.hops) >= _MAX_OF_ONE:
            return "conversation_full"
        hop = make_hop(sighting, message, vias, branch)
        self._keep(conversation, key, hop, message)
        return "message"

    def _begin(self, message: SipMessage) -> Conversation | str:
        """Find or open the conversation of a Call-ID that is new, or say why there is none."""
        method, call_id = message.method, message.call_id
        closed = self._closed.get(call_id)
        if closed is not None and (method != "REGISTER" or message.cseq <= closed):
            return "late"
        if method == "REGISTER":
            if message.from_uri != message.to_uri:
                return self._third_party(message)
            return self._opened("REGISTER", message)
        if method == "INVITE" and (message.status is not None or not message.to_tag):
            same = self._correlation.same_call(message)
            if same is None:
                return self._opened("INVITE", message)
            self._correlation.add_call_id(same, call_id)
            return same
        return "no_dialog" if method in _OF_A_CALL or method == "INVITE" else "not_kept"

    def _opened(self, kind: str, message: SipMessage) -> Conversation:
        self._numbers += 1
        made = Conversation("INVITE" if kind == "INVITE" else "REGISTER", self._numbers)
        self._open[made.number] = made
        self._correlation.add_call_id(made, message.call_id)
        if kind == "REGISTER":
            self._correlation.add_identity(made, message.to_uri)
        return made

    def _third_party(self, message: SipMessage) -> Conversation | str:
        """Put the REGISTER of an S-CSCF towards an application server beside the one of the phone."""
        own = self._correlation.registration_of(message)
        if own is None:
            return "no_registration"
        self._correlation.add_call_id(own, message.call_id)
        own.aside.add(message.call_id)
        return own

    def _keep(self, conversation: Conversation, key: HopKey, hop: Hop, message: SipMessage) -> None:
        conversation.hops[key] = hop
        self._held += 1
        if hop.status is None and hop.method in ("INVITE", "REGISTER"):
            conversation = self._correlate(conversation, message)
        self._wake(conversation, hop)
        while self._held + len(self._open) > self.settings.max_messages:
            self._evict()

    def _correlate(self, conversation: Conversation, message: SipMessage) -> Conversation:
        """Note ICID and Session-ID; two conversations that turn out to be one become one."""
        icid, session = icid_of(message), session_id_of(message)
        other = self._correlation.note(conversation, icid, session)
        if other is None or other.kept is not None or conversation.kept is not None:
            return conversation
        into, away = sorted((conversation, other), key=lambda one: one.number)
        held = len(into.hops) + len(away.hops)
        self._correlation.merge(into, away)
        self._held -= held - len(into.hops)
        del self._open[away.number]
        self._schedule(into, min(into.due, away.due))
        return into

    # --- when to look at a conversation

    def _wake(self, conversation: Conversation, hop: Hop) -> None:
        wait = self._wait(conversation, hop)
        if wait is not None:
            self._schedule(conversation, min(conversation.due, hop.at.timestamp() + wait))

    def _wait(self, conversation: Conversation, hop: Hop) -> float | None:
        settings, is_edge = self.settings, hop.vias <= conversation.edge
        if is_edge:
            conversation.edge = hop.vias
        if hop.method == conversation.kind:
            if hop.status is None:
                return settings.early_s
            if hop.status >= 200 and (is_edge or hop.call_id in conversation.aside):
                return settings.challenge_s if hop.status in CHALLENGES else settings.settle_s
        elif hop.method == "BYE":
            return settings.settle_s
        elif hop.method == "CANCEL":
            return settings.challenge_s
        return None

    def _schedule(self, conversation: Conversation, due: float) -> None:
        if due != conversation.due:
            conversation.due = due
            heapq.heappush(self._due, (due, conversation.number))

    def _look(self, conversation: Conversation, moment: float, rows: dict[str, list[Row]]) -> None:
        held = len(conversation.hops)
        told = self._evaluator(conversation).evaluate(conversation, moment)
        self._held -= held - len(conversation.hops)
        _gather(rows, told)
        if told.again is None:
            self._close(conversation)
        else:
            conversation.due = float("inf")
            # Later than now: a wait that is over already would be looked at without end.
            self._schedule(conversation, max(told.again, moment + _LOOK_AGAIN_S))

    def _evaluator(self, conversation: Conversation) -> Calls | Registrations:
        return self._calls if conversation.kind == "INVITE" else self._registrations

    # --- the end of a conversation

    def _close(self, conversation: Conversation) -> None:
        self._held -= len(conversation.hops)
        self._open.pop(conversation.number, None)
        self._correlation.remove(conversation)
        for call_id in conversation.call_ids:
            self._closed[call_id] = conversation.last_cseq
            self._closed.move_to_end(call_id)
        while len(self._closed) > _CLOSED:
            self._closed.popitem(last=False)

    def _evict(self) -> None:
        """Make room: the oldest conversation goes untold, counted."""
        self.counts["evicted"] += 1
        self._close(next(iter(self._open.values())))


def _again(hop: Hop, sighting: Sighting) -> str:
    hop.sightings += 1
    apart = abs((sighting.at - hop.at).total_seconds())
    hop.at = min(hop.at, sighting.at)
    return "duplicate" if apart < _COPY_WITHIN_S else "retransmission"


def _gather(rows: dict[str, list[Row]], told: Told) -> None:
    for kind, some in told.rows.items():
        rows.setdefault(kind, []).extend(some)
