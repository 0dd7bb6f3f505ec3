"""Names of Diameter applications and commands."""

from __future__ import annotations

from collectors.signalling.sighting import DiameterInterface

_APPLICATIONS: dict[int, DiameterInterface] = {
    16777216: "Cx",
    16777217: "Sh",
    16777236: "Rx",
    16777238: "Gx",
    16777251: "S6a",
}
# Commands of TS 29.229, 29.329, 29.214, 29.212, 29.272 and RFC 6733 by code, as the requests are called.
_COMMANDS = {
    257: "CER",
    258: "RAR",
    265: "AAR",
    271: "ACR",
    272: "CCR",
    274: "ASR",
    275: "STR",
    280: "DWR",
    282: "DPR",
    300: "UAR",
    301: "SAR",
    302: "LIR",
    303: "MAR",
    304: "RTR",
    305: "PPR",
    306: "UDR",
    307: "PUR",
    308: "SNR",
    309: "PNR",
    316: "ULR",
    317: "CLR",
    318: "AIR",
    319: "IDR",
    320: "DSR",
    321: "PUR",
    322: "RSR",
    323: "NOR",
    324: "ECR",
}
PEER_COMMANDS = frozenset({"CER", "DWR", "DPR"})
"""Between two neighbours only (RFC 6733 clause 5): no transaction of a subscriber."""
COMMAND_NAMES = frozenset(_COMMANDS.values())
INTERFACE_NAMES: tuple[DiameterInterface, ...] = ("Cx", "Sh", "Rx", "Gx", "S6a", "other")


def interface_name(application: int) -> DiameterInterface:
    """Return the reference point of an application id, `other` for one that no record needs."""
    return _APPLICATIONS.get(application, "other")


def command_name(code: int) -> str:
    """Return the short name of a command's request; an unknown command is `other`."""
    return _COMMANDS.get(code, "other")
