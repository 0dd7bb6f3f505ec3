"""A phone of the lab: IMS-AKA registration, calls out and in, RTP both ways, over UDP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import re
import time
from dataclasses import dataclass
from typing import cast

from lab_milenage import Digest, Milenage, OldSequenceError, Sim, WrongKeyError, challenge_of
from lab_network import CELL, DOMAIN, ENODEB, PCSCF, TAC, Subscriber
from lab_rtp import PAYLOAD_TYPE, MediaStream
from lab_sip import BadSipError, Sip, parameters, read, uri_in

PANI = f"3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=00101{TAC:04X}{ENODEB * 256 + CELL:07X}"
PATIENCE_S = 14.0
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE"


@dataclass(slots=True)
class Outcome:
    """What the phone saw of an attempt; status 0 = no final answer."""

    status: int
    reason: str
    call_id: str
    began: float
    ended: float
    heard: int = 0
    expected: int = 0


@dataclass(slots=True)
class Impaired:
    """What happens to the media that a phone receives: by a relay in front of its ports."""

    delay_s: float = 0.0
    jitter_s: float = 0.0


class Phone(asyncio.DatagramProtocol):
    """One subscriber's phone."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.sim = Sim(Milenage(subscriber.key, subscriber.opc))
        self.when_called = "answer"
        self.deaf = False
        """Out of reach: nothing that the network sends arrives."""
        self.impaired: Impaired | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[tuple[str, str], asyncio.Queue[Sip]] = {}
        self._answered: dict[tuple[str, str, str], bytes] = {}
        self._media: dict[str, MediaStream] = {}
        self._ports = itertools.count(40_000, 10)
        self._tasks: set[asyncio.Task[None]] = set()
        self.heard: dict[str, tuple[int, int]] = {}

    async def switch_on(self) -> None:
        """Open the SIP port."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self.subscriber.host, 5060))

    async def switch_off(self) -> None:
        """Vanish from the network without a word."""
        for media in self._media.values():
            await media.close()
        self._media.clear()
        if self._transport is not None:
            self._transport.close()

    # --- datagrams

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.deaf:
            return
        with contextlib.suppress(BadSipError):
            message = read(data)
            if message.is_request:
                self._take(message)
            else:
                queue = self._waiting.get((message.branch, message.method))
                if queue is not None:
                    queue.put_nowait(message)

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, (PCSCF.host, PCSCF.port))

    # --- requests out

    def _request(
        self, method: str, uri: str, call_id: str, cseq: int, headers: list[tuple[str, str]], body: str = ""
    ) -> Sip:
        host = self.subscriber.host
        via = f"SIP/2.0/UDP {host}:5060;branch=z9hG4bK{os.urandom(8).hex()};rport"
        own = [("Via", via), ("Max-Forwards", "70"), ("Call-ID", call_id), ("CSeq", f"{cseq} {method}")]
        return Sip(f"{method} {uri} SIP/2.0", [*own, ("P-Access-Network-Info", PANI), *headers], body)

    async def _ask(self, request: Sip, patience_s: float = PATIENCE_S) -> asyncio.Queue[Sip]:
        """Send a request and repeat it until something comes back (timers A and E of RFC 3261)."""
        queue: asyncio.Queue[Sip] = asyncio.Queue()
        self._waiting[request.branch, request.method] = queue
        data, pause, until = request.encoded(), 0.5, time.monotonic() + patience_s
        while queue.empty() and time.monotonic() < until:
            self._send(data)
            with contextlib.suppress(TimeoutError):
                first = await asyncio.wait_for(queue.get(), pause)
                queue.put_nowait(first)
            pause = min(pause * 2, 4.0)
        return queue

    async def _final(self, queue: asyncio.Queue[Sip], patience_s: float = PATIENCE_S) -> Sip | None:
        if queue.empty():
            return None
        until = time.monotonic() + patience_s
        while (left := until - time.monotonic()) > 0:
            try:
                answer = await asyncio.wait_for(queue.get(), left)
            except TimeoutError:
                return None
            if answer.status >= 200:
                return answer
        return None

    # --- registration

    async def register(self, expires: int = 60) -> Outcome:
        """Register with IMS-AKA; `expires` 0 takes the registration back."""
        call_id, began = f"{os.urandom(8).hex()}@{self.subscriber.host}", time.time()
        authorization = self._credentials("", "")
        answer: Sip | None = None
        tag = os.urandom(4).hex()
        for cseq in range(1, 5):
            answer = await self._register_once(call_id, cseq, tag, expires, authorization)
            if answer is None or answer.status != 401:
                break
            authorization = self._response(answer)
        ended = time.time()
        if answer is None:
            return Outcome(0, "", call_id, began, ended)
        return Outcome(answer.status, answer.reason, call_id, began, ended)

    async def _register_once(
        self, call_id: str, cseq: int, tag: str, expires: int, authorization: str
    ) -> Sip | None:
        subscriber = self.subscriber
        headers = [
            ("From", f"<{subscriber.impu}>;tag={tag}"),
            ("To", f"<{subscriber.impu}>"),
            ("Contact", f"<sip:{subscriber.imsi}@{subscriber.host}:5060>;expires={expires}"),
            ("Expires", str(expires)),
            ("Authorization", authorization),
            ("Supported", "path"),
            ("Allow", ALLOW),
        ]
        request = self._request("REGISTER", f"sip:{DOMAIN}", call_id, cseq, headers)
        return await self._final(await self._ask(request))

    def _credentials(self, nonce: str, more: str) -> str:
        base = f'username="{self.subscriber.impi}", realm="{DOMAIN}", nonce="{nonce}", uri="sip:{DOMAIN}"'
        return f"Digest {base}{more}" if more else f'Digest {base}, response=""'

    def _response(self, challenge: Sip) -> str:
        nonce = parameters(challenge.get("WWW-Authenticate"))["nonce"]
        cnonce = os.urandom(4).hex()
        digest = Digest(self.subscriber.impi, DOMAIN, nonce, "REGISTER", f"sip:{DOMAIN}", cnonce)
        auts = ""
        try:
            password = self.sim.answer(*challenge_of(nonce))
        except OldSequenceError as old:
            password, auts = b"", f', auts="{base64.b64encode(old.auts).decode()}"'
        except WrongKeyError:
            # A SIM that refuses the network answers with an empty response (TS 24.229 clause 5.1.1.5.3);
            # one whose key differs from the HSS's computes a wrong one. The lab's faulty SIM does the latter.
            password = self.sim.milenage.f2_f5(challenge_of(nonce)[0])[0]
        proof = digest.response(password)
        tail = f', response="{proof}", algorithm=AKAv1-MD5, cnonce="{cnonce}", qop=auth, nc={digest.nc}'
        return self._credentials(nonce, tail + auts)

    # --- calls out

    async def call(self, impu: str, talk_s: float = 1.0, ring_s: float = PATIENCE_S) -> Outcome:
        """Call somebody, talk with RTP both ways, hang up."""
        call_id, began = f"{os.urandom(8).hex()}@{self.subscriber.host}", time.time()
        media = await self._open_media(call_id)
        invite = self._invite(impu, call_id, media)
        queue = await self._ask(invite)
        answer = await self._final(queue, ring_s)
        if answer is None or answer.status >= 300:
            if answer is not None:
                self._send(self._ack(invite, answer, impu, []).encoded())
            await self._hang_up(call_id)
            status, reason = (answer.status, answer.reason) if answer else (0, "")
            return Outcome(status, reason, call_id, began, time.time())
        routes = list(reversed(answer.all("Record-Route")))
        target = uri_in(answer.get("Contact"))
        self._send(self._ack(invite, answer, target, routes).encoded())
        self._talk(media, answer.body)
        await asyncio.sleep(talk_s)
        await self._bye(invite, answer, target, routes)
        heard = media.received
        await self._hang_up(call_id)
        return Outcome(
            answer.status, answer.reason, call_id, began, time.time(), heard.packets, heard.expected
        )

    def _invite(self, impu: str, call_id: str, media: MediaStream) -> Sip:
        subscriber = self.subscriber
        headers = [
            ("From", f"<{subscriber.impu}>;tag={os.urandom(4).hex()}"),
            ("To", f"<{impu}>"),
            ("Contact", f"<sip:{subscriber.imsi}@{subscriber.host}:5060>"),
            ("P-Preferred-Identity", f"<{subscriber.impu}>"),
            ("Supported", "timer"),
            ("Allow", ALLOW),
            ("Content-Type", "application/sdp"),
        ]
        return self._request("INVITE", impu, call_id, 1, headers, self._sdp(media))

    def _ack(self, invite: Sip, answer: Sip, uri: str, routes: list[str]) -> Sip:
        dialog = [("From", invite.get("From")), ("To", answer.get("To")), *(("Route", r) for r in routes)]
        ack = self._request("ACK", uri, invite.get("Call-ID"), 1, dialog)
        if answer.status >= 300:
            ack.headers[0] = ("Via", invite.get("Via"))
        return ack

    async def _bye(self, invite: Sip, answer: Sip, uri: str, routes: list[str]) -> None:
        dialog = [("From", invite.get("From")), ("To", answer.get("To")), *(("Route", r) for r in routes)]
        await self._final(
            await self._ask(self._request("BYE", uri, invite.get("Call-ID"), 2, dialog), 3.0), 1.0
        )

    # --- media

    async def _open_media(self, call_id: str) -> MediaStream:
        media = MediaStream(self.subscriber.host, next(self._ports))
        await media.open()
        if self.impaired is not None:
            await media.open_doors(self.impaired.delay_s, self.impaired.jitter_s)
        self._media[call_id] = media
        return media

    def _sdp(self, media: MediaStream) -> str:
        host, port = media.host, media.port
        return (
            f"v=0\r\no=- {port} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {media.told} RTP/AVP {PAYLOAD_TYPE} 98\r\n"
            f"a=rtpmap:{PAYLOAD_TYPE} AMR-WB/16000\r\n"
            "a=rtpmap:98 AMR/8000\r\na=ptime:20\r\na=sendrecv\r\n"
        )

    def _talk(self, media: MediaStream, sdp: str) -> None:
        host = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
        port = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
        if host and port:
            media.send_to(host.group(1), int(port.group(1)))

    async def _hang_up(self, call_id: str) -> None:
        media = self._media.pop(call_id, None)
        if media is not None:
            self.heard[call_id] = (media.received.packets, media.received.expected)
            await media.close()

    # --- requests in

    def _take(self, request: Sip) -> None:
        known = self._answered.get((request.branch, request.method, request.get("Call-ID")))
        if known is not None:
            self._send(known)
        elif request.method == "INVITE":
            self._background(self._called(request))
        elif request.method == "BYE":
            self._reply(request, 200, "OK")
            self._background(self._hang_up(request.get("Call-ID")))
        elif request.method in ("CANCEL", "OPTIONS"):
            self._reply(request, 200, "OK")

    def _background(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _reply(self, request: Sip, status: int, reason: str, body: str = "") -> None:
        extra = [
            ("Contact", f"<sip:{self.subscriber.imsi}@{self.subscriber.host}:5060>"),
            ("P-Access-Network-Info", PANI),
            ("Allow", ALLOW),
        ]
        if body:
            extra.append(("Content-Type", "application/sdp"))
        tag = request.get("Call-ID")[:8] + str(self.subscriber.index)
        data = request.answer(status, reason, tag, extra, body).encoded()
        if status >= 200:
            self._answered[request.branch, request.method, request.get("Call-ID")] = data
        self._send(data)

    async def _called(self, invite: Sip) -> None:
        self._reply(invite, 100, "Trying")
        if self.when_called == "busy":
            self._reply(invite, 486, "Busy Here")
            return
        media = await self._open_media(invite.get("Call-ID"))
        self._reply(invite, 180, "Ringing")
        await asyncio.sleep(0.05)
        self._reply(invite, 200, "OK", self._sdp(media))
        self._talk(media, invite.body)
