"""Who asks: a principal with a role, known by its bearer token, its client certificate, or by being local."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from callcause.service.problem import Problem
from callcause.service.settings import Role, ServiceSettings, TokenSettings
from collectors.errors import ConfigError

PEER_NAME = "callcause.peer_name"
"""Key of the ASGI scope: common name of the client certificate that the TLS handshake verified."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what that one may do. `name` stands in events and in the audit log."""

    name: str
    role: Role


class _Token:
    """One bearer token; that of a file is read again when the file changes, and is none when it is gone."""

    def __init__(self, settings: TokenSettings) -> None:
        self.principal = Principal(settings.name, settings.role)
        self._secret = settings.secret
        self._seen = self._state()
        self._digest: bytes | None = _digest(settings.secret.reveal())

    def digest(self) -> bytes | None:
        """Return the digest of the token as it is now; of one length, so comparing tells nothing."""
        now = self._state()
        if now != self._seen:
            self._seen = now
            try:
                self._digest = _digest(self._secret.reveal())
            except ConfigError:
                self._digest = None
        return self._digest

    def _state(self) -> tuple[int, ...] | None:
        if self._secret.file is None:
            return None
        try:
            found = self._secret.file.stat()
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_size, found.st_ino)


class Authentication:
    """Finds the principal of a request."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._tokens = [_Token(token) for token in settings.tokens]
        clients = settings.tls.clients if settings.tls else ()
        self._clients = {c.common_name: Principal(c.common_name, c.role) for c in clients}

    def principal(self, headers: Mapping[str, str], scope: Mapping[str, Any]) -> Principal:
        """Return who asks; Problem 401 where nobody we know does."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return self._of_token(token.strip())
        peer = scope.get(PEER_NAME)
        if isinstance(peer, str):
            return self._clients.get(peer, Principal(peer, Role.viewer))
        if not self._settings.authenticates:
            return Principal("local", self._settings.local_role)
        raise _unknown("a bearer token is needed")

    def token_of(self, name: str) -> tuple[Principal, bytes] | None:
        """Return who holds the token of this name now, and its digest; None where it was taken away."""
        for token in self._tokens:
            digest = token.digest()
            if token.principal.name == name and digest is not None:
                return token.principal, digest
        return None

    def _of_token(self, token: str) -> Principal:
        shown, found = _digest(token), None
        for known in self._tokens:  # all of them, whichever fits
            digest = known.digest()
            if digest is not None and hmac.compare_digest(shown, digest):
                found = known.principal
        if found is None:
            raise _unknown("the bearer token is not known")
        return found


def requires(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """Make a FastAPI dependency: the principal of the request, who must have at least this role."""

    async def principal(request: Request) -> Principal:
        authentication: Authentication = request.app.state.authentication
        found = authentication.principal(request.headers, request.scope)
        if not found.role.covers(role):
            raise Problem(403, f"the role {role} is needed", hint=f"{found.name} has the role {found.role}")
        return found

    return principal


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _unknown(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="callcause"'})
