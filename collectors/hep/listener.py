"""Listener `hep`: UDP by a process of its own that empties the socket, TCP in the service."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import ClassVar

from collectors.collector import Listener
from collectors.errors import BadFile, ConfigError
from collectors.hep.decoder import Decoder
from collectors.hep.packet import packet_length
from collectors.hep.receiver import COUNTS, LENGTH, NUMBERS
from collectors.hep.settings import HepSettings
from collectors.records.schema import load_schemas
from collectors.signalling.assembly import Assembly, Frames, by_seen_columns
from collectors.signalling.errors import BadMessage
from collectors.signalling.sip import SipPart
from collectors.sink import Sink
from collectors.voice.part import WithVoice

LOG = logging.getLogger(__name__)
_READ_BYTES = 1 << 20
_RESTART_S = 1.0
_PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux
_SO_RCVBUFFORCE = 33  # of Linux


class HepListener(Listener[HepSettings]):
    """Takes in HEP and hands on registrations, calls, ladders and voice quality.

    `counts` has every packet by the state it ended in (see `Decoder`), and `kernel_dropped`, `queue_dropped`
    (lost before decoding), `receiver_restarts`, `connections`, `refused_frames`.
    """

    kind: ClassVar[str] = "hep"
    settings_model: ClassVar[type[HepSettings]] = HepSettings

    def __init__(self, settings: HepSettings) -> None:
        super().__init__(settings)
        self.sip = SipPart(settings.signalling)
        key = settings.auth_key.reveal().encode() if settings.auth_key else b""
        self.decoder = Decoder(Assembly([WithVoice(self.sip)]), key)
        self.counts = self.decoder.counts
        self.udp_address: tuple[str, int] | None = None
        self.tcp_address: tuple[str, int] | None = None
        self._known = [0, 0, 0]
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.receiver_pid: int | None = None

    @property
    def sources(self) -> dict[str, dict[str, int]]:
        """Packets by capture id and state."""
        return {tap: dict(counts) for tap, counts in list(self.decoder.sources.items())}

    @property
    def message_counts(self) -> dict[str, int]:
        """SIP messages and records by what became of them."""
        return dict(self.decoder.message_counts())

    async def listen(self, sink: Sink, stopping: asyncio.Event) -> None:
        """Take in HEP until told to stop, then tell what is still open."""
        await asyncio.to_thread(load_schemas)  # now, and not while packets wait
        sock = _udp_socket(self.settings) if self.settings.udp_port is not None else None
        server = await self._tcp_server() if self.settings.tcp_port is not None else None
        receiving = asyncio.create_task(self._receive(sock, stopping)) if sock else None
        try:
            if sock is not None:
                self.udp_address = sock.getsockname()[:2]
            self.listening.set()
            await self._tell_now_and_then(sink, stopping, receiving)
            await self._end(server, receiving)
            await self._hand_over(sink, await asyncio.to_thread(self.decoder.ripe))
            await self._hand_over(sink, await asyncio.to_thread(self.decoder.rest))
        finally:
            if receiving is not None:
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
            await self._end(server, None)
            if sock is not None:
                sock.close()

    async def _end(self, server: asyncio.Server | None, receiving: asyncio.Task[None] | None) -> None:
        """Stop taking in; what has arrived is decoded."""
        if server is not None:
            server.close()
            for writer in list(self._writers):
                writer.close()
            await asyncio.gather(*self._serving, return_exceptions=True)
        if receiving is not None:
            await receiving

    async def _tell_now_and_then(
        self, sink: Sink, stopping: asyncio.Event, receiving: asyncio.Task[None] | None
    ) -> None:
        while not stopping.is_set():
            if receiving is not None and receiving.done():
                await receiving  # raises what ended it: the service sees the listener die and starts it again
            try:
                await asyncio.wait_for(stopping.wait(), self.settings.tell_s)
            except TimeoutError:
                await self._hand_over(sink, await asyncio.to_thread(self.decoder.ripe))

    async def _hand_over(self, sink: Sink, frames: Frames) -> None:
        for kind, frame in by_seen_columns(frames):
            try:
                await sink.rows(self.settings.name, kind, frame)
            except BadFile as error:
                self.counts["refused_frames"] += 1
                # No traceback: the error names the column, and nothing of the rows.
                LOG.warning("%s: rows of %s were refused: %s", self.settings.name, kind, error.code)

    # --- UDP

    async def _receive(self, sock: socket.socket, stopping: asyncio.Event) -> None:
        """Keep a receiver process running; what arrives while there is none waits in the socket."""
        while True:
            await self._one_receiver(sock, stopping)
            if stopping.is_set():
                return
            self.counts["receiver_restarts"] += 1
            LOG.error("%s: the receiver process ended, it is started again", self.settings.name)
            self._known = [0, self._known[1], 0]
            await asyncio.sleep(_RESTART_S)

    async def _one_receiver(self, sock: socket.socket, stopping: asyncio.Event) -> None:
        reading, writing = os.pipe()
        _widen(writing)
        arguments = [str(sock.fileno()), str(writing), str(self.settings.queue_bytes)]
        process = subprocess.Popen(  # noqa: S603 - our own module; starting takes no time
            [sys.executable, "-m", "collectors.hep.receiver", *arguments],
            stdin=subprocess.PIPE,
            pass_fds=(sock.fileno(), writing),
        )
        self.receiver_pid = process.pid
        os.close(writing)
        ending = asyncio.create_task(_close_when(stopping, process))
        try:
            await asyncio.to_thread(self._read_pipe, reading)
        finally:
            ending.cancel()
            _close_stdin(process)
            await asyncio.to_thread(process.wait)

    def _read_pipe(self, pipe: int) -> None:
        """Decode what the receiver sends until it ends; in a thread of its own."""
        rest = b""
        with open(pipe, "rb", buffering=0) as stream:
            while data := stream.read(_READ_BYTES):
                rest = self._records(rest + data)

    def _records(self, data: bytes) -> bytes:
        """Take the whole records of a piece of the stream; returns what is left."""
        packets, at, end = [], 0, len(data)
        while at + 4 <= end:
            size = LENGTH.unpack_from(data, at)[0]
            is_counts = size == COUNTS
            whole = at + 4 + (NUMBERS.size if is_counts else size)
            if whole > end:
                break
            if is_counts:
                self._lost(NUMBERS.unpack_from(data, at + 4))
            else:
                packets.append(data[at + 4 : whole])
            at = whole
        self.decoder.take(packets)
        return data[at:]

    def _lost(self, numbers: tuple[int, ...]) -> None:
        for place, name in ((1, "kernel_dropped"), (2, "queue_dropped")):
            self.counts[name] += numbers[place] - self._known[place]
        self._known = list(numbers)

    # --- TCP

    async def _tcp_server(self) -> asyncio.Server:
        try:
            server = await asyncio.start_server(self._accept, self.settings.host, self.settings.tcp_port)
        except OSError as error:
            raise _cannot_listen(self.settings, "tcp_port", error) from error
        self.tcp_address = server.sockets[0].getsockname()[:2]
        return server

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._writers.add(writer)
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take packets of one connection; a stream that is no HEP3 is closed and counted."""
        self.counts["connections"] += 1
        rest = b""
        try:
            while data := await reader.read(_READ_BYTES):
                rest += data
                packets = list(_frames(rest))
                rest = rest[sum(map(len, packets)) :]
                await asyncio.to_thread(self.decoder.take, packets)
            if rest:
                self.counts["malformed"] += 1
        except BadMessage:
            self.counts["malformed"] += 1
        except ConnectionError:
            self.counts["connections_lost"] += 1
        finally:
            self._writers.discard(writer)
            writer.close()


def _frames(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 6 <= len(data):
        whole = at + packet_length(data[at : at + 6])
        if whole > len(data):
            return
        yield data[at:whole]
        at = whole


async def _close_when(stopping: asyncio.Event, process: subprocess.Popen[bytes]) -> None:
    await stopping.wait()
    _close_stdin(process)


def _close_stdin(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _widen(pipe: int) -> None:
    """Ask for a wide pipe; a narrow one works too."""
    try:
        fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)
    except OSError:
        LOG.debug("the pipe keeps its size")


def _udp_socket(settings: HepSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        # Above the limit of the machine, where the service may (CAP_NET_ADMIN).
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, settings.receive_buffer_bytes)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, settings.receive_buffer_bytes)
    try:
        sock.bind((settings.host, settings.udp_port))
    except OSError as error:
        sock.close()
        raise _cannot_listen(settings, "udp_port", error) from error
    return sock


def _cannot_listen(settings: HepSettings, key: str, error: OSError) -> ConfigError:
    port = getattr(settings, key)
    return ConfigError(
        f"cannot listen on {settings.host} port {port}: {error.strerror}", file=settings.name, key=key
    )
