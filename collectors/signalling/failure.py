"""The node that failed first or fell silent, whatever the nodes before it made of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from collectors.signalling.nodes import Node, interface
from collectors.signalling.transaction import CHALLENGES, Transaction

_CANCELLED = 487
_KNOWN_AS_ERROR_NODE = frozenset(
    {"ue", "enb", "mme", "sgw", "pgw", "pcrf", "sbc", "pcscf", "icscf", "scscf", "as", "hss", "dns", "mgcf"}
    | {"msc"}
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A node that sent an error no other node had sent it, or that never answered (`status` None)."""

    node: Node
    asked_by: Node
    status: int | None
    text: str
    at: datetime
    method: str

    @property
    def node_type(self) -> str:
        """The type as `first_error_node` has it."""
        node_type = self.node.type
        if not node_type:
            return "unknown"
        return node_type if node_type in _KNOWN_AS_ERROR_NODE else "other"

    @property
    def interface(self) -> str:
        """The reference point at which it failed, "" where it has no name."""
        return interface(self.asked_by.type, self.node.type)


def first_failure(one: Transaction, *, challenge_fails: bool = False) -> Failure | None:
    """Follow a failed transaction down to the node that failed first; None where it did not fail.

    An answer counts for the node that made it: no transaction that this node started in turn had failed.
    487 after CANCEL is made by the one who cancelled and is nobody's fault. A node that said 180 or 183 is
    not silent.
    """
    found: dict[int, Failure | None] = {}
    # Deepest first and without recursion: a forged message may claim to be forwarded thousands of times.
    for at in reversed(list(one.walk())):
        below = [failure for child in at.children if (failure := found[id(child)]) is not None]
        found[id(at)] = _failure(at, below, challenge_fails)
    return found[id(one)]


def _failure(one: Transaction, below: list[Failure], challenge_fails: bool) -> Failure | None:
    """Return the failure of a transaction, given those of the transactions that its receiver started."""
    status = one.status
    if status is not None and (status < 400 or (status in CHALLENGES and not challenge_fails)):
        return None
    if below:
        return min(below, key=lambda failure: failure.at)
    if status == _CANCELLED or (status is None and one.alive):
        return None
    final = one.final
    return Failure(
        node=one.receiver,
        asked_by=one.sender,
        status=status,
        text=final.text if final else "",
        at=final.at if final else one.at,
        method=one.method,
    )
