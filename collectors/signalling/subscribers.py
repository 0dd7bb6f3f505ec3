"""Who is registered, learned from registrations: identities in memory only, bounded."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectors.signalling.header_value import host_of, user_of

_IMSI = re.compile(r"\d{15}")


@dataclass(slots=True)
class Subscriber:
    """One registered user: the last 200 to REGISTER, until when it holds, and the row that told it."""

    imsi: str
    call_id: str
    registered_at: datetime
    expires_at: datetime | None
    row: dict[str, Any]

    def valid(self, at: datetime) -> bool:
        """Whether the registration holds at a moment."""
        return self.registered_at <= at and (self.expires_at is None or at < self.expires_at)


class Subscribers:
    """Registered users by every public identity that is known of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_identity: OrderedDict[str, Subscriber] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_identity)

    def remember(self, identities: list[str], subscriber: Subscriber) -> None:
        """Keep a user under identities; the longest unheard ones make room."""
        for identity in identities:
            key = identity_key(identity)
            if key:
                self._by_identity[key] = subscriber
                self._by_identity.move_to_end(key)
        while len(self._by_identity) > self._limit:
            self._by_identity.popitem(last=False)

    def forget(self, subscriber: Subscriber) -> None:
        """Mark a user as not registered any more."""
        subscriber.expires_at = subscriber.registered_at

    def find(self, *identities: str) -> Subscriber | None:
        """Return the user of the first identity that is known."""
        for identity in identities:
            found = self._by_identity.get(identity_key(identity))
            if found is not None:
                return found
        return None


def identity_key(uri: str) -> str:
    """Spell a public identity in one way: the digits of a number, else user@host."""
    user = user_of(uri)
    digits = user.lstrip("+").replace("-", "")
    if digits.isdigit() and len(digits) < 15:
        return digits
    return f"{user.lower()}@{host_of(uri)}" if user else ""


def imsi_of(*identities: str) -> str:
    """Return the IMSI that a private identity, or the public one made of it, has as its user part.

    TS 23.003 13.3 and 13.4B: `<IMSI>@ims.mnc<MNC>.mcc<MCC>.3gppnetwork.org`.
    """
    for identity in identities:
        user = user_of(
            identity if identity.lower().startswith(("sip:", "sips:", "tel:")) else f"sip:{identity}"
        )
        if _IMSI.fullmatch(user):
            return user
    return ""
