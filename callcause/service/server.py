"""uvicorn in the event loop of the service: one socket, TLS where it is set, no signal handlers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from callcause.service.authentication import PEER_NAME
from callcause.service.settings import ServiceSettings, TlsSettings
from callcause_error import CallcauseError, UsageError

CONNECTIONS = 1000


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that tells the application whose certificate the TLS handshake verified."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP only
        """Note the common name of the peer."""
        super().connection_made(transport)
        name = _common_name(transport.get_extra_info("peercert"))
        if name:
            application: Any = self.app

            async def known(scope: Any, receive: Any, send: Any) -> None:
                await application({**scope, PEER_NAME: name}, receive, send)

            self.app = known


class Server(uvicorn.Server):
    """A server that is told to stop by the service, not by signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the service."""
        yield

    def stop(self) -> None:
        """Take no more requests and finish those that run."""
        self.should_exit = True


def make_server(application: FastAPI, settings: ServiceSettings) -> Server:
    """Return the server; `open_socket` gives what it listens on."""
    config = uvicorn.Config(
        application,
        http=PeerProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=max(1, int(settings.stop_s)),
        ssl_context_factory=(lambda _config, _default: tls_context(settings.tls)) if settings.tls else None,
    )
    return Server(config)


def open_socket(settings: ServiceSettings) -> socket.socket:
    """Bind the address of the settings; a clear error where that cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Named as TCP, or asyncio leaves Nagle's algorithm on: each answer waits 40 ms for an ACK then.
        opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()  # what comes before the first answer waits
    except OSError as error:
        raise CallcauseError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}", key="service.port"
        ) from error
    return opened


def tls_context(settings: TlsSettings | None) -> ssl.SSLContext:
    """Return the TLS side of the service; with `client_ca` a client may, or must, show a certificate."""
    if settings is None:
        raise UsageError("no certificate is set", key="service.tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key)
        if settings.client_ca is not None:
            context.load_verify_locations(settings.client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"the certificate cannot be used: {error}", key="service.tls") from error
    return context


def _common_name(certificate: Any) -> str:
    subject = certificate.get("subject", ()) if certificate else ()
    return next((value for part in subject for name, value in part if name == "commonName"), "")
