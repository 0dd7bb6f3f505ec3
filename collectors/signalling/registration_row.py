"""Rows of `registration`: what the messages of one attempt say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collectors.signalling.conversation import Row
from collectors.signalling.failure import first_failure
from collectors.signalling.header_value import host_of, parameter, split_values, uri_of
from collectors.signalling.hop import Hop
from collectors.signalling.reason import warning_of
from collectors.signalling.record_id import record_id
from collectors.signalling.subscribers import imsi_of
from collectors.signalling.transaction import Transaction

_TIMEOUT = 408
"""RFC 3261 8.1.3.1: a request that times out counts as answered 408."""


@dataclass(slots=True)
class Attempt:
    """The REGISTERs of one attempt as the phone sent them, challenge and answer together."""

    roots: list[Transaction]
    others: list[Transaction]

    @property
    def first(self) -> Transaction:
        """The transaction that began it."""
        return self.roots[0]

    @property
    def last(self) -> Transaction:
        """The transaction that tells the outcome."""
        return self.roots[-1]

    @property
    def every(self) -> list[Transaction]:
        """All transactions: on every hop, and those towards application servers."""
        return [one for root in self.roots for one in root.walk()] + self.others


def registration_row(attempt: Attempt, *, pending: bool = False, judge: bool = True) -> Row:
    """Make the row of one attempt; third-party results stay empty while one of them is `pending`.

    Without `judge` no node is said to have failed: the attempt may still go well.
    """
    first, final = request_of(attempt.first), attempt.last.final
    impi = _authorization(attempt, "username")
    status = final.status if final else None
    row: Row = {
        "id": record_id("RG", first),
        "started_at": first.at,
        "ended_at": final.at if final else None,
        "imsi": imsi_of(impi, first.to_uri) or None,
        "impi": impi or None,
        "impu": first.to_uri or None,
        "ecgi": None,
        "p_access_network_info": access_network(attempt.every),
        "registration_type": _registration_type(attempt),
        "register_sent_at": first.at,
        "final_status": status,
        "reason_text": _reason_text(final),
        "expires": _expires(final) if status == 200 else None,
        "next_register_at": None,
        "deregistered_by": "ue" if status == 200 and _ends(first) else None,
        "third_party_results": None if pending else third_party_results(attempt.others),
    }
    return row | _authentication(attempt) | _first_error(attempt, judge=judge) | _names(attempt)


def _reason_text(final: Hop | None) -> str | None:
    if final is None or (final.status or 0) < 300:
        return None
    return warning_of(final) or final.text or None


def request_of(one: Transaction) -> Hop:
    """Return the request of a transaction, or its first answer where the request was not seen."""
    return one.request or one.hops[0]


def _authorization(attempt: Attempt, name: str) -> str:
    for one in attempt.every:
        for hop in one.hops:
            found = digest_parameter(hop.get("authorization"), name) if hop.status is None else ""
            if found:
                return found
    return ""


def digest_parameter(header: str, name: str) -> str:
    """Return a parameter of an Authorization or WWW-Authenticate header (RFC 3310, RFC 7616)."""
    return parameter(";" + ";".join(split_values(header.partition(" ")[2])), name) if header else ""


def access_network(made: Sequence[Transaction]) -> str | None:
    """Return the first P-Access-Network-Info with a cell of LTE, else the first at all."""
    texts = [t for one in made for hop in one.hops for t in hop.headers.get("p-access-network-info", ())]
    values = [value for text in texts for value in split_values(text)]
    return next((v for v in values if "utran-cell-id-3gpp" in v.lower()), values[0] if values else None)


def _ends(first: Hop) -> bool:
    """Whether a REGISTER ends the registration: Expires 0, in the header or for every contact."""
    contacts = [
        parameter(value, "expires")
        for text in first.headers.get("contact", ())
        for value in split_values(text)
    ]
    if contacts and all(contacts):
        return all(value == "0" for value in contacts)
    return first.get("expires").strip() == "0"


def _registration_type(attempt: Attempt) -> str:
    first = request_of(attempt.first)
    if _ends(first):
        return "user_deregistration"
    # TS 24.229 5.2.6.3: the P-CSCF marks what came over an established security association.
    protected = digest_parameter(first.get("authorization"), "integrity-protected").lower()
    return "reregistration" if protected in ("yes", "tls-yes", "ip-assoc-yes") else "initial"


def _expires(final: Hop | None) -> int | None:
    if final is None:
        return None
    values = [
        parameter(v, "expires") for text in final.headers.get("contact", ()) for v in split_values(text)
    ]
    numbers = [
        int(v) for v in (*values, final.get("expires").strip()) if v.isascii() and v.isdigit() and len(v) < 10
    ]
    return next((number for number in numbers if number > 0), None)


def _authentication(attempt: Attempt) -> Row:
    """Tell of challenges and of the REGISTER that answered one (TS 33.203 6.1)."""
    replies = [hop for root in attempt.roots for hop in root.answers]
    answered = [request_of(root) for root in attempt.roots[1:]]
    headers = [hop.get("authorization") for hop in answered]
    return {
        "first_reply_at": min((hop.at for hop in replies), default=None),
        "challenge_count": sum(root.status in (401, 407) for root in attempt.roots),
        "auts_present": any(digest_parameter(h, "auts") for h in headers) if answered else None,
        "second_response_empty": any(_empty_response(h) for h in headers) if answered else None,
    }


def _empty_response(header: str) -> bool:
    return bool(header) and not digest_parameter(header, "response") and not digest_parameter(header, "auts")


def _first_error(attempt: Attempt, *, judge: bool) -> Row:
    if not judge:
        return {}
    failure = first_failure(attempt.last, challenge_fails=True)
    return {
        "first_error_node": failure.node_type if failure else None,
        "first_error_status": failure.status if failure else None,
    }


def third_party_results(others: Sequence[Transaction]) -> list[Row] | None:
    """Return status by application server (TS 24.229 5.4.1.7); None where no server was asked."""
    results = {}
    for one in others:
        if one.method == "REGISTER" and one.parent is None:
            server = one.receiver.name or host_of(request_of(one).uri)
            results[server] = {"as": server, "status": one.status or _TIMEOUT}
    return list(results.values()) or None


def _names(attempt: Attempt) -> Row:
    names = node_names(attempt.every)
    final = attempt.last.final
    route = uri_of(final.get("service-route")) if final else ""
    path = next((hop.get("path") for one in attempt.every for hop in one.hops if hop.get("path")), "")
    names["scscf_name"] = names["scscf_name"] or host_of(route) or None
    if path and not names["sbc_name"] and not names["pcscf_name"]:
        names["pcscf_name"] = host_of(uri_of(split_values(path)[-1])) or None
    return names


def node_names(made: Sequence[Transaction]) -> Row:
    """Return the last node of each type that took part, under the field names of the records."""
    names: Row = {f"{kind}_name": None for kind in ("sbc", "pcscf", "icscf", "scscf", "as")}
    for one in made:
        for node in (one.sender, one.receiver):
            if node.name and f"{node.type}_name" in names:
                names[f"{node.type}_name"] = node.name
    return names
