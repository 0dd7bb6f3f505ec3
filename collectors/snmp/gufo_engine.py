"""The fast engine: gufo-snmp, whose packets are coded in Rust."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

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
from gufo.snmp._fast import GetIter
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


class _Session:
    """One agent's socket, asked directly.

    The iterators of gufo-snmp cost Python more for each value than the whole packet costs in Rust, so a
    packet is taken as one list here; the socket stays with the event loop between requests.
    """

    def __init__(self, session: SnmpSession) -> None:
        self.session = session
        self.lock = asyncio.Lock()
        self.used_at, self.known = 0.0, False
        self.wire: Any = session._sock
        self._loop = asyncio.get_running_loop()
        self._fd = self.wire.get_fd()
        self._reading = False
        self._receive: Callable[[], Any] | None = None
        self._answer: asyncio.Future[Any] | None = None

    async def ask(self, send: Callable[[], None], receive: Callable[[], T], timeout_s: float) -> T:
        """Send a request and wait for its answer; TimeoutError where none comes."""
        send()
        answer: asyncio.Future[T] = self._loop.create_future()
        self._answer, self._receive = answer, receive
        if not self._reading:
            self._loop.add_reader(self._fd, self._readable)
            self._reading = True
        late = self._loop.call_later(timeout_s, _too_late, answer)
        try:
            return await answer
        finally:
            late.cancel()
            self._answer = None

    def _readable(self) -> None:
        answer = self._answer
        if answer is None or answer.done() or self._receive is None:
            self.pause()
            return
        try:
            found = self._receive()
        except BlockingIOError:
            return
        except Exception as error:  # noqa: BLE001 - handed to the one who waits, as it is
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def pause(self) -> None:
        """Take the socket away from the event loop; it must not close while it is there."""
        if self._reading:
            self._loop.remove_reader(self._fd)
            self._reading = False


def _too_late(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


class GufoEngine:
    """One session, which is one socket, for each agent; requests of an agent follow one another."""

    def __init__(self) -> None:
        self._sessions: dict[Agent, _Session] = {}

    async def get(self, agent: Agent, oids: Sequence[str], place: str) -> dict[str, Value]:
        """GET the objects; see `Engine.get`."""
        wanted = list(oids)

        async def fetch(held: _Session) -> dict[str, Value | None]:
            wire = held.wire
            return await held.ask(lambda: wire.send_get_many(wanted), wire.recv_get_many, agent.timeout_s)

        found = await self._ask(agent, place, fetch)
        return {oid: value for oid, value in found.items() if value is not None}

    async def walk(self, agent: Agent, root: str, rows: int, place: str) -> list[tuple[str, Value]]:
        """GETBULK a table; see `Engine.walk`."""
        many = repetitions(agent, rows)

        async def fetch(held: _Session) -> list[tuple[str, Value]]:
            wire, place_in_table = held.wire, GetIter(root, many)
            found: list[tuple[str, Value]] = []
            while True:
                try:
                    answer = await held.ask(
                        lambda: wire.send_get_bulk(place_in_table),
                        lambda: wire.recv_get_bulk(place_in_table),
                        agent.timeout_s,
                    )
                except StopAsyncIteration:
                    return found
                ended = not answer or answer[-1] is None
                found += answer[:-1] if answer and ended else answer
                if ended:
                    return found
                if len(found) > MOST_ROWS:
                    raise SourceError("bad_answer", "its table has no end", file=place)

        return [
            bind for bind in await self._ask(agent, place, fetch) if bind is not None and bind[1] is not None
        ]

    async def close(self) -> None:
        """Drop the sessions; their sockets close with them."""
        for held in self._sessions.values():
            held.pause()
        self._sessions.clear()

    async def _ask(self, agent: Agent, place: str, ask: Callable[[_Session], Awaitable[T]]) -> T:
        for attempt in range(agent.retries + 1):
            last = attempt == agent.retries
            held = await self._session(agent, place)
            try:
                async with held.lock:
                    await self._prepare(held, agent)
                    answer = await ask(held)
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
            except BaseException:  # cancelled: the answer that is under way would be taken for the next one
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
            held = _Session(_open(agent, where))
            self._sessions[agent] = held
        return held

    async def _prepare(self, held: _Session, agent: Agent) -> None:
        """Learn engine id, boots and time of a v3 agent, again where they may have grown old."""
        if agent.user is None or (held.known and time.monotonic() - held.used_at < _TIME_WINDOW_S):
            return
        held.pause()
        await held.session.refresh()
        held.known = True

    def _forget(self, agent: Agent, held: _Session) -> None:
        held.pause()
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
