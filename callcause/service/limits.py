"""Bounds on requests, before anything reads them: size, and rate by principal or address."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcause.service.problem import Problem

DRAIN_S = 5.0
REMEMBERED = 10_000
"""Callers whose pace is remembered; of more the longest silent is forgotten, which only favours it."""


class BodyLimit:
    """ASGI middleware: a body over the limit is answered with 413, however it is announced."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take in the body within the limit, then pass it on whole."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        told = _header(scope, b"content-length")
        if told.isdigit() and int(told) > self._limit:
            return await self._refuse(scope, receive, send)
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunks.append(message.get("body", b""))
            size, more = size + len(chunks[-1]), message.get("more_body", False)
            if size > self._limit:
                receive = receive if more else _replay(b"", receive)
                return await self._refuse(scope, receive, send)
        return await self._app(scope, _replay(b"".join(chunks), receive), send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._drain(receive)
        problem = Problem(
            413, f"at most {self._limit} bytes are taken at once", headers={"Connection": "close"}
        )
        await problem.response()(scope, receive, send)

    async def _drain(self, receive: Receive) -> None:
        """Let some more come and drop it: who is still sending would not read the answer."""
        left, more = self._limit * 4, True
        try:
            async with asyncio.timeout(DRAIN_S):
                while more and left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError:
            return


def _replay(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


class RateLimit:
    """ASGI middleware: a token bucket for each caller; too many requests are answered with 429."""

    def __init__(self, app: ASGIApp, per_minute: float, free: frozenset[str] = frozenset()) -> None:
        self._app, self._per_s, self._burst, self._free = app, per_minute / 60, max(per_minute / 6, 1), free
        self._buckets: OrderedDict[Any, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._free:
            return await self._app(scope, receive, send)
        wait_s = self._wait_s(_caller(scope))
        if wait_s > 0:
            problem = Problem(429, "too many requests", headers={"Retry-After": str(int(wait_s) + 1)})
            return await problem.response()(scope, receive, send)
        return await self._app(scope, receive, send)

    def _wait_s(self, caller: Any) -> float:
        """Take one token; returns 0, or the seconds until there is one."""
        now = time.monotonic()
        tokens, then = self._buckets.pop(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._per_s)
        enough = tokens >= 1
        self._buckets[caller] = (tokens - enough, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (1 - tokens) / self._per_s


def _caller(scope: Scope) -> Any:
    """Take the address: a token that was not looked at yet would let anybody be anybody."""
    client = scope.get("client")
    return client[0] if client else ""


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
