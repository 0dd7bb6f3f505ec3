"""Which node an address belongs to: by the settings, by the tap, and by the names that messages carry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from collectors.errors import ConfigError
from collectors.signalling.settings import NodeSetting
from collectors.signalling.sighting import Endpoint

_EDGE = ("pcscf", "sbc")
_CSCF = ("pcscf", "icscf", "scscf", "sbc")
_MAX_LEARNED = 20_000
# Host names of IMS nodes as TS 23.003 13 and operators form them; a token of the first label tells the type.
_TYPE_IN_NAME = (
    (re.compile(r"p-?cscf"), "pcscf"),
    (re.compile(r"i-?cscf"), "icscf"),
    (re.compile(r"s-?cscf"), "scscf"),
    (re.compile(r"^(?:a-?)?sbc|ibcf|atcf"), "sbc"),
    (re.compile(r"mgcf|bgcf"), "mgcf"),
    (re.compile(r"mmtel|scc-?as|^(?:vo?lte)?-?[at]as\d*$|^as\d*$"), "as"),
    (re.compile(r"^hss"), "hss"),
)


@dataclass(frozen=True, slots=True)
class Node:
    """Name and type; both may be "" where nothing tells them."""

    name: str = ""
    type: str = ""


UNKNOWN = Node()
UE = Node("", "ue")


class NodeBook:
    """Answers which node an endpoint is. What the settings say stands above what was learned."""

    def __init__(self, settings: Sequence[NodeSetting]) -> None:
        self._exact: dict[tuple[str, int], Node] = {}
        self._taps: dict[str, Node] = {}
        self._learned: dict[str, Node] = {}
        for setting in settings:
            node = Node(setting.name, setting.type)
            for address in setting.addresses:
                self._add(address, node)
            self._taps.update((str(capture_id), node) for capture_id in setting.capture_ids)
        self.types = frozenset(node.type for node in (*self._exact.values(), *self._taps.values()))

    def _add(self, address: str, node: Node) -> None:
        key = read_address(address)
        if self._exact.setdefault(key, node) != node:
            raise ConfigError(f"the address {address} belongs to two nodes", key="nodes")

    def known(self, endpoint: Endpoint) -> Node | None:
        """Return the node that the settings give to an endpoint, else the one that was learned."""
        exact = self._exact
        node = exact.get(endpoint) or exact.get((endpoint.host, 0))
        return node or self._learned.get(endpoint.host)

    def learn(self, endpoint: Endpoint, host: str) -> None:
        """Remember a host name that a message gives to the address of its sender."""
        if self.known(endpoint) is None and len(self._learned) < _MAX_LEARNED:
            node_type = type_in_name(host)
            if node_type:
                self._learned[endpoint.host] = Node(host, node_type)

    def ends(self, source: Endpoint, destination: Endpoint, tap: str) -> tuple[Node, Node]:
        """Return the nodes at both ends of a packet.

        An end that nothing names is the node of the tap, where the other end is not; beside a P-CSCF or an
        SBC it is a phone.
        """
        one, other = self.known(source), self.known(destination)
        own = self._taps.get(tap)
        if own and one != own and other != own:
            if one is None and (other is not None or self._speaks_for(source, own)):
                one = own
            elif other is None:
                other = own
        return _or_phone(one, other), _or_phone(other, one)

    def _speaks_for(self, endpoint: Endpoint, node: Node) -> bool:
        return self._learned.get(endpoint.host) == node


def _or_phone(node: Node | None, peer: Node | None) -> Node:
    if node is not None:
        return node
    return UE if peer is not None and peer.type in _EDGE else UNKNOWN


def read_address(text: str) -> tuple[str, int]:
    """Read `address` or `address:port`; port 0 = every port. ConfigError where it is neither."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]\s]+))(?::(\d{1,5}))?|([0-9a-fA-F:.]+)", text)
    if not found:
        raise ConfigError(f"{text!r} is no address and no address:port", key="nodes.addresses")
    return (found[1] or found[2] or found[4]).lower(), int(found[3] or 0)


@lru_cache(maxsize=4096)
def type_in_name(host: str) -> str:
    """Return the node type that a host name tells, "" for an address or another name."""
    label = host.partition(".")[0]
    if not label or label.isdigit() or ":" in host:
        return ""
    return next((node_type for pattern, node_type in _TYPE_IN_NAME if pattern.search(label)), "")


def interface(one: str, other: str) -> str:
    """Return the reference point between two node types (TS 23.228), "" where the records name none."""
    pair = {one, other}
    if "ue" in pair:
        return "Gm" if pair & set(_EDGE) else ""
    if "as" in pair:
        return "ISC" if pair & {"scscf", "icscf"} else ""
    return "Mw" if pair <= set(_CSCF) else ""
