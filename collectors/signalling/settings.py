"""What one must know of a network to read its signalling: names of its nodes, and how long to wait."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

NodeType = Literal[
    "ue", "enb", "mme", "sgw", "pgw", "pcrf", "sbc", "pcscf", "icscf", "scscf", "as", "hss", "dns", "mgcf",
    "msc", "mgw", "rtp_proxy", "other",
]  # fmt: skip


class NodeSetting(BaseModel):
    """One node: the name that records call it by, its type, and how a tap shows it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="as one of `node.names`")
    type: NodeType = Field(description="type of the node record")
    addresses: tuple[str, ...] = Field(
        default=(), description="`address` or `address:port`, IPv6 in brackets"
    )
    capture_ids: tuple[int, ...] = Field(default=(), description="HEP capture ids of the node's own tap")


class SignallingSettings(BaseModel):
    """Node names, waits and limits of the assembly of SIP messages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: tuple[NodeSetting, ...] = Field(default=(), description="the nodes that the taps show")
    settle_s: float = Field(default=1.5, gt=0, description="wait for late packets after the final outcome")
    challenge_s: float = Field(
        default=5.0, gt=0, description="wait for the REGISTER that answers a challenge"
    )
    early_s: float = Field(default=10.0, gt=0, description="without an outcome, tell by then what is known")
    # RFC 3261 17.1.2.2: timer F is 32 s; 17.1.1.2: timer B likewise; C of a proxy is above 180 s.
    unanswered_s: float = Field(default=35.0, gt=0, description="a REGISTER without an answer ends")
    setup_s: float = Field(default=200.0, gt=0, description="an INVITE without an outcome ends")
    call_s: float = Field(default=14_400.0, gt=0, description="an answered call without BYE is forgotten")
    max_messages: int = Field(default=200_000, ge=100, description="messages held; the oldest make room")
    max_subscribers: int = Field(default=200_000, ge=100, description="registered users remembered")
