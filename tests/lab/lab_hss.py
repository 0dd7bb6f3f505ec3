"""The lab's HSS: Cx over TCP, AKA vectors, a log of every transaction, and switches that make it misbehave.

Run as `python lab_hss.py RUN_DIRECTORY`. The control socket takes one JSON object: `faults` by command, as in
`{"faults": {"MAR": {"delay_s": 3, "result": [0, 3004], "silent": true}}}`, `accounts` and `heal`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from lab_diameter import CX, TGPP, Avp, BadDiameterError, Message, address, group, number, read_message, text
from lab_milenage import Milenage, sqn_of_auts, vector
from lab_network import DOMAIN, HSS, SCSCF_1, SCSCF_2, Plan, Subscriber

SUCCESS = (0, 2001)
FIRST, SUBSEQUENT, UNREGISTERED = (TGPP, 2001), (TGPP, 2002), (TGPP, 2003)
UNKNOWN, NOT_ALLOWED = (TGPP, 5001), (TGPP, 5004)
UNABLE = (0, 5012)
SCSCFS = {f"sip:{node.name}:{node.port}": node for node in (SCSCF_1, SCSCF_2)}


@dataclass(slots=True)
class Account:
    """A subscriber in the HSS."""

    subscriber: Subscriber
    milenage: Milenage
    sqn: int = 32
    server: str = ""
    registered: bool = False
    barred: bool = False

    @property
    def home(self) -> str:
        """The S-CSCF that serves this subscriber."""
        node = self.subscriber.scscf
        return f"sip:{node.name}:{node.port}"


@dataclass(slots=True)
class Reply:
    """What the HSS says: a result and the AVPs that come with it."""

    result: tuple[int, int]
    avps: list[Avp] = field(default_factory=list)


def profile(account: Account) -> str:
    """Return the user profile of TS 29.228 annex E: one service profile, no filter criteria."""
    subscriber = account.subscriber
    return (
        '<?xml version="1.0" encoding="UTF-8"?><IMSSubscription>'
        f"<PrivateID>{subscriber.impi}</PrivateID><ServiceProfile><PublicIdentity>"
        f"<BarringIndication>0</BarringIndication><Identity>{subscriber.impu}</Identity>"
        "</PublicIdentity></ServiceProfile></IMSSubscription>"
    )


class Register:
    """The subscribers and what each Cx command does with them."""

    def __init__(self, subscribers: tuple[Subscriber, ...]) -> None:
        accounts = [Account(s, Milenage(s.key, s.opc)) for s in subscribers]
        self.by_impi = {a.subscriber.impi: a for a in accounts}
        self.by_impu = {a.subscriber.impu: a for a in accounts}

    def reply(self, request: Message) -> Reply:
        """Answer a Cx request."""
        impi, impu = request.text_of(1), request.text_of(601, TGPP)
        account = self.by_impi.get(impi) or self.by_impu.get(impu)
        if account is None or account.barred:
            return Reply(UNKNOWN)
        doing = {"UAR": self._authorise, "MAR": self._vectors, "SAR": self._assign, "LIR": self._locate}
        return doing[request.command](account, request)

    def _authorise(self, account: Account, request: Message) -> Reply:
        if account.server:
            return Reply(SUBSEQUENT, [text(602, account.server, TGPP)])
        return Reply(FIRST, [group(603, [text(602, account.home, TGPP)], TGPP)])

    def _vectors(self, account: Account, request: Message) -> Reply:
        subscriber = account.subscriber
        asked = request.first(612, TGPP)
        sealed = next((m.data for m in asked.members if m.code == 610), b"") if asked else b""
        if len(sealed) >= 30:
            told = sqn_of_auts(account.milenage, sealed[:16], sealed[16:30])
            account.sqn = told if told is not None else account.sqn
        account.sqn += 32
        made = vector(account.milenage, account.sqn, os.urandom(16))
        item = group(
            612,
            [
                number(613, 1, TGPP),
                text(608, "Digest-AKAv1-MD5", TGPP),
                Avp(609, made.rand + made.autn, TGPP),
                Avp(610, made.xres, TGPP),
                Avp(625, made.ck, TGPP),
                Avp(626, made.ik, TGPP),
            ],
            TGPP,
        )
        named = [text(1, subscriber.impi), text(601, subscriber.impu, TGPP)]
        return Reply(SUCCESS, [*named, number(607, 1, TGPP), item])

    def _assign(self, account: Account, request: Message) -> Reply:
        kind = request.first(614, TGPP)
        assignment = kind.number if kind else 0
        # TS 29.229 clause 6.3.15: 1 registration, 2 re-registration, 3 unregistered user; 4 and above end it.
        account.registered = assignment in (1, 2)
        account.server = request.text_of(602, TGPP) if assignment in (1, 2, 3) else ""
        named = [text(1, account.subscriber.impi)]
        return Reply(SUCCESS, [*named, text(606, profile(account), TGPP)])

    def _locate(self, account: Account, request: Message) -> Reply:
        if account.server:
            return Reply(SUCCESS, [text(602, account.server, TGPP)])
        return Reply(UNREGISTERED, [group(603, [text(602, account.home, TGPP)], TGPP)])


class Journal:
    """One line of JSON for every transaction, flushed at once."""

    def __init__(self, path: Path) -> None:
        self._out: TextIO = path.open("a", encoding="utf-8")

    def write(self, request: Message, began: float, result: tuple[int, int]) -> None:
        """Write one transaction that was answered; of silence a log knows nothing."""
        impu = request.text_of(601, TGPP)
        impi = request.text_of(1)
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
            "session_id": request.text_of(263),
            "hop_by_hop": request.hop_by_hop,
            "interface": "Cx",
            "command": request.command,
            "origin_host": request.text_of(264),
            "server_host": HSS.name,
            "impi": impi or None,
            "impu": impu or None,
            "vendor": result[0],
            "code": result[1],
            "answered": True,
            "duration_s": round(time.time() - began, 6),
        }
        self._out.write(json.dumps(entry) + "\n")
        self._out.flush()


class HomeSubscriberServer:
    """The Diameter side: connections, capabilities, watchdogs, faults."""

    def __init__(self, plan: Plan) -> None:
        self.register = Register(plan.subscribers)
        self.journal = Journal(plan.hss_log)
        self.faults: dict[str, dict[str, Any]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one peer until it hangs up."""
        try:
            while True:
                head = await reader.readexactly(4)
                body = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                message = read_message(head + body)
                if message.request:
                    task = asyncio.create_task(self._answer(message, writer))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
        except (asyncio.IncompleteReadError, ConnectionError, BadDiameterError):
            writer.close()

    async def _answer(self, request: Message, writer: asyncio.StreamWriter) -> None:
        if request.application != CX or request.command not in ("UAR", "MAR", "SAR", "LIR"):
            self._send(writer, request.answer(self._greeting(request)))
            return
        began = time.time()
        fault = self.faults.get(request.command, {})
        if fault.get("silent"):
            return
        if fault.get("delay_s"):
            await asyncio.sleep(fault["delay_s"])
        forced = fault.get("result")
        reply = Reply((forced[0], forced[1])) if forced else self.register.reply(request)
        self.journal.write(request, began, reply.result)
        self._send(writer, request.answer(self._framed(request, reply)))

    def _send(self, writer: asyncio.StreamWriter, message: Message) -> None:
        if not writer.is_closing():
            writer.write(message.encoded())

    def _greeting(self, request: Message) -> list[Avp]:
        avps = [number(268, 2001), text(264, HSS.name), text(296, DOMAIN)]
        if request.command == "CER":
            avps += [address(257, HSS.host), number(266, TGPP), text(269, "lab HSS"), number(265, TGPP)]
            for vendor in (TGPP, 0):
                avps.append(group(260, [number(266, vendor), number(258, CX)]))
            avps.append(number(258, CX))
        return avps

    def _framed(self, request: Message, reply: Reply) -> list[Avp]:
        vendor, code = reply.result
        result = group(297, [number(266, vendor), number(298, code)]) if vendor else number(268, code)
        return [
            text(263, request.text_of(263)),
            group(260, [number(266, TGPP), number(258, CX)]),
            result,
            number(277, 1),
            text(264, HSS.name),
            text(296, DOMAIN),
            *reply.avps,
        ]

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one order: the faults from now on, and what becomes of accounts."""
        order = json.loads(await reader.readline())
        for impi, change in order.pop("accounts", {}).items():
            for name, value in change.items():
                setattr(self.register.by_impi[impi], name, value)
        if order.pop("heal", False):
            for account in self.register.by_impi.values():
                account.barred = False
        self.faults = order.pop("faults", self.faults)
        writer.write(b"{}\n")
        await writer.drain()
        writer.close()


async def main(root: Path) -> None:
    """Serve until killed."""
    plan = Plan(root)
    hss = HomeSubscriberServer(plan)
    control = plan.socket("hss")
    control.unlink(missing_ok=True)
    await asyncio.start_unix_server(hss.control, str(control))
    diameter = await asyncio.start_server(hss.serve, HSS.host, HSS.port, reuse_address=True)
    await diameter.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
