"""Which conversation a message belongs to: by Call-ID, ICID, Session-ID, in that order."""

from __future__ import annotations

from collectors.signalling.conversation import Conversation
from collectors.signalling.header_value import parameter
from collectors.signalling.message import SipMessage
from collectors.signalling.subscribers import identity_key

_NIL = "0" * 32


def icid_of(message: SipMessage) -> str:
    """Return the icid-value of P-Charging-Vector (RFC 7315 5.6), "" where there is none."""
    header = message.get("p-charging-vector")
    return parameter(";" + header, "icid-value") if header else ""


def session_id_of(message: SipMessage) -> str:
    """Return the local UUID of Session-ID (RFC 7989), "" where there is none."""
    value = message.get("session-id").partition(";")[0].strip().lower()
    return "" if value == _NIL else value


class Correlation:
    """Indexes of the open conversations."""

    def __init__(self) -> None:
        self._call_ids: dict[str, Conversation] = {}
        self._icids: dict[str, Conversation] = {}
        self._session_ids: dict[str, Conversation] = {}
        self._identities: dict[str, Conversation] = {}

    def by_call_id(self, call_id: str) -> Conversation | None:
        """Return the open conversation that a Call-ID belongs to."""
        return self._call_ids.get(call_id)

    def same_call(self, message: SipMessage) -> Conversation | None:
        """Return the open call that an INVITE with a Call-ID of its own belongs to."""
        found = self._icids.get(icid_of(message)) or self._session_ids.get(session_id_of(message))
        return found if found is not None and found.kind == "INVITE" else None

    def registration_of(self, message: SipMessage) -> Conversation | None:
        """Return the open registration that a third-party REGISTER was made for: by ICID, else by user."""
        found = self._icids.get(icid_of(message))
        if found is not None and found.kind == "REGISTER":
            return found
        return self._identities.get(identity_key(message.to_uri))

    def add_call_id(self, conversation: Conversation, call_id: str) -> None:
        """Give a Call-ID to a conversation."""
        conversation.call_ids[call_id] = None
        self._call_ids[call_id] = conversation

    def add_identity(self, conversation: Conversation, uri: str) -> None:
        """Say whom a registration is for; the latest counts."""
        key = identity_key(uri)
        if key:
            conversation.identity = key
            self._identities[key] = conversation

    def note(self, conversation: Conversation, icid: str, session_id: str) -> Conversation | None:
        """Note what else names the conversation; returns another one that had it before."""
        other: Conversation | None = None
        for value, own, index in (
            (icid, conversation.icids, self._icids),
            (session_id, conversation.session_ids, self._session_ids),
        ):
            if value and value not in own:
                own[value] = None
                there = index.setdefault(value, conversation)
                if (
                    other is None
                    and there is not conversation
                    and there.kind == conversation.kind == "INVITE"
                ):
                    other = there
        return other

    def merge(self, into: Conversation, away: Conversation) -> None:
        """Make two conversations one."""
        for key, hop in away.hops.items():
            into.hops.setdefault(key, hop)
        into.seen |= away.seen
        into.told |= away.told
        into.edge = min(into.edge, away.edge)
        for own, others, index in (
            (into.call_ids, away.call_ids, self._call_ids),
            (into.icids, away.icids, self._icids),
            (into.session_ids, away.session_ids, self._session_ids),
        ):
            for value in others:
                own[value] = None
                index[value] = into

    def remove(self, conversation: Conversation) -> None:
        """Forget a conversation."""
        for values, index in (
            (conversation.call_ids, self._call_ids),
            (conversation.icids, self._icids),
            (conversation.session_ids, self._session_ids),
            ((conversation.identity,), self._identities),
        ):
            for value in values:
                if index.get(value) is conversation:
                    del index[value]
