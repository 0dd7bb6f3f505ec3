"""What a tap saw: one message, when, from where to where. Every tap (HEP, captures, logs) fills these types.

Identities stand in clear here; they become pseudonyms when the rows enter a sink.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from collectors.signalling.message import SipMessage

__all__ = [
    "AccessMessage",
    "DiameterMessage",
    "Endpoint",
    "GtpMessage",
    "Message",
    "NasMessage",
    "RtcpReport",
    "S1apMessage",
    "Sighting",
    "SipMessage",
    "VoiceReport",
]

DiameterInterface: TypeAlias = Literal["Cx", "Sh", "Rx", "Gx", "S6a", "other"]
S1apGroup: TypeAlias = Literal["RNL", "TL", "NAS", "PROT", "MISC"]


class Endpoint(NamedTuple):
    """One end of a packet; `host` is the address as text (IPv6 without brackets), port 0 = not known."""

    host: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class DiameterMessage:
    """A Diameter message (RFC 6733) with the AVPs that the records need; "" and None = the AVP is not there.

    `interface` follows from the application id (16777216 Cx, 16777217 Sh, 16777236 Rx, 16777238 Gx,
    16777251 S6a). `command` is the short name of the request on both sides: an answer to UAR is UAR with
    `is_request` false. `vendor` and `code`: 0 and the Result-Code, or Vendor-Id and Experimental-Result-Code.
    `origin` says which kind of tap it was, for the field `source` of diameter_answer.
    """

    interface: DiameterInterface
    command: str
    is_request: bool
    session_id: str = ""
    hop_by_hop: int = 0
    end_to_end: int = 0
    origin_host: str = ""
    destination_host: str = ""
    vendor: int | None = None
    code: int | None = None
    impi: str = ""
    impu: str = ""
    imsi: str = ""
    msisdn: str = ""
    icid: str = ""
    server_name: str = ""
    framed_address: str = ""
    apn: str = ""
    abort_cause: int | None = None
    specific_actions: tuple[int, ...] = ()
    rule_failure_code: int | None = None
    qci: int | None = None
    origin: Literal["capture", "hss_log", "hep"] = "capture"


@dataclass(frozen=True, slots=True)
class AccessMessage:
    """A message of the access and the packet core: S1AP, NAS or GTPv2.

    `name` is the name of the message in its standard (`UE CONTEXT RELEASE REQUEST`, `ATTACH REJECT`,
    `Create Bearer Request`). `group` and `cause` are those of the code lists: group and number for S1AP, the
    number alone for EMM, ESM and GTPv2. `user` joins the messages of one user where no IMSI stands in them
    (S1AP ids, TEID), as text that is unique within the tap. `fields` holds what only few messages carry,
    under the field names of the `registration` and `call` records.
    """

    protocol: Literal["S1AP", "NAS", "GTPv2"]
    name: str
    group: S1apGroup | None = None
    cause: int | None = None
    cause_protocol: str = ""
    imsi: str = ""
    user: str = ""
    ecgi: str = ""
    tac: int | None = None
    qci: int | None = None
    apn: str = ""
    ue_address: str = ""
    bearer: int | None = None
    sequence: int | None = None
    fields: tuple[tuple[str, str | int | bool], ...] = ()


class S1apMessage(AccessMessage):
    """An AccessMessage of S1AP (TS 36.413)."""

    __slots__ = ()


class NasMessage(AccessMessage):
    """An AccessMessage of NAS (TS 24.301)."""

    __slots__ = ()


class GtpMessage(AccessMessage):
    """An AccessMessage of GTPv2-C (TS 29.274)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class RtcpReport:
    """RTCP as the tap sent it: JSON text of a HEP probe, or the binary packet; collectors.voice reads it."""

    payload: bytes
    form: Literal["json", "binary"]


@dataclass(frozen=True, slots=True)
class VoiceReport:
    """A voice-quality report (RFC 6035 or a vendor's) outside SIP; collectors.voice reads it."""

    payload: bytes
    content_type: str = "application/vq-rtcpxr"


Message: TypeAlias = "SipMessage | DiameterMessage | AccessMessage | RtcpReport | VoiceReport"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One message seen once by one tap.

    `at` is aware, UTC. `transport`: udp, tcp, sctp, ws, tls. `tap` says who saw it: the HEP capture id as
    text, or file and interface; "" = not known. `correlation` is the HEP correlation id where there is one.
    """

    at: datetime
    source: Endpoint
    destination: Endpoint
    transport: str
    tap: str
    message: Message
    correlation: str = ""
