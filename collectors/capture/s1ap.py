"""S1AP (TS 36.413) and the NAS messages in it (TS 24.301), read from tshark's tree of one PDU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from collectors.capture.packets import Layer, Tree
from collectors.signalling.sighting import AccessMessage, NasMessage, S1apGroup, S1apMessage

# Procedure code and kind of PDU (0 initiating, 1 successful, 2 unsuccessful) to the name of the message.
_NAMES = {
    (5, 0): "E-RAB SETUP REQUEST",
    (5, 1): "E-RAB SETUP RESPONSE",
    (7, 0): "E-RAB RELEASE COMMAND",
    (7, 1): "E-RAB RELEASE RESPONSE",
    (8, 0): "E-RAB RELEASE INDICATION",
    (9, 0): "INITIAL CONTEXT SETUP REQUEST",
    (9, 1): "INITIAL CONTEXT SETUP RESPONSE",
    (9, 2): "INITIAL CONTEXT SETUP FAILURE",
    (10, 0): "PAGING",
    (11, 0): "DOWNLINK NAS TRANSPORT",
    (12, 0): "INITIAL UE MESSAGE",
    (13, 0): "UPLINK NAS TRANSPORT",
    (18, 0): "UE CONTEXT RELEASE REQUEST",
    (23, 0): "UE CONTEXT RELEASE COMMAND",
    (23, 1): "UE CONTEXT RELEASE COMPLETE",
}
_GROUPS: dict[str, S1apGroup] = {
    "s1ap.radioNetwork": "RNL",
    "s1ap.transport": "TL",
    "s1ap.nas": "NAS",
    "s1ap.protocol": "PROT",
    "s1ap.misc": "MISC",
}
_FAILED_LIST = "s1ap.E_RABFailedToSetup"
# TS 24.301 tables 9.8.1 and 9.8.2.
_EMM = {
    0x41: "ATTACH REQUEST",
    0x42: "ATTACH ACCEPT",
    0x43: "ATTACH COMPLETE",
    0x44: "ATTACH REJECT",
    0x45: "DETACH REQUEST",
    0x48: "TRACKING AREA UPDATE REQUEST",
    0x49: "TRACKING AREA UPDATE ACCEPT",
    0x4B: "TRACKING AREA UPDATE REJECT",
    0x4C: "EXTENDED SERVICE REQUEST",
    0x4E: "SERVICE REJECT",
    0x52: "AUTHENTICATION REQUEST",
    0x53: "AUTHENTICATION RESPONSE",
    0x54: "AUTHENTICATION REJECT",
    0x56: "IDENTITY RESPONSE",
    0x5C: "AUTHENTICATION FAILURE",
    0x5D: "SECURITY MODE COMMAND",
    0x5E: "SECURITY MODE COMPLETE",
    0x5F: "SECURITY MODE REJECT",
}
_ESM = {
    0xC1: "ACTIVATE DEFAULT EPS BEARER CONTEXT REQUEST",
    0xC5: "ACTIVATE DEDICATED EPS BEARER CONTEXT REQUEST",
    0xC6: "ACTIVATE DEDICATED EPS BEARER CONTEXT ACCEPT",
    0xC7: "ACTIVATE DEDICATED EPS BEARER CONTEXT REJECT",
    0xD0: "PDN CONNECTIVITY REQUEST",
    0xD1: "PDN CONNECTIVITY REJECT",
    0xDA: "ESM INFORMATION RESPONSE",
}
PDN_TYPES = {1: "IPv4", 2: "IPv6", 3: "IPv4v6"}
_ATTACH_TYPES = {1: "eps", 2: "combined"}
# TS 24.301 9.9.3.10 and, with a cause beside it, 5.5.1.3.4.3 (SMS only is told by the additional result).
_ATTACH_RESULTS = {1: "eps_only", 2: "eps_and_cs"}
_VOICE_DOMAINS = {0: "cs_only", 1: "ims_ps_only", 2: "cs_preferred", 3: "ims_ps_preferred"}
_USAGES = {0: "voice_centric", 1: "data_centric"}
Field = tuple[str, str | int | bool]


def number(text: str | None) -> int | None:
    """Read tshark's decimal or hex number."""
    if text is None:
        return None
    try:
        return int(text, 0)
    except ValueError:
        return None


def first(tree: Tree, name: str) -> int | None:
    """Return the first number of that name in the tree."""
    return number(tree.find(name))


def plmn_of(text: str | None) -> str:
    """Decode a PLMN identity (TS 36.413 9.2.3.8, `00:f1:10`) to MCC-MNC; "" where it is none."""
    digits = (text or "").replace(":", "")
    if len(digits) != 6:
        return ""
    b = digits.lower()
    mcc, mnc = b[1] + b[0] + b[3], b[5] + b[4] + ("" if b[2] == "f" else b[2])
    return f"{mcc}-{mnc}" if (mcc + mnc).isdigit() else ""


def ecgi_text(plmn: str, cell_identity: int | None) -> str:
    """Write an ECGI as records do: MCC-MNC-eNB-cell."""
    if not plmn or cell_identity is None:
        return ""
    return f"{plmn}-{cell_identity >> 8}-{cell_identity & 0xFF}"


def read_s1ap(layer: Layer) -> Iterator[AccessMessage]:
    """Yield the S1AP message, one for each E-RAB that it names, then the NAS messages that it carries.

    `bearer` is the E-RAB id; `fields` holds `teid` (address and TEID of the S-GW or eNB) and `failed`.
    """
    tree = layer.tree
    code, kind = first(tree, "s1ap.procedureCode"), first(tree, "s1ap.S1AP_PDU")
    name = _NAMES.get((code or 0, kind or 0), f"S1AP {code}")
    place = _place(layer, tree)
    group, cause = _cause(tree)
    whole = S1apMessage("S1AP", name, group, cause, _protocol(group), "", *place)
    bearers = list(_bearers(tree))
    if not bearers:
        yield whole
    for one in bearers:
        its_group, its_cause = _cause(one.tree) if one.failed else (group, cause)
        yield replace(
            whole,
            group=its_group,
            cause=its_cause,
            cause_protocol=_protocol(its_group),
            bearer=one.bearer,
            qci=first(one.tree, "s1ap.qCI"),
            ue_address=_ue_address(one.tree),
            fields=(*one.fields, ("failed", one.failed)),
        )
    for _, nas in tree.trees("nas-eps", "nas_eps"):
        yield from _read_nas(nas, place)


class Place(NamedTuple):
    """Whose message it is and where: user, ECGI, TAC, in the order of AccessMessage."""

    user: str
    ecgi: str
    tac: int | None


@dataclass(frozen=True, slots=True)
class BearerItem:
    """One E-RAB of a message."""

    bearer: int
    failed: bool
    fields: tuple[Field, ...]
    tree: Tree


def _protocol(group: S1apGroup | None) -> str:
    return f"S1AP-{group}" if group else ""


def _place(layer: Layer, tree: Tree) -> Place:
    cell = ecgi_text(plmn_of(tree.find("s1ap.pLMNidentity")), first(tree, "s1ap.CellIdentity"))
    return Place(_user(layer, tree), cell, first(tree, "s1ap.tAC"))


def _user(layer: Layer, tree: Tree) -> str:
    """Name a user's context on one S1 association by the id that the eNB gave it."""
    ends = sorted(f"{end.host}:{end.port}" for end in (layer.source, layer.destination))
    enb_id = tree.find("s1ap.ENB_UE_S1AP_ID")
    return f"{'-'.join(ends)}/{enb_id}" if enb_id is not None else ""


def _cause(tree: Tree) -> tuple[S1apGroup | None, int | None]:
    for name, group in _GROUPS.items():
        value = first(tree, name)
        if value is not None:
            return group, value
    return None, None


def _bearers(tree: Tree) -> Iterator[BearerItem]:
    """Yield each E-RAB of the message: of a list to set up, set up, failed, to release."""
    for failed, item in _items(tree, False):
        bearer = first(item, "s1ap.e_RAB_ID")
        address = item.find("s1ap.transportLayerAddressIPv4") or item.find("s1ap.transportLayerAddressIPv6")
        teid = number("0x" + (item.find("s1ap.gTP_TEID") or "").replace(":", ""))
        fields: tuple[Field, ...] = (("teid", f"{address}/{teid}"),) if address and teid is not None else ()
        if bearer is not None:
            yield BearerItem(bearer, failed, fields, item)


def _items(tree: Tree, failed: bool) -> Iterator[tuple[bool, Tree]]:
    """Yield the innermost trees that hold an E-RAB id, and whether a list of failed ones holds them."""
    for key, value in tree:
        if not isinstance(value, Tree):
            continue
        inside = failed or _FAILED_LIST in key
        if any(name == "s1ap.e_RAB_ID" for name, _ in value):
            yield inside, value
        else:
            yield from _items(value, inside)


def _ue_address(tree: Tree) -> str:
    """Return the address that the network gave to the phone, or the one its packet filters name."""
    for name in ("nas_eps.esm.pdn_ipv4", "gsm_a.gm.sm.ip4_address", "gsm_a.gm.sm.ip6_address"):
        if found := tree.find(name):
            return found
    return ""


def _read_nas(tree: Tree, place: Place) -> Iterator[NasMessage]:
    emm, esm = first(tree, "nas_eps.nas_msg_emm_type"), first(tree, "nas_eps.nas_msg_esm_type")
    imsi = tree.find("e212.imsi") or ""
    if emm is not None:
        cause = first(tree, "nas_eps.emm.cause")
        name = _EMM.get(emm, f"EMM {emm:#x}")
        fields = tuple(_emm_fields(emm, tree))
        yield NasMessage("NAS", name, None, cause, "EMM", imsi, *place, fields=fields)
    if esm is not None:
        yield NasMessage(
            "NAS",
            _ESM.get(esm, f"ESM {esm:#x}"),
            None,
            first(tree, "nas_eps.esm.cause"),
            "ESM",
            "",
            *place,
            qci=first(tree, "nas_eps.esm.qci"),
            apn=(tree.find("gsm_a.gm.sm.apn") or "").partition(".mnc")[0],
            ue_address=_ue_address(tree),
            bearer=first(tree, "nas_eps.bearer_id"),
            sequence=first(tree, "nas_eps.esm.proc_trans_id"),
            fields=tuple(_esm_fields(esm, tree)),
        )


def _emm_fields(kind: int, tree: Tree) -> Iterator[Field]:
    if kind == 0x41:
        yield from _named("attach_type", _ATTACH_TYPES, first(tree, "nas_eps.emm.eps_att_type"))
    if kind in (0x41, 0x48):
        yield from _named(
            "ue_voice_domain", _VOICE_DOMAINS, first(tree, "gsm_a.gm.gmm.voice_domain_pref_for_eutran")
        )
        yield from _named("ue_usage_setting", _USAGES, first(tree, "gsm_a.gm.gmm.ue_usage_setting"))
    if kind == 0x42:
        yield from _named("combined_result", _ATTACH_RESULTS, first(tree, "nas_eps.emm.EPS_attach_result"))
    if kind in (0x42, 0x49):
        indicated = first(tree, "nas_eps.emm.ims_vops")
        if indicated is not None:
            yield "ims_vops", bool(indicated)


def _esm_fields(kind: int, tree: Tree) -> Iterator[Field]:
    pdn_type = first(tree, "nas_eps.esm_pdn_type")
    name = "pdn_type_requested" if kind == 0xD0 else "pdn_type_assigned"
    if kind in (0xD0, 0xC1):
        yield from _named(name, PDN_TYPES, pdn_type)
    for address in (*tree.all("gsm_a.gm.sm.pco.pcscf.ipv4"), *tree.all("gsm_a.gm.sm.pco.pcscf.ipv6")):
        if kind == 0xC1:
            yield "pcscf", address


def _named(name: str, names: dict[int, str], value: int | None) -> Iterator[Field]:
    if value is not None and value in names:
        yield name, names[value]
