"""Rows of `call`: what the messages of one call say about each of its two legs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from collectors.signalling.conversation import Row
from collectors.signalling.failure import Failure
from collectors.signalling.header_value import split_values, uri_of, user_of
from collectors.signalling.hop import Hop
from collectors.signalling.reason import reasons_of, warning_of
from collectors.signalling.record_id import record_id
from collectors.signalling.sighting import Endpoint
from collectors.signalling.subscribers import Subscribers
from collectors.signalling.transaction import Transaction

_NAMED = ("sbc", "pcscf", "icscf", "scscf", "as")
_RELEASING = {"pcscf": "cscf", "icscf": "cscf", "scscf": "cscf"}
_RELEASING |= {kind: kind for kind in ("ue", "enb", "mme", "sgw", "pgw", "pcrf", "sbc", "as", "mgcf", "msc")}
# Reasons of a normal end (DRP-01): Q.850 16, RELEASE_CAUSE 1, SIP 200 `completed elsewhere`.
_NORMAL = frozenset({("Q.850", 16), ("RELEASE_CAUSE", 1), ("SIP", 200)})
_PREFIXED = frozenset({"SIP", "RELEASE_CAUSE", "FAILURE_CAUSE", "PREEMPTION"})


@dataclass(slots=True)
class Leg:
    """One leg: its row so far, and the phone's end of its access hop."""

    row: Row
    phone: Endpoint


@dataclass(slots=True)
class Setup:
    """How a call was set up: `own` INVITEs of the phone, `every` transaction, who failed first."""

    own: list[Transaction]
    every: list[Transaction]
    failure: Failure | None
    icid: str

    @property
    def last(self) -> Transaction:
        """The INVITE that tells the outcome."""
        return self.own[-1]

    @property
    def invites(self) -> list[Transaction]:
        """All INVITEs that set the call up, in time order."""
        found = [one for root in self.own for one in root.walk() if one.method == "INVITE"]
        return sorted(found, key=lambda one: one.at)


def legs_of(setup: Setup, subscribers: Subscribers, *, sees_as: bool) -> list[Leg]:
    """Make the legs that can be told apart: the caller's, the called phone's, or both."""
    called = _called_access(setup)
    legs: list[Leg] = []
    if called is None or _is_originating(setup.last):
        legs.append(_leg("mo", setup.own[0], setup.last, setup, subscribers))
    if called is not None:
        legs.append(_leg("mt", called, called, setup, subscribers))
    for leg, other in zip(legs, reversed(legs), strict=True):
        leg.row["other_leg_id"] = other.row["id"] if other is not leg else None
        if sees_as:
            failure = setup.failure
            leg.row["session_rejected_by_as"] = failure is not None and _refused_by_as(failure)
    return legs


def _refused_by_as(failure: Failure) -> bool:
    return failure.node.type == "as" and failure.status is not None


def _is_originating(root: Transaction) -> bool:
    if root.sender.type == "ue":
        return True
    return root.sender.type not in ("mgcf", "icscf") and root.receiver.type not in ("icscf", "ue")


def _called_access(setup: Setup) -> Transaction | None:
    """Return the INVITE towards the called phone: the one that it answered, else the last."""
    found = [one for one in setup.invites if one.receiver.type == "ue" and one.sender.type != "ue"]
    if not found:
        # Nobody named the nodes: the last receiver is a phone when it rang or answered by itself.
        bare = [one for one in setup.invites if not one.receiver.type and one.parent and not one.children]
        found = [one for one in bare if one.alive and one.status not in (404, 604, *range(500, 600))]
    answered = [one for one in found if one.status is not None and one.status < 300]
    return answered[0] if answered else (found[-1] if found else None)


def _leg(
    side: Literal["mo", "mt"], begin: Transaction, access: Transaction, setup: Setup, subscribers: Subscribers
) -> Leg:
    request = begin.request or begin.hops[0]
    calling, called = calling_identity(setup), called_identity(setup)
    phone = access.source if side == "mo" else access.destination
    user = subscribers.find(*(calling if side == "mo" else called))
    network = access_network_of(setup.every, phone)
    row: Row = {
        "id": record_id("CL", request),
        "icid": setup.icid or None,
        "sip_call_id": access.call_id,
        "leg": side,
        "other_leg_id": None,
        "started_at": begin.at,
        "calling_number": calling[0] if calling else None,
        "called_number": called[0] if called else None,
        "imsi": user.imsi if user else None,
        "registered": user.valid(begin.at) if user else None,
        "first_ecgi": None,
        "p_access_network_info": network[0] if network else None,
        "final_status": access.status,
    }
    return Leg(row | _times(access, setup, phone) | _codecs(access) | _names(setup, side), phone)


def _times(access: Transaction, setup: Setup, phone: Endpoint) -> Row:
    update = [one for one in setup.every if one.method == "UPDATE" and one.destination == phone]
    answer = update[0].final if update else None
    success = next(
        (hop for hop in access.answers if hop.status is not None and 200 <= hop.status < 300), None
    )
    return {
        "t_100": _at(access.first(100)),
        "t_183": _at(access.first(183)),
        "t_180": _at(access.first(180)),
        "t_200": _at(success),
        "t_update_sent": update[0].at if update else None,
        "t_update_answered": _at(answer),
    }


def _at(hop: Hop | None) -> object:
    return hop.at if hop else None


def _codecs(access: Transaction) -> Row:
    answers = [hop.codecs for hop in access.answers if hop.codecs]
    offer = access.request.codecs if access.request else None
    return {
        "sdp_offered_codecs": list(offer) if offer is not None else None,
        "codec": answers[-1][0] if answers else None,
    }


def _names(setup: Setup, side: str) -> Row:
    """Name the nodes of a leg: the first of each type for the caller, the last for the called phone."""
    names: Row = {f"{kind}_name": None for kind in _NAMED}
    for one in setup.invites:
        for node in (one.sender, one.receiver):
            field = f"{node.type}_name"
            if node.name and field in names and (side == "mt" or names[field] is None):
                names[field] = node.name
    return names


def calling_identity(setup: Setup) -> list[str]:
    """Return what names the caller: asserted (RFC 3325), preferred, From; numbers first."""
    hops = [hop for one in setup.invites for hop in one.hops if hop.status is None]
    asserted = _uris(hops, "p-asserted-identity")
    preferred = _uris(hops, "p-preferred-identity")
    return _numbers_first([*asserted, *preferred]) + [hops[0].from_uri] * bool(hops)


def called_identity(setup: Setup) -> list[str]:
    """Return what names the called party: the URI that the phone dialled, P-Called-Party-ID, To."""
    hops = [hop for one in setup.invites for hop in one.hops if hop.status is None]
    dialled = [hops[0].uri] if hops and _is_originating(setup.last) else []
    named = [*dialled, *_uris(hops, "p-called-party-id"), *(hop.to_uri for hop in hops[:1])]
    return _numbers_first([uri for uri in named if user_of(uri)])


def _uris(hops: Iterable[Hop], header: str) -> list[str]:
    texts = [text for hop in hops for text in hop.headers.get(header, ())]
    return list(dict.fromkeys(uri_of(value) for text in texts for value in split_values(text)))


def _numbers_first(uris: Sequence[str]) -> list[str]:
    return sorted(uris, key=lambda uri: not user_of(uri).lstrip("+").replace("-", "").isdigit())


def access_network_of(every: Iterable[Transaction], phone: Endpoint) -> list[str]:
    """Return the P-Access-Network-Info values that a phone sent, in time order; cells of LTE if any."""
    hops = sorted((hop for one in every for hop in one.hops if hop.source == phone), key=lambda hop: hop.at)
    texts = [text for hop in hops for text in hop.headers.get("p-access-network-info", ())]
    values = [value for text in texts for value in split_values(text)]
    return [value for value in values if "utran-cell-id-3gpp" in value.lower()] or values


def failed_end(leg: Leg, setup: Setup) -> Row:
    """Tell how a call that nobody answered ended: when, by whom, and the first error."""
    cancel = next((one for one in setup.every if one.method == "CANCEL" and one.parent is None), None)
    final = setup.last.final
    gave_up = cancel is not None and (final is None or final.status == 487)
    end = cancel.at if cancel is not None and gave_up else (final.at if final else None)
    row: Row = {"t_end": end, "warning_text": _text(setup, final), "reasons": _reasons(setup.every)}
    if gave_up and cancel is not None:
        by_phone = cancel.sender.type in ("ue", "")
        row |= {"releasing_side": "calling" if by_phone else "network"}
        row |= {"releasing_node": _RELEASING.get(cancel.sender.type or "ue", "unknown")}
    elif setup.failure is not None:
        by_phone = setup.failure.node.type == "ue"
        row |= {"releasing_side": "called" if by_phone else "network"}
        row |= {"releasing_node": _RELEASING.get(setup.failure.node.type, "unknown")}
    return row | first_error(setup, gave_up=gave_up) | _last_error(setup, leg)


def _text(setup: Setup, final: Hop | None) -> str | None:
    finals = [
        hop for one in setup.invites for hop in one.answers if hop.status is not None and hop.status >= 400
    ]
    texts = [warning_of(hop) for hop in finals]
    phrase = final.text if final is not None and final.status is not None and final.status >= 400 else ""
    return next((text for text in texts if text), phrase) or None


def first_error(setup: Setup, *, gave_up: bool) -> Row:
    """Name the node that failed first.

    Protocol and code are told only where a phone failed: behind an error of a network node may stand one of
    Diameter or DNS that this tap does not see.
    """
    failure = setup.failure
    if failure is None:
        return {"first_error_node": "ue" if gave_up else None}
    row: Row = {"first_error_node": failure.node_type, "first_error_at": failure.at}
    if failure.node.type == "ue" and failure.status is not None:
        row |= {"first_error_interface": "Gm", "first_error_message": failure.method}
        row |= {"first_error_protocol": "SIP-INVITE", "first_error_code": failure.status}
    return row


def _last_error(setup: Setup, leg: Leg) -> Row:
    status = setup.last.status if leg.row["leg"] == "mo" else leg.row["final_status"]
    is_error = status is not None and status >= 400
    return {
        "last_error_protocol": "SIP-INVITE" if is_error else None,
        "last_error_code": status if is_error else None,
    }


def _reasons(every: Iterable[Transaction]) -> list[dict[str, object]] | None:
    hops = [hop for one in every for hop in one.hops]
    return reasons_of(sorted(hops, key=lambda hop: hop.at)) or None


def released_end(bye: Transaction, side: str, reasons: list[Row] | None) -> Row:
    """Tell how an answered call ended: by the first BYE, its side, and the Reasons of both directions."""
    abnormal = [
        r for r in reasons or () if r["cause"] is not None and (r["protocol"], r["cause"]) not in _NORMAL
    ]
    row: Row = {
        "t_end": bye.at,
        "reasons": reasons,
        "releasing_side": side,
        "releasing_node": _RELEASING.get(bye.sender.type or ("ue" if side != "network" else ""), "unknown"),
        "last_error_protocol": _protocol(abnormal[-1]["protocol"]) if abnormal else None,
        "last_error_code": abnormal[-1]["cause"] if abnormal else None,
    }
    access = [r for r in abnormal if str(r["protocol"]).startswith("S1AP-")]
    if access:
        # TS 24.229 7.2A.18: the Reason carries the cause of the access network itself.
        row |= {"first_error_interface": "S1-MME", "first_error_message": "BYE", "first_error_at": bye.at}
        row |= {"first_error_protocol": access[0]["protocol"], "first_error_code": access[0]["cause"]}
        row |= {"s1ap_group": str(access[0]["protocol"])[5:], "s1ap_cause": access[0]["cause"]}
    return row


def _protocol(protocol: object) -> str:
    return f"REASON-{protocol}" if protocol in _PREFIXED else str(protocol)
