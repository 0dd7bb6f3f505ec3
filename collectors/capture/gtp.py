"""GTPv2-C (TS 29.274), read from tshark's tree of one message."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.capture.packets import Layer, Tree
from collectors.capture.s1ap import PDN_TYPES, ecgi_text, first, number
from collectors.signalling.sighting import GtpMessage

_NAMES = {
    32: "Create Session Request",
    33: "Create Session Response",
    34: "Modify Bearer Request",
    35: "Modify Bearer Response",
    36: "Delete Session Request",
    37: "Delete Session Response",
    66: "Delete Bearer Command",
    95: "Create Bearer Request",
    96: "Create Bearer Response",
    99: "Delete Bearer Request",
    100: "Delete Bearer Response",
}
ACCEPTED = frozenset({16, 17, 18, 19})
"""Causes of TS 29.274 table 8.4-1 that say that the request was accepted, some in part."""
_S1U_SGW = 1  # F-TEID interface type of table 8.22-1


def read_gtp(layer: Layer) -> Iterator[GtpMessage]:
    """Yield the message; `user` names its transaction, the same for request and response.

    `fields` holds `teid` for each S1-U F-TEID of the S-GW, `pdn_type_assigned` and `pcscf`.
    """
    tree = layer.tree
    kind = first(tree, "gtpv2.message_type")
    if kind is None:
        return
    ends = sorted((layer.source.host, layer.destination.host))
    sequence = first(tree, "gtpv2.seq")
    address = tree.find("gtpv2.pdn_addr_and_prefix.ipv4") or tree.find("gsm_a.gm.sm.ip4_address") or ""
    if address in ("", "0.0.0.0"):  # noqa: S104 - an address that was not given
        address = tree.find("gtpv2.pdn_addr_and_prefix.ipv6") or tree.find("gsm_a.gm.sm.ip6_address") or ""
    yield GtpMessage(
        "GTPv2",
        _NAMES.get(kind, f"GTPv2 {kind}"),
        None,
        first(tree, "gtpv2.cause"),
        "GTPv2",
        imsi=tree.find("e212.imsi") or "",
        user=f"{'-'.join(ends)}/{sequence}",
        ecgi=_ecgi(tree),
        tac=first(tree, "gtpv2.tai_tac"),
        qci=first(tree, "gtpv2.bearer_qos_label_qci"),
        apn=(tree.find("gtpv2.apn") or "").partition(".mnc")[0],
        ue_address=address if address != "::" else "",
        sequence=sequence,
        fields=(*_teids(tree), *_assigned(kind, tree)),
    )


def _ecgi(tree: Tree) -> str:
    """Tshark gives MCC and MNC as numbers here: two digits of the MNC are taken, three where it is larger."""
    cell, mcc, mnc = (tree.find(f"{n}") for n in ("gtpv2.ecgi_eci", "e212.ecgi.mcc", "e212.ecgi.mnc"))
    if cell is None or mcc is None or mnc is None or not (cell + mcc + mnc).isdigit():
        return ""
    return ecgi_text(f"{mcc.zfill(3)}-{mnc.zfill(2)}", int(cell))


def _teids(tree: Tree) -> Iterator[tuple[str, str]]:
    kind = teid = None
    for key, value in _leaves(tree):
        if key == "gtpv2.f_teid_interface_type":
            kind, teid = value, None
        elif key == "gtpv2.f_teid_gre_key":
            teid = value
        elif key in ("gtpv2.f_teid_ipv4", "gtpv2.f_teid_ipv6") and teid and kind == str(_S1U_SGW):
            yield "teid", f"{value}/{number(teid)}"


def _leaves(tree: Tree) -> Iterator[tuple[str, str]]:
    for key, value in tree:
        if isinstance(value, Tree):
            yield from _leaves(value)
        elif isinstance(value, str):
            yield key, value


def _assigned(kind: int, tree: Tree) -> Iterator[tuple[str, str]]:
    if kind != 33:
        return
    pdn_type = first(tree, "gtpv2.pdn_type")
    if pdn_type in PDN_TYPES:
        yield "pdn_type_assigned", PDN_TYPES[pdn_type]
    for name in ("gsm_a.gm.sm.pco.pcscf.ipv4", "gsm_a.gm.sm.pco.pcscf.ipv6"):
        for address in tree.all(name):
            yield "pcscf", address
