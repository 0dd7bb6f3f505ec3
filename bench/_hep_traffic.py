"""Traffic for `bench.hep_load`: registrations and calls over an IMS, both ends of every hop, ever new users.

`python -m bench._hep_traffic PORT RATE SECONDS` sends it to loopback; rate 0 = as fast as it goes.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.signalling.settings import NodeSetting

RATE = 5_000
MARK = b"@@@@@@@@"
"""Stands where the number of the call stands; eight digits replace it."""
PHONES, PCSCF, ICSCF, SCSCF = ("10.9.0.1", "10.9.0.2"), "10.0.0.1", "10.0.0.2", "10.0.0.3"
HOME = "ims.mnc000.mcc460.3gppnetwork.org"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 10.9.0.1\r\ns=-\r\nc=IN IP4 10.9.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 104 102 105\r\nb=AS:41\r\na=rtpmap:104 AMR-WB/16000\r\n"
    "a=fmtp:104 mode-change-capability=2;max-red=0\r\na=rtpmap:102 AMR/8000\r\n"
    "a=rtpmap:105 telephone-event/16000\r\na=ptime:20\r\na=maxptime:240\r\na=sendrecv\r\n"
)
EXTRA = (
    "Max-Forwards: 66\r\nAllow: INVITE,ACK,OPTIONS,BYE,CANCEL,UPDATE,INFO,PRACK,NOTIFY,MESSAGE,REFER\r\n"
    "Supported: path,gruu,100rel,timer,replaces\r\nUser-Agent: phone/1.0 VoLTE\r\n"
    "P-Access-Network-Info: 3GPP-E-UTRAN-TDD;utran-cell-id-3gpp=4600026530001A02\r\n"
)
INVITE_WAY = (PHONES[0], PCSCF, SCSCF, ICSCF, SCSCF, PCSCF, PHONES[1])
DIALOG_WAY = (PHONES[0], PCSCF, SCSCF, PCSCF, PHONES[1])
REGISTER_WAY = (PHONES[0], PCSCF, ICSCF, SCSCF)


@dataclass(frozen=True, slots=True)
class Step:
    """A packet of one call: when after its beginning (s), its bytes, and where its time stands in them."""

    after: float
    packet: bytes
    time_at: int


def nodes() -> tuple[NodeSetting, ...]:
    """Return the nodes of the traffic."""
    # Here, because the process that sends needs none of it.
    from collectors.signalling.settings import NodeSetting

    named = {"pcscf": PCSCF, "icscf": ICSCF, "scscf": SCSCF}
    return tuple(
        NodeSetting(name=f"{kind}1.ims.example", type=kind, addresses=(address,))
        for kind, address in named.items()
    )


class Traffic:
    """The packets of a network in which a call begins every few milliseconds."""

    def __init__(self) -> None:
        self._steps = sorted(_course(), key=lambda step: step.after)
        self._every_s = len(self._steps) / RATE

    def packets(self) -> Iterator[bytes]:
        """Yield packets without end, in the order of time; all phases of many calls at once."""
        order = sorted(
            (step.after % self._every_s, int(step.after / self._every_s), index)
            for index, step in enumerate(self._steps)
        )
        slot = 0
        while True:
            for _, behind, index in order:
                if slot >= behind:
                    yield _stamped(self._steps[index], slot - behind)
            slot += 1


def _stamped(step: Step, call: int) -> bytes:
    """Give a packet its call and the time of now."""
    packet = bytearray(step.packet.replace(MARK, b"%08d" % call))
    now = time.time_ns() // 1000
    struct.pack_into(">I", packet, step.time_at, now // 1_000_000)
    struct.pack_into(">I", packet, step.time_at + 10, now % 1_000_000)
    return bytes(packet)


def _course() -> Iterator[Step]:
    """Yield a registration with its challenge, then a call: rings 2 s, talks 8 s, ends."""
    for cseq, status in ((1, "401 Unauthorized"), (2, "200 OK")):
        yield from _transaction(0.03 * cseq, "REGISTER", cseq, REGISTER_WAY, (status,))
    yield from _transaction(1.0, "INVITE", 1, INVITE_WAY, ("183 Session Progress", "180 Ringing", "200 OK"))
    yield from _transaction(3.2, "ACK", 1, DIALOG_WAY, ())
    yield from _transaction(11.0, "BYE", 2, DIALOG_WAY, ("200 OK",))


def _transaction(
    after: float, method: str, cseq: int, way: tuple[str, ...], statuses: tuple[str, ...]
) -> Iterator[Step]:
    vias: list[str] = []
    for number, (source, destination) in enumerate(pairwise(way)):
        vias.insert(0, f"SIP/2.0/UDP {source}:5060;branch=z9hG4bK{method}{cseq}{number}@@@@@@@@")
        line = f"{method} sip:+8613900000002@{HOME};user=phone SIP/2.0"
        yield from _twice(after + number * 0.004, source, destination, _message(line, method, cseq, vias))
    for wait, status in enumerate(statuses, 1):
        for number in range(len(way) - 1, 0, -1):
            head = _message(f"SIP/2.0 {status}", method, cseq, vias[len(vias) - number :])
            yield from _twice(after + 0.7 * wait - number * 0.002, way[number], way[number - 1], head)


def _message(line: str, method: str, cseq: int, vias: list[str]) -> bytes:
    body = SDP if method == "INVITE" and ("183" in line or " sip:" in line) else ""
    user = f"sip:46000@@@@@@@@00@{HOME}"
    to = user if method == "REGISTER" else f"sip:+8613900000002@{HOME}"
    digest = f'Authorization: Digest username="46000@@@@@@@@00@{HOME}",'
    digest += f'nonce="{"n" * (cseq - 1)}",response="ab"\r\n'
    head = [line, *(f"Via: {via}" for via in vias), f"From: <{user}>;tag=f@@@@@@@@"]
    head += [f"To: <{to}>" + (";tag=t" if method in ("ACK", "BYE") or line.startswith("SIP") else "")]
    head += [f"Call-ID: {'r' if method == 'REGISTER' else 'c'}@@@@@@@@-bench", f"CSeq: {cseq} {method}"]
    head += ["P-Charging-Vector: icid-value=icid@@@@@@@@"] if method == "INVITE" and len(vias) > 1 else []
    head += ["Contact: <sip:phone@10.9.0.1:5060>;expires=3600", f"Content-Length: {len(body)}"]
    head += ["Content-Type: application/sdp"] if body else []
    more = EXTRA + (digest if method == "REGISTER" else "")
    return ("\r\n".join(head) + "\r\n" + more + "\r\n" + body).encode()


def _twice(after: float, source: str, destination: str, message: bytes) -> Iterator[Step]:
    for tap in (2001, 2002):
        head = b"".join(
            struct.pack(">HHH", 0, kind, 6 + len(data)) + data
            for kind, data in (
                (9, bytes(4)), (10, bytes(4)), (1, b"\2"), (2, b"\x11"), (3, socket.inet_aton(source)),
                (4, socket.inet_aton(destination)), (7, b"\x13\xc4"), (8, b"\x13\xc4"), (11, b"\1"),
                (12, struct.pack(">I", tap)), (15, message),
            )
        )  # fmt: skip
        yield Step(after + 0.0002 * (tap - 2001), b"HEP3" + struct.pack(">H", 6 + len(head)) + head, 12)


def send(port: int, rate: int, seconds: float) -> None:
    """Send at a rate; prints how many packets went out and the seconds that it took."""
    sent, address = 0, ("127.0.0.1", port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        begun = time.perf_counter()
        for packet in Traffic().packets():
            sock.sendto(packet, address)
            sent += 1
            if sent % 50 == 0:
                now = time.perf_counter() - begun
                if now >= seconds:
                    break
                if rate and (ahead := sent / rate - now) > 0:
                    time.sleep(ahead)
        print(sent, time.perf_counter() - begun, flush=True)


if __name__ == "__main__":
    send(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
