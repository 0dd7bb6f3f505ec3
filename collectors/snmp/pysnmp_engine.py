"""The default engine: pysnmp, in Python, patient with odd agents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyasn1.type.univ import ObjectIdentifier
from pysnmp.entity.rfc3413.cmdgen import BulkCommandGenerator, GetCommandGenerator
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC96_MD5,
    USM_AUTH_HMAC96_SHA,
    USM_AUTH_HMAC128_SHA224,
    USM_AUTH_HMAC192_SHA256,
    USM_AUTH_HMAC256_SHA384,
    USM_AUTH_HMAC384_SHA512,
    USM_PRIV_CBC56_DES,
    USM_PRIV_CFB128_AES,
    USM_PRIV_CFB192_AES_BLUMENTHAL,
    USM_PRIV_CFB256_AES_BLUMENTHAL,
    CommunityData,
    SnmpEngine,
    Udp6TransportTarget,
    UdpTransportTarget,
    UsmUserData,
)
from pysnmp.hlapi.v3arch.asyncio.lcd import CommandGeneratorLcdConfigurator
from pysnmp.proto import errind
from pysnmp.proto.api.v2c import Null
from pysnmp.proto.api.v2c import ObjectIdentifier as ObjectName
from pysnmp.proto.rfc1902 import (
    Counter32,
    Counter64,
    Gauge32,
    Integer,
    IpAddress,
    TimeTicks,
)
from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject

from collectors.errors import SourceError
from collectors.snmp.access import Agent, V3User, address
from collectors.snmp.engine import MOST_ROWS, Value, repetitions

AUTHENTICATION: Final = {
    "md5": USM_AUTH_HMAC96_MD5, "sha1": USM_AUTH_HMAC96_SHA, "sha224": USM_AUTH_HMAC128_SHA224,
    "sha256": USM_AUTH_HMAC192_SHA256, "sha384": USM_AUTH_HMAC256_SHA384, "sha512": USM_AUTH_HMAC384_SHA512,
}  # fmt: skip
PRIVACY: Final = {
    "des": USM_PRIV_CBC56_DES, "aes128": USM_PRIV_CFB128_AES, "aes192": USM_PRIV_CFB192_AES_BLUMENTHAL,
    "aes256": USM_PRIV_CFB256_AES_BLUMENTHAL,
}  # fmt: skip
_LCD = CommandGeneratorLcdConfigurator()
_ABSENT = (NoSuchObject, NoSuchInstance, EndOfMibView)
_NUMBERS = (Integer, Counter32, Counter64, Gauge32, TimeTicks)
_REFUSED = (
    errind.UnknownUserName, errind.WrongDigest, errind.UnsupportedSecurityLevel, errind.DecryptionError,
    errind.AuthenticationFailure, errind.AuthenticationError, errind.NotInTimeWindow,
)  # fmt: skip


@dataclass(slots=True)
class _Target:
    engine: SnmpEngine
    credentials: Any
    transport: Any
    answered: bool = False


class PysnmpEngine:
    """One pysnmp engine for all agents: making one costs as much as a hundred requests."""

    def __init__(self) -> None:
        self._engines: list[SnmpEngine] = []
        """The last one is for agents that are met for the first time."""
        self._targets: dict[Agent, _Target] = {}

    async def get(self, agent: Agent, oids: Sequence[str], place: str) -> dict[str, Value]:
        """GET the objects; see `Engine.get`."""
        binds = await self._ask(agent, place, oids, None)
        return {oid: value for oid, value in binds if value is not None}

    async def walk(self, agent: Agent, root: str, rows: int, place: str) -> list[tuple[str, Value]]:
        """GETBULK a table; see `Engine.walk`."""
        many, below, at = repetitions(agent, rows), root + ".", root
        found: list[tuple[str, Value]] = []
        while True:
            binds = await self._ask(agent, place, [at], many)
            for oid, value in binds:
                if value is None or not oid.startswith(below):
                    return found
                if _order(oid) <= _order(at) or len(found) >= MOST_ROWS:
                    raise SourceError("bad_answer", "its table goes in circles or has no end", file=place)
                found.append((oid, value))
                at = oid
            if not binds:
                return found

    async def close(self) -> None:
        """Close the sockets."""
        for engine in self._engines:
            engine.close_dispatcher()
        self._engines.clear()
        self._targets.clear()

    async def _ask(
        self, agent: Agent, place: str, oids: Sequence[str], many: int | None
    ) -> list[tuple[str, Value | None]]:
        target = self._targets.get(agent)
        if target is None:
            target = self._targets[agent] = _Target(
                self._newest(None), _credentials(agent), await _transport(agent, place)
            )
        try:
            answer = await self._once(target, place, oids, many)
        except SourceError as error:
            if agent.user is None or error.code != "timeout" or not target.answered:
                raise
            # pysnmp holds on to engine boots and time of an agent that was restarted (RFC 3414, 2.3) and does
            # not hear its reports: an engine that has not met the agent yet discovers it anew.
            target.engine, target.answered = self._newest(target.engine), False
            answer = await self._once(target, place, oids, many)
        target.answered = True
        return answer

    def _newest(self, but_not: SnmpEngine | None) -> SnmpEngine:
        if not self._engines or self._engines[-1] is but_not:
            self._engines.append(SnmpEngine())
        return self._engines[-1]

    async def _once(
        self, target: _Target, place: str, oids: Sequence[str], many: int | None
    ) -> list[tuple[str, Value | None]]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def heard(_e: Any, _h: Any, problem: Any, status: Any, index: Any, binds: Any, _c: Any) -> None:
            if not future.done():
                future.set_result((problem, status, index, binds))

        # The calls of RFC 3413 themselves: those above them look every object up in MIBs.
        binds = [(ObjectName(oid), Null("")) for oid in oids]
        try:
            name, _ = _LCD.configure(target.engine, target.credentials, target.transport, b"")
            if many is None:
                GetCommandGenerator().send_varbinds(target.engine, name, None, b"", binds, heard)
            else:
                BulkCommandGenerator().send_varbinds(target.engine, name, None, b"", 0, many, binds, heard)
            answer = await future
        except PySnmpError as error:
            raise SourceError("bad_answer", f"answered what is no SNMP: {error}", file=place) from error
        return _read(answer, place)


def _read(answer: Any, place: str) -> list[tuple[str, Value | None]]:
    problem, status, index, binds = answer
    if isinstance(problem, errind.RequestTimedOut):
        raise SourceError("timeout", "did not answer in time", file=place)
    if isinstance(problem, _REFUSED):
        raise SourceError("authentication", f"refused the user or its keys: {problem}", file=place)
    if problem:
        raise SourceError("bad_answer", f"answered what cannot be read: {problem}", file=place)
    if status:
        raise SourceError("bad_answer", f"answered {status.prettyPrint()} at object {index}", file=place)
    return [(str(oid), value_of(value)) for oid, value in binds]


def value_of(value: Any) -> Value | None:
    """Turn a value of pysnmp into a plain one; None for noSuchObject, noSuchInstance and endOfMibView."""
    if isinstance(value, _ABSENT):
        return None
    if isinstance(value, _NUMBERS):
        return int(value)
    if isinstance(value, IpAddress):
        return str(value.prettyPrint())
    if isinstance(value, ObjectIdentifier):
        return str(value)
    return bytes(value) if hasattr(value, "asOctets") else None


def _order(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))


async def _transport(agent: Agent, place: str) -> Any:
    where = await address(agent, place)
    made = Udp6TransportTarget if ":" in where else UdpTransportTarget
    try:
        return await made.create((where, agent.port), timeout=agent.timeout_s, retries=agent.retries)
    except (OSError, PySnmpError) as error:
        raise SourceError("unreachable", "cannot be reached", file=place) from error


def _credentials(agent: Agent) -> Any:
    if agent.user is not None:
        return usm_user(agent.user)
    community = agent.community.reveal() if agent.community else ""
    return CommunityData(community, mpModel=1)  # noqa: S508 - what many agents speak


def usm_user(user: V3User) -> UsmUserData:
    """Make a user as pysnmp takes it."""
    keys: dict[str, Any] = {}
    if user.authentication_key is not None:
        keys["authKey"] = user.authentication_key.reveal()
        keys["authProtocol"] = AUTHENTICATION[user.authentication]
    if user.privacy_key is not None:
        keys["privKey"] = user.privacy_key.reveal()
        keys["privProtocol"] = PRIVACY[user.privacy]
    return UsmUserData(user.name, **keys)  # noqa: S509 - the level is the operator's choice
