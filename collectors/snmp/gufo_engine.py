"""The fast engine: gufo-snmp, whose packets are coded in Rust."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpAuthError,
    SnmpError,
    User,
)
from gufo.snmp.aio import SnmpSession

from collectors.errors import SourceError
from collectors.snmp.access import Agent, V3User, address
from collectors.snmp.engine import MOST_ROWS, Value, repetitions

T = TypeVar("T")
_AUTHENTICATION: Final = {
    "md5": Md5Key, "sha1": Sha1Key, "sha224": Sha224Key, "sha256": Sha256Key, "sha384": Sha384Key,
    "sha512": Sha512Key,
}  # fmt: skip
_PRIVACY: Final = {"des": DesKey, "aes128": Aes128Key, "aes192": Aes192Key, "aes256": Aes256Key}
_TIME_WINDOW_S: Final = 120.0
"""After this long the engine time of a v3 agent is asked anew (RFC 3414, 2.2.3: a window of 150 s)."""


@dataclass(slots=True)
class _Session:
    session: SnmpSession
    lock: asyncio.Lock
    used_at: float = 0.0
    known: bool = False


class GufoEngine:
    """One session, which is one socket, for each agent; requests of an agent follow one another."""

    def __init__(self) -> None:
        self._sessions: dict[Agent, _Session] = {}

    async def get(self, agent: Agent, oids: Sequence[str], place: str) -> dict[str, Value]:
        """GET the objects; see `Engine.get`."""
        wanted = list(oids)
        found = await self._ask(agent, place, lambda session: session.get_many(wanted))
        return {oid: value for oid, value in found.items() if value is not None}

    async def walk(self, agent: Agent, root: str, rows: int, place: str) -> list[tuple[str, Value]]:
        """GETBULK a table; see `Engine.walk`."""
        many = repetitions(agent, rows)

        async def fetch(session: SnmpSession) -> list[tuple[str, Value]]:
            found: list[tuple[str, Value]] = []
            async for oid, value in session.getbulk(root, many):
                if value is not None:
                    found.append((oid, value))
                if len(found) > MOST_ROWS:
                    raise SourceError("bad_answer", "its table has no end", file=place)
            return found

        return await self._ask(agent, place, fetch)

    async def close(self) -> None:
        """Drop the sessions; their sockets close with them."""
        self._sessions.clear()

    async def _ask(self, agent: Agent, place: str, ask: Callable[[SnmpSession], Awaitable[T]]) -> T:
        for attempt in range(agent.retries + 1):
            last = attempt == agent.retries
            held = await self._session(agent, place)
            try:
                async with held.lock:
                    await self._prepare(held, agent)
                    answer = await ask(held.session)
                    held.used_at = time.monotonic()
                    return answer
            except SnmpAuthError as error:
                failure = SourceError("authentication", "refused the user or its keys", file=place)
                failure.__cause__ = error
            except TimeoutError as error:
                failure = SourceError("timeout", "did not answer in time", file=place)
                failure.__cause__ = error
            except (SnmpError, ValueError, RuntimeError) as error:
                failure = SourceError("bad_answer", f"answered what is no SNMP: {error}", file=place)
                failure.__cause__ = error
            except OSError as error:
                failure = SourceError("unreachable", f"cannot be reached: {error.strerror}", file=place)
                failure.__cause__ = error
            except BaseException:
                self._forget(agent, held)
                raise
            # A late answer may still come to this socket, or the agent was restarted: begin anew.
            self._forget(agent, held)
            if last:
                raise failure
        raise AssertionError("unreachable")

    async def _session(self, agent: Agent, place: str) -> _Session:
        held = self._sessions.get(agent)
        if held is None:
            where = await address(agent, place)
            held = _Session(_open(agent, where), asyncio.Lock())
            self._sessions[agent] = held
        return held

    async def _prepare(self, held: _Session, agent: Agent) -> None:
        """Learn engine id, boots and time of a v3 agent, again where they may have grown old."""
        if agent.user is None or (held.known and time.monotonic() - held.used_at < _TIME_WINDOW_S):
            return
        await held.session.refresh()
        held.known = True

    def _forget(self, agent: Agent, held: _Session) -> None:
        if self._sessions.get(agent) is held:
            del self._sessions[agent]


def _open(agent: Agent, where: str) -> SnmpSession:
    if agent.user is not None:
        return SnmpSession(where, agent.port, user=_user(agent.user), timeout=agent.timeout_s)
    community = agent.community.reveal() if agent.community else ""
    return SnmpSession(where, agent.port, community=community, timeout=agent.timeout_s)


def _user(user: V3User) -> User:
    authentication = privacy = None
    if user.authentication_key is not None:
        authentication = _AUTHENTICATION[user.authentication](user.authentication_key.reveal().encode())
    if user.privacy_key is not None:
        privacy = _PRIVACY[user.privacy](user.privacy_key.reveal().encode())
    return User(user.name, auth_key=authentication, priv_key=privacy)
