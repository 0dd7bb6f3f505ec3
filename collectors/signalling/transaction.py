"""Transactions (RFC 3261 17): a request and its answers on one hop, and which one was forwarded for which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from collectors.signalling.hop import Hop
from collectors.signalling.nodes import Node, NodeBook
from collectors.signalling.sighting import Endpoint

CHALLENGES = frozenset({401, 407, 494})
"""Answers that ask for another request (RFC 3261 22, RFC 3329): not an outcome."""
_Key = tuple[str, str, str, int]


@dataclass(slots=True, eq=False)
class Transaction:
    """A request on one hop with its answers in time order; `request` is None where only answers were seen."""

    call_id: str
    method: str
    cseq: int
    source: Endpoint
    destination: Endpoint
    sender: Node
    receiver: Node
    hops: list[Hop]
    parent: Transaction | None = None
    children: list[Transaction] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        """Time of the first message."""
        return self.hops[0].at

    @property
    def request(self) -> Hop | None:
        """The request."""
        return next((hop for hop in self.hops if hop.status is None), None)

    @property
    def answers(self) -> list[Hop]:
        """The answers."""
        return [hop for hop in self.hops if hop.status is not None]

    @property
    def final(self) -> Hop | None:
        """The first final answer."""
        return next((hop for hop in self.hops if hop.status is not None and hop.status >= 200), None)

    @property
    def status(self) -> int | None:
        """Status of the final answer."""
        final = self.final
        return final.status if final else None

    @property
    def alive(self) -> bool:
        """Whether the receiver said more than 100 Trying, which comes before it did anything."""
        return any(hop.status is not None and hop.status > 100 for hop in self.hops)

    def first(self, status: int) -> Hop | None:
        """Return the first answer of that status."""
        return next((hop for hop in self.hops if hop.status == status), None)

    def walk(self) -> Iterable[Transaction]:
        """Yield this transaction and all that were made for it."""
        waiting = [self]
        while waiting:
            one = waiting.pop()
            yield one
            waiting += reversed(one.children)


def transactions(hops: Iterable[Hop], book: NodeBook) -> list[Transaction]:
    """Group the messages of one conversation into transactions, linked from node to node, in time order."""
    groups: dict[_Key, list[Hop]] = {}
    for hop in sorted(hops, key=_order):
        groups.setdefault((hop.call_id, hop.branch, hop.method, hop.cseq), []).append(hop)
    made = {key: _transaction(group, book) for key, group in groups.items()}
    ordered = list(made.values())
    for key, one in made.items():
        parent = made.get((key[0], one.hops[0].parent, *key[2:])) if one.hops[0].parent else None
        if parent is None:
            parent = _behind_back_to_back(one, ordered)
        if parent is not None and parent is not one and not _above(parent, one):
            one.parent = parent
            parent.children.append(one)
    return ordered


def _order(hop: Hop) -> tuple[datetime, bool, int, str, str, int]:
    return (hop.at, hop.status is not None, hop.vias, hop.call_id, hop.branch, hop.status or 0)


def _transaction(group: list[Hop], book: NodeBook) -> Transaction:
    hop = group[0]
    ends = (hop.source, hop.destination) if hop.status is None else (hop.destination, hop.source)
    if hop.status is None and hop.sent_by:
        book.learn(hop.source, hop.sent_by)
    sender, receiver = book.ends(*ends, hop.tap)
    return Transaction(hop.call_id, hop.method, hop.cseq, *ends, sender, receiver, group)


def _above(one: Transaction, other: Transaction) -> bool:
    """Whether `other` stands above `one` already; a loop of Via values must not become a loop here."""
    at: Transaction | None = one
    while at is not None:
        if at is other:
            return True
        at = at.parent
    return False


def _behind_back_to_back(one: Transaction, every: list[Transaction]) -> Transaction | None:
    """Find what a back-to-back user agent answered with a request of its own: the latest one it had got."""
    found: Transaction | None = None
    for other in every:
        if other is one or other.at > one.at:
            break
        if other.method == one.method and other.call_id != one.call_id and _same(other, one):
            found = other
    return found


def _same(received: Transaction, sent: Transaction) -> bool:
    """Whether the receiver of one transaction is the sender of another."""
    if received.destination == sent.source:
        return True
    if received.receiver.name and received.receiver == sent.sender:
        return True
    # Several nodes on one address (a capture of one machine) are told apart by their ports only.
    one_machine = received.source.host == received.destination.host
    return not one_machine and received.destination.host == sent.source.host


def roots(made: Iterable[Transaction]) -> list[Transaction]:
    """Return the transactions that were made for no other, in time order."""
    return [one for one in made if one.parent is None]
