"""The access side of a capture: attaches, PDN connections and bearers of each user."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collectors.capture.gtp import ACCEPTED
from collectors.signalling.sighting import (
    AccessMessage,
    GtpMessage,
    NasMessage,
    S1apGroup,
    S1apMessage,
    Sighting,
)

MOST_USERS = 50_000
IMS_APN = "ims"
_COPY_WITHIN_S = 0.25
QCI_SIGNALLING, QCI_VOICE = 5, 1


@dataclass(slots=True)
class Bearer:
    """An E-RAB: asked for, set up, failed, released; None = was not seen."""

    bearer: int
    qci: int | None
    requested: datetime
    ue_address: str = ""
    established: datetime | None = None
    released: datetime | None = None
    failed: bool = False
    group: S1apGroup | None = None
    cause: int | None = None


@dataclass(slots=True)
class Attach:
    """One attach and what followed it: `fields` under the names of the `registration` record."""

    started: datetime
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class User:
    """One UE context on S1: identity, cells, attach, bearers, and why it ended."""

    name: str
    begun: datetime
    imsi: str = ""
    ecgi: str = ""
    tac: int | None = None
    cells: list[tuple[datetime, str]] = field(default_factory=list)
    attach: Attach | None = None
    bearers: list[Bearer] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    asked_apns: dict[int, str] = field(default_factory=dict)
    release: tuple[datetime, S1apGroup | None, int | None, str] | None = None
    ended: datetime | None = None

    def active(self, bearer: int | None) -> Bearer | None:
        """Return the newest E-RAB of that id that is not released."""
        return next((b for b in reversed(self.bearers) if b.bearer == bearer and b.released is None), None)


@dataclass(slots=True)
class Session:
    """A PDN connection as the gateways made it."""

    asked: datetime
    imsi: str
    apn: str
    ue_address: str = ""
    cause: int | None = None
    pdn_type: str = ""
    pcscf: tuple[str, ...] = ()


class AccessPart:
    """A part of the assembly that remembers users; it makes no rows itself, `access_rows` joins it to them.

    `counts`: every message ends in one of `access_message`, `access_duplicate`, `access_no_user`.
    """

    def __init__(self, most_users: int = MOST_USERS) -> None:
        self.counts: Counter[str] = Counter()
        self.users: list[User] = []
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self._by_name: OrderedDict[str, User] = OrderedDict()
        self._imsi_of_teid: OrderedDict[str, str] = OrderedDict()
        self._imsi_of_address: OrderedDict[str, str] = OrderedDict()
        self._seen: OrderedDict[tuple[object, ...], datetime] = OrderedDict()
        self._most = most_users

    def take(self, sighting: Sighting) -> None:
        """Take one sighting; what is not of the access is not this part's."""
        message = sighting.message
        if not isinstance(message, AccessMessage):
            return
        if not isinstance(message, GtpMessage) and not message.user:
            self.counts["access_no_user"] += 1
            return
        if self._is_copy(message, sighting.at):
            self.counts["access_duplicate"] += 1
            return
        if isinstance(message, GtpMessage):
            self.counts["access_message"] += 1
            self._take_gtp(message, sighting.at)
            return
        self.counts["access_message"] += 1
        user = self._user(message, sighting.at)
        self._know(user, message, sighting.at)
        if isinstance(message, S1apMessage):
            self._take_s1ap(user, message, sighting.at)
        elif isinstance(message, NasMessage):
            self._take_nas(user, message, sighting.at)

    def ripe(self, now: datetime) -> dict[str, Any]:
        """Nothing: a capture is joined when it is whole."""
        return {}

    def rest(self) -> dict[str, Any]:
        """Nothing: see `access_rows`."""
        return {}

    def _is_copy(self, message: AccessMessage, at: datetime) -> bool:
        if message.name.endswith("NAS TRANSPORT"):
            return False  # an envelope: what is in it is compared
        key = (
            *(message.name, message.user, message.bearer, message.cause, message.sequence, message.imsi),
            *(message.ue_address, message.fields),
        )
        before = self._seen.get(key)
        self._seen[key] = at
        self._seen.move_to_end(key)
        _bound(self._seen, 10_000)
        return before is not None and abs((at - before).total_seconds()) < _COPY_WITHIN_S

    # --- S1AP and NAS

    def _user(self, message: AccessMessage, at: datetime) -> User:
        known = self._by_name.get(message.user)
        # The eNB gives the id anew with the first message of a context (TS 36.413 8.6.2.1).
        fresh = message.name == "INITIAL UE MESSAGE"
        if known is not None and not (fresh and (known.bearers or known.ended)):
            return known
        user = User(message.user, at)
        self._by_name[message.user] = user
        self.users.append(user)
        _bound(self._by_name, self._most)
        if len(self.users) > self._most:
            del self.users[0]
        return user

    def _know(self, user: User, message: AccessMessage, at: datetime) -> None:
        if message.ecgi and message.ecgi != user.ecgi:
            user.ecgi = message.ecgi
            user.cells.append((at, message.ecgi))
        user.tac = message.tac if message.tac is not None else user.tac
        user.imsi = user.imsi or message.imsi
        if message.ue_address:
            user.addresses.add(message.ue_address)
            user.imsi = user.imsi or self._imsi_of_address.get(message.ue_address, "")
        for teid in _texts(message, "teid"):
            user.imsi = user.imsi or self._imsi_of_teid.get(teid, "")

    def _take_s1ap(self, user: User, message: S1apMessage, at: datetime) -> None:
        match message.name:
            case "E-RAB SETUP REQUEST" | "INITIAL CONTEXT SETUP REQUEST":
                if message.bearer is not None:
                    made = Bearer(message.bearer, message.qci, at, message.ue_address)
                    user.bearers.append(made)
            case "E-RAB SETUP RESPONSE" | "INITIAL CONTEXT SETUP RESPONSE" | "INITIAL CONTEXT SETUP FAILURE":
                self._outcome(user, message, at)
            case "E-RAB RELEASE COMMAND" | "E-RAB RELEASE INDICATION":
                bearer = user.active(message.bearer)
                if bearer is not None:
                    bearer.released, bearer.group, bearer.cause = at, message.group, message.cause
            case "UE CONTEXT RELEASE REQUEST" | "UE CONTEXT RELEASE COMMAND":
                if user.release is None:
                    user.release = (at, message.group, message.cause, message.name)
                for bearer in user.bearers:
                    bearer.released = bearer.released or at
                if message.name == "UE CONTEXT RELEASE COMMAND":
                    user.ended = at

    def _outcome(self, user: User, message: S1apMessage, at: datetime) -> None:
        failed = bool(dict(message.fields).get("failed")) or message.name.endswith("FAILURE")
        wanted = [user.active(message.bearer)] if message.bearer is not None else list(user.bearers)
        for bearer in wanted:
            if bearer is None or bearer.established is not None:
                continue
            if failed:
                bearer.failed, bearer.group, bearer.cause = True, message.group, message.cause
                bearer.released = at
            else:
                bearer.established = at

    def _take_nas(self, user: User, message: NasMessage, at: datetime) -> None:
        told = {key: value for key, value in message.fields if key != "pcscf"}
        if message.name == "ATTACH REQUEST":
            user.attach = Attach(at, told | {"attach_result": "no_answer", "security_result": "incomplete"})
            return
        attach = user.attach
        if attach is None:
            return
        fields = attach.fields
        match message.name:
            case "ATTACH ACCEPT":
                fields |= told | {"attach_result": "accept", "security_result": "complete"}
                if message.cause is not None:
                    fields["emm_cause"] = message.cause
            case "ATTACH REJECT":
                fields |= {"attach_result": "reject", "emm_cause": message.cause}
                fields["pdn_result"] = None  # its PDN was not looked at
            case "SECURITY MODE COMPLETE":
                fields["security_result"] = "complete"
            case "AUTHENTICATION REJECT" | "SECURITY MODE REJECT":
                # TS 24.301 5.4.2.5: the network gives up the attach with it.
                fields |= {"security_result": "rejected", "attach_result": "reject"}
                fields["pdn_result"] = None
            case "TRACKING AREA UPDATE ACCEPT":
                fields |= told
            case _:
                self._take_esm(user, fields, message, told)

    def _take_esm(
        self, user: User, fields: dict[str, Any], message: NasMessage, told: dict[str, Any]
    ) -> None:
        sequence = message.sequence or 0
        match message.name:
            case "PDN CONNECTIVITY REQUEST":
                user.asked_apns[sequence] = message.apn
                if message.apn == IMS_APN or "pdn_result" not in fields:
                    fields |= told | {"pdn_result": "no_answer", "apn": message.apn or None}
            case "ESM INFORMATION RESPONSE":
                user.asked_apns[sequence] = message.apn
                fields["apn"] = message.apn or fields.get("apn")
            case "ACTIVATE DEFAULT EPS BEARER CONTEXT REQUEST":
                if message.apn == IMS_APN or fields.get("apn") in (None, message.apn):
                    fields |= told | {"pdn_result": "accept", "apn": message.apn or None}
                    fields["esm_cause"] = message.cause
                    fields["pcscf_addresses"] = sorted(set(_texts(message, "pcscf"))) or None
            case "PDN CONNECTIVITY REJECT":
                apn = user.asked_apns.get(sequence, "")
                if apn == IMS_APN or fields.get("apn") in (None, apn):
                    fields |= {"pdn_result": "reject", "esm_cause": message.cause, "apn": apn or None}

    # --- GTPv2

    def _take_gtp(self, message: GtpMessage, at: datetime) -> None:
        session = self.sessions.get(message.user)
        match message.name:
            case "Create Session Request":
                self.sessions[message.user] = Session(at, message.imsi, message.apn, message.ue_address)
                _bound(self.sessions, self._most)
            case "Create Session Response" if session is not None:
                session.cause = message.cause
                session.ue_address = message.ue_address or session.ue_address
                session.pdn_type = next(iter(_texts(message, "pdn_type_assigned")), "")
                session.pcscf = tuple(sorted(set(_texts(message, "pcscf"))))
                if message.cause in ACCEPTED:
                    self._remember(session, message)

    def _remember(self, session: Session, message: GtpMessage) -> None:
        if not session.imsi:
            return
        for teid in _texts(message, "teid"):
            self._imsi_of_teid[teid] = session.imsi
        if session.ue_address:
            self._imsi_of_address[session.ue_address] = session.imsi
        _bound(self._imsi_of_teid, self._most)
        _bound(self._imsi_of_address, self._most)

    def settle(self) -> None:
        """Give users the IMSI that came to be known after their messages."""
        for user in self.users:
            for address in sorted(user.addresses):
                user.imsi = user.imsi or self._imsi_of_address.get(address, "")


def _texts(message: AccessMessage, name: str) -> list[str]:
    return [str(value) for key, value in message.fields if key == name]


def _bound(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
