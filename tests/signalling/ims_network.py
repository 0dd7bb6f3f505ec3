"""An IMS written by hand: phones, P-, I-, S-CSCF and an AS that pass real SIP bytes to one another.

Every message is seen twice, by the tap of the sender and by that of the receiver, as HEP probes do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from collectors.signalling.message import parse_sip
from collectors.signalling.settings import NodeSetting, SignallingSettings
from collectors.signalling.sighting import Endpoint, Sighting

START = datetime(2024, 3, 11, 9, 0, tzinfo=UTC)
PHONE_A, PHONE_B = Endpoint("10.9.0.1", 5062), Endpoint("10.9.0.2", 5064)
PCSCF, ICSCF, SCSCF = Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060), Endpoint("10.0.0.3", 5060)
AS = Endpoint("10.0.0.4", 5060)
NAMES = {
    PCSCF: ("pcscf1.ims.example", "pcscf"),
    ICSCF: ("icscf1.ims.example", "icscf"),
    SCSCF: ("scscf1.ims.example", "scscf"),
    AS: ("mmtel1.ims.example", "as"),
}
HOME = "ims.mnc000.mcc460.3gppnetwork.org"
IMSI_A, IMSI_B = "460000000000001", "460000000000002"
NUMBER_A, NUMBER_B = "8613800000001", "8613800000002"
PANI = "3GPP-E-UTRAN-TDD;utran-cell-id-3gpp=4600026530001A02"
SDP_OFFER = (
    "v=0\r\no=- 1 1 IN IP4 10.9.0.1\r\ns=-\r\nc=IN IP4 10.9.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 104 102 105\r\na=rtpmap:104 AMR-WB/16000\r\na=rtpmap:102 AMR/8000\r\n"
    "a=rtpmap:105 telephone-event/16000\r\n"
)
SDP_ANSWER = (
    "v=0\r\no=- 1 1 IN IP4 10.9.0.2\r\ns=-\r\nc=IN IP4 10.9.0.2\r\nt=0 0\r\n"
    "m=audio 40002 RTP/AVP 102\r\na=rtpmap:102 AMR/8000\r\n"
)


def settings(**more: object) -> SignallingSettings:
    """Settings that name the nodes of this network."""
    nodes = tuple(
        NodeSetting(name=name, type=node_type, addresses=(f"{end.host}:{end.port}",))
        for end, (name, node_type) in NAMES.items()
    )
    return SignallingSettings(nodes=nodes, **more)


@dataclass
class Packet:
    """Bytes on their way at a time."""

    at: datetime
    source: Endpoint
    destination: Endpoint
    data: bytes

    def sighting(self, tap: str = "1", late_ms: float = 0.0) -> Sighting:
        """The packet as a tap saw it."""
        at = self.at + timedelta(milliseconds=late_ms)
        return Sighting(at, self.source, self.destination, "udp", tap, parse_sip(self.data))


@dataclass
class Request:
    """A request on its way through the network; remembers the Vias that it gathered."""

    method: str
    uri: str
    call_id: str
    cseq: int
    from_: str
    to: str
    headers: list[str] = field(default_factory=list)
    body: str = ""
    vias: list[str] = field(default_factory=list)
    path: list[Endpoint] = field(default_factory=list)


class Network:
    """Writes packets with a clock that goes on by `step_ms` from message to message."""

    def __init__(self, start: datetime = START, step_ms: float = 5.0) -> None:
        self.now, self.step = start, timedelta(milliseconds=step_ms)
        self.packets: list[Packet] = []
        self._branches = 0

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def send(self, request: Request, source: Endpoint, destination: Endpoint, *more: str) -> None:
        """Send or forward a request: the sender adds its Via; `more` are headers it adds."""
        self._branches += 1
        unique = f"{request.call_id}{request.cseq}{self._branches}".replace("@", "").replace(".", "")
        request.vias.insert(0, f"SIP/2.0/UDP {source.host}:{source.port};branch=z9hG4bK{unique}")
        request.path.append(source)
        request.headers += more
        self._write(source, destination, f"{request.method} {request.uri} SIP/2.0", request, request.body)

    def again(self, request: Request, destination: Endpoint) -> None:
        """Send the last request once more as it was (RFC 3261 17.1.1.2)."""
        line = f"{request.method} {request.uri} SIP/2.0"
        self._write(request.path[-1], destination, line, request, request.body)

    def cancel(self, request: Request, destination: Endpoint, *more: str) -> Request:
        """Cancel a request at its first hop; returns the CANCEL."""
        made = Request("CANCEL", request.uri, request.call_id, request.cseq, request.from_, request.to)
        made.vias, made.path, made.headers = request.vias[-1:], request.path[:1], list(more)
        self._write(made.path[0], destination, f"CANCEL {made.uri} SIP/2.0", made, "")
        return made

    def answer(
        self, request: Request, source: Endpoint, status: str, *more: str, tag: str = "", body: str = "",
        hops: int | None = None,
    ) -> None:  # fmt: skip
        """Answer from `source` back along the path, over `hops` hops (default: all)."""
        vias, path = list(request.vias), list(request.path)
        sender = source
        for _ in range(len(path) if hops is None else hops):
            to = request.to + (f";tag={tag}" if tag and ";tag=" not in request.to else "")
            echo = Request(request.method, "", request.call_id, request.cseq, request.from_, to, list(more))
            echo.vias = list(vias)
            self._write(sender, path[-1], f"SIP/2.0 {status}", echo, body)
            sender = path.pop()
            vias.pop(0)
        request.vias, request.path = vias, path

    def _write(self, source: Endpoint, destination: Endpoint, line: str, of: Request, body: str) -> None:
        head = [line, *(f"Via: {via}" for via in of.vias)]
        head += [
            f"From: {of.from_}",
            f"To: {of.to}",
            f"Call-ID: {of.call_id}",
            f"CSeq: {of.cseq} {of.method}",
        ]
        head += of.headers
        if body:
            head.append("Content-Type: application/sdp")
        head.append(f"Content-Length: {len(body)}")
        self.packets.append(Packet(self.now, source, destination, "\r\n".join([*head, "", body]).encode()))
        self.now += self.step

    def sightings(self, *, twice: bool = True) -> list[Sighting]:
        """All packets as the taps of both ends saw them."""
        seen = [packet.sighting("1") for packet in self.packets]
        return seen + [packet.sighting("2", 0.4) for packet in self.packets] if twice else seen


def impu(imsi: str) -> str:
    """The temporary public identity of an IMSI."""
    return f"sip:{imsi}@{HOME}"


def register(
    imsi: str, cseq: int, call_id: str = "reg-1@10.9.0.1", nonce: str = "", response: str = "", *,
    auts: str = "", expires: int = 3600, phone: Endpoint = PHONE_A,
) -> Request:  # fmt: skip
    """A REGISTER as a phone writes it (TS 24.229 5.1.1.2)."""
    digest = (
        f'Authorization: Digest username="{imsi}@{HOME}",realm="{HOME}",nonce="{nonce}",response="{response}"'
    )
    return Request(
        "REGISTER",
        f"sip:{HOME}",
        call_id,
        cseq,
        f"<{impu(imsi)}>;tag=r{imsi[-1]}",
        f"<{impu(imsi)}>",
        [
            digest + (f',auts="{auts}"' if auts else ""),
            f"Contact: <sip:{imsi}@{phone.host}:{phone.port}>;expires={expires}",
            f"P-Access-Network-Info: {PANI}",
        ],
    )


CHALLENGE = f'WWW-Authenticate: Digest realm="{HOME}",nonce="bm9uY2U=",algorithm=AKAv1-MD5'


def registered(network: Network, imsi: str = IMSI_A, phone: Endpoint = PHONE_A, call_id: str = "") -> None:
    """A registration that goes well: challenge, answer, 200, third-party REGISTER to the AS."""
    call_id = call_id or f"reg-{imsi[-1]}@{phone.host}"
    number = NUMBER_A if imsi == IMSI_A else NUMBER_B
    first = register(imsi, 1, call_id, phone=phone)
    to_scscf(network, first, phone)
    network.answer(first, SCSCF, "401 Unauthorized", CHALLENGE, tag="s1")
    second = register(imsi, 2, call_id, "bm9uY2U=", "0123456789abcdef", phone=phone)
    to_scscf(network, second, phone)
    network.answer(
        second,
        SCSCF,
        "200 OK",
        f"Contact: <sip:{imsi}@{phone.host}:{phone.port}>;expires=3600",
        f"P-Associated-URI: <{impu(imsi)}>, <sip:+{number}@{HOME}>, <tel:+{number}>",
        "Service-Route: <sip:orig@scscf1.ims.example:5060;lr>",
        tag="s1",
    )
    third = Request(
        "REGISTER", "sip:mmtel1.ims.example", f"third-{imsi[-1]}@10.0.0.3", 1,
        "<sip:scscf1.ims.example>;tag=t1", f"<{impu(imsi)}>",
    )  # fmt: skip
    network.send(third, SCSCF, AS)
    network.answer(third, AS, "200 OK", tag="a1")


def to_scscf(network: Network, request: Request, phone: Endpoint = PHONE_A) -> None:
    """Send a REGISTER from the phone over the P- and the I-CSCF to the S-CSCF."""
    network.send(request, phone, PCSCF)
    network.send(request, PCSCF, ICSCF, "Path: <sip:term@pcscf1.ims.example;lr>", charging(request))
    network.send(request, ICSCF, SCSCF)


def charging(request: Request) -> str:
    """The charging vector that the P-CSCF adds."""
    return f"P-Charging-Vector: icid-value=icid-{request.call_id};icid-generated-at=10.0.0.1"


def invite(call_id: str = "call-1@10.9.0.1", cseq: int = 1) -> Request:
    """An INVITE of phone A to phone B."""
    return Request(
        "INVITE",
        f"tel:+{NUMBER_B}",
        call_id,
        cseq,
        f"<{impu(IMSI_A)}>;tag=a",
        f"<tel:+{NUMBER_B}>",
        [f"P-Access-Network-Info: {PANI}", f"P-Preferred-Identity: <tel:+{NUMBER_A}>"],
        SDP_OFFER,
    )


def to_phone_b(network: Network, request: Request) -> None:
    """Send an INVITE over P, S, I, S and P to phone B, with 100 Trying from the first node."""
    to_terminating_scscf(network, request)
    network.send(request, SCSCF, PCSCF, f"P-Called-Party-ID: <tel:+{NUMBER_B}>")
    network.send(request, PCSCF, PHONE_B)


def to_terminating_scscf(network: Network, request: Request) -> None:
    """Send an INVITE as far as the S-CSCF of the called user."""
    network.send(request, PHONE_A, PCSCF)
    trying = Request("INVITE", "", request.call_id, request.cseq, request.from_, request.to)
    trying.vias, trying.path = list(request.vias), list(request.path)
    network.answer(trying, PCSCF, "100 Trying")
    network.send(request, PCSCF, SCSCF, charging(request), f"P-Asserted-Identity: <tel:+{NUMBER_A}>")
    network.send(request, SCSCF, ICSCF)
    network.send(request, ICSCF, SCSCF)


def in_dialog(request: Request, method: str, cseq: int, *, by_b: bool = False, to_tag: str = "b") -> Request:
    """A request inside the dialog that an INVITE made."""
    a, b = request.from_, f"{request.to};tag={to_tag}"
    return Request(method, "sip:peer", request.call_id, cseq, b if by_b else a, a if by_b else b)


def through(network: Network, request: Request, *way: Endpoint, status: str = "200 OK") -> None:
    """Send a request along nodes and have the last one answer it."""
    for source, destination in pairwise(way):
        network.send(request, source, destination)
    if status:
        network.answer(request, way[-1], status)


def answered_call(network: Network, call_id: str = "call-1@10.9.0.1", talk_s: float = 30.0) -> Request:
    """A call that rings, is answered, and that the caller ends."""
    request = talking(network, call_id)
    network.wait(talk_s)
    through(network, in_dialog(request, "BYE", 3), PHONE_A, PCSCF, SCSCF, PCSCF, PHONE_B)
    return request


def talking(network: Network, call_id: str = "call-1@10.9.0.1") -> Request:
    """A call that rings and is answered."""
    request = invite(call_id)
    to_phone_b(network, request)
    vias, path = list(request.vias), list(request.path)
    network.answer(
        request, PHONE_B, "183 Session Progress", f"P-Access-Network-Info: {PANI}", tag="b", body=SDP_ANSWER
    )
    for status in ("180 Ringing", "200 OK"):
        request.vias, request.path = list(vias), list(path)
        network.wait(0.5)
        network.answer(request, PHONE_B, status, tag="b")
    through(network, in_dialog(request, "ACK", 1), PHONE_A, PCSCF, SCSCF, PCSCF, PHONE_B, status="")
    return request
