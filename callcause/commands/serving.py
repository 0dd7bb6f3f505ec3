"""`callcause serve` and `callcause config check`."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from callcause.configuration import Configuration, load_configuration, read_configuration, secrets_of
from callcause.service.application import make_application
from callcause.service.logs import start_logging
from callcause.service.server import make_server, open_socket, tls_context
from callcause.service.service import Service
from callcause.terminal import fail, say
from callcause.web.reader import kept_of
from callcause.web.warm import warm
from callcause_error import CallcauseError, UsageError
from collectors.records import load_key
from runbooks.loader import load_runbooks

LOG = logging.getLogger(__name__)


def run(config: Path) -> None:
    """Serve until SIGTERM or SIGINT, then end cleanly."""
    configuration = load_configuration(config)
    wrong = problems(config, configuration)
    if wrong:
        raise wrong[0]
    start_logging()
    asyncio.run(serve(configuration))


async def serve(
    configuration: Configuration, beside: Callable[[Service], Awaitable[None]] | None = None
) -> None:
    """Run the service and its HTTP interface in this event loop until it is told to stop.

    `beside` runs with it and ends by itself when the service stops.
    """
    listening = open_socket(configuration.service)
    try:
        service = Service(configuration)
        _stop_on_signals(service)
        async with service:
            more = asyncio.ensure_future(beside(service)) if beside else None
            await _answer(service, listening)
            if more is not None:
                await more
    finally:
        listening.close()
    if service.failure is not None:
        raise CallcauseError(f"the service stopped by itself: {service.failure}") from service.failure
    LOG.info("stopped")


async def _answer(service: Service, listening: socket.socket) -> None:
    settings = service.configuration.service
    application = make_application(service)
    server = make_server(application, settings)
    answering = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    host, port = listening.getsockname()[:2]
    LOG.info("listening", extra={"host": host, "port": port, "tls": settings.tls is not None})
    stopped = asyncio.create_task(service.stopping.wait())
    warming = asyncio.create_task(warm(service, kept_of(application)), name="warm")
    await asyncio.wait({answering, stopped}, return_when=asyncio.FIRST_COMPLETED)
    service.stopping.set()
    server.stop()
    await asyncio.gather(answering, warming)


def _stop_on_signals(service: Service) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stopping.set)


def check(config: Path) -> int:
    """Say what is wrong with a configuration, or what it sets up. Returns 0, or 2 when something is wrong."""
    configuration, wrong = read_configuration(config)
    for error in wrong or problems(config, configuration):
        fail(error)
        wrong = wrong or [error]
    if wrong:
        return 2
    settings, kinds = configuration.service, [kind for kind, _ in configuration.collect.sources()]
    say(f"{config}: good")
    say(f"  listens on {settings.host}:{settings.port}, {_asks(configuration)}")
    say(f"  store {configuration.store.path}, state {configuration.state.database}")
    say(f"  sources: {', '.join(sorted(kinds)) or 'none'}; notices to {len(configuration.notices)} targets")
    return 0


def problems(config: Path, configuration: Configuration) -> list[UsageError]:
    """Find what pydantic cannot see: secrets that are not there, certificates, limits of unknown checks."""
    found: list[UsageError] = []
    for key, secret in secrets_of(configuration):
        found += _wrong(config, key, secret.reveal)
    tls = configuration.service.tls
    if tls is not None:
        found += _wrong(config, "service.tls", lambda: tls_context(tls))
    found += _wrong(config, "diagnosis", lambda: _limits(configuration))
    found += _wrong(config, None, load_key)
    return found


def _limits(configuration: Configuration) -> None:
    configuration.diagnosis.limits(load_runbooks(*configuration.knowledge.runbooks))


def _wrong(config: Path, key: str | None, look: object) -> list[UsageError]:
    try:
        look()  # type: ignore[operator]
    except UsageError as error:
        place = ".".join(part for part in (key, error.key) if part) or None
        return [UsageError(error.message, file=str(config), key=place, hint=error.hint)]
    return []


def _asks(configuration: Configuration) -> str:
    settings = configuration.service
    if not settings.authenticates:
        return f"asks nobody who they are (role {settings.local_role})"
    ways = ["bearer token"] * bool(settings.tokens)
    ways += ["client certificate"] * bool(settings.tls and settings.tls.client_ca)
    return "asks for " + " or ".join(ways)
