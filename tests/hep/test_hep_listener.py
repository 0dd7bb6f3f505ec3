"""The listener on loopback: real sockets, the real receiver process, a real store."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import polars as pl
import pytest
from hep_packets import version_3
from ims_network import IMSI_A, NUMBER_A, PCSCF, PHONE_A, Network, answered_call, invite, registered, settings
from pydantic import ValidationError

from collectors.collector import SourceSettings
from collectors.errors import ConfigError
from collectors.hep.listener import HepListener
from collectors.hep.settings import HepSettings
from collectors.records import Pseudonymiser
from collectors.registry import sources
from collectors.sink import SinkSettings, StoreSink

PATIENCE_S = 120.0


class HeldRows:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, pl.DataFrame]] = []

    async def rows(self, source: str, kind: str, rows: pl.DataFrame) -> None:
        self.frames.append((kind, rows))

    async def files(self, paths: object) -> object:
        raise AssertionError("the listener only hands over rows")

    async def read(self, question: object) -> object:
        raise AssertionError("the listener only hands over rows")

    def height(self, kind: str) -> int:
        return sum(frame.height for name, frame in self.frames if name == kind)


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(listener: HepListener, sink: object) -> AsyncIterator[asyncio.Event]:
    stopping = asyncio.Event()
    task = asyncio.create_task(listener.listen(sink, stopping))
    ready = asyncio.create_task(listener.listening.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_S)
    if task.done():
        task.result()
    try:
        yield stopping
    finally:
        stopping.set()
        await asyncio.wait_for(task, PATIENCE_S)


def listener(**more: object) -> HepListener:
    given = {"name": "lab", "udp_port": 0, "tell_s": 0.05, "signalling": settings(settle_s=0.2), **more}
    return HepListener(HepSettings(**given))


def reports(network: Network) -> list[bytes]:
    """What the probes of both ends send, sorted by time."""
    both = [(packet.at, tap, packet) for packet in network.packets for tap in (2001, 2002)]
    return [
        version_3(packet.data, at, packet.source, packet.destination, tap)
        for at, tap, packet in sorted(both, key=lambda item: item[:2])
    ]


def send_udp(packets: list[bytes], address: tuple[str, int] | None) -> None:
    assert address is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for packet in packets:
            sock.sendto(packet, address)


def one_of_each() -> Network:
    network = Network()
    registered(network)
    network.wait(1)
    answered_call(network)
    return network


def test_the_kind_is_in_the_registry() -> None:
    assert sources()["hep"] is HepListener
    assert issubclass(HepListener.settings_model, SourceSettings)


def test_settings_without_any_port_are_refused() -> None:
    with pytest.raises(ValidationError, match="udp_port or tcp_port"):
        HepSettings(name="x", udp_port=None)


def test_a_call_over_udp_is_told_while_the_listener_runs() -> None:
    async def play() -> None:
        made, sink = listener(), HeldRows()
        packets = reports(one_of_each())
        async with running(made, sink):
            send_udp(packets, made.udp_address)
            await until(lambda: sink.height("call") == 4)
        assert made.counts["sip"] == len(packets)
        assert sink.height("registration") == 1
        assert made.message_counts["duplicate"] == made.message_counts["message"] == len(packets) // 2
        assert made.sources["2001"] == {"sip": len(packets) // 2}

    asyncio.run(play())


def test_packets_cut_anywhere_in_a_tcp_stream_are_whole_again() -> None:
    async def play() -> None:
        made, sink = listener(udp_port=None, tcp_port=0), HeldRows()
        stream = b"".join(reports(one_of_each()))
        async with running(made, sink):
            assert made.tcp_address is not None
            _, writer = await asyncio.open_connection(*made.tcp_address)
            for start in range(0, len(stream), 777):
                writer.write(stream[start : start + 777])
                await writer.drain()
            await until(lambda: sink.height("call") == 4)
            writer.close()
        assert made.counts["malformed"] == 0

    asyncio.run(play())


def test_a_tcp_stream_that_is_no_hep_is_closed_and_counted_and_harms_no_other() -> None:
    async def play() -> None:
        made, sink = listener(udp_port=None, tcp_port=0), HeldRows()
        async with running(made, sink):
            assert made.tcp_address is not None
            reader, writer = await asyncio.open_connection(*made.tcp_address)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
            _, other = await asyncio.open_connection(*made.tcp_address)
            packets = reports(one_of_each())
            other.write(b"".join(packets))
            await until(lambda: made.counts["sip"] == len(packets))
        assert (made.counts["malformed"], made.counts["connections"]) == (1, 2)

    asyncio.run(play())


def test_what_is_open_is_handed_over_when_the_listener_stops() -> None:
    async def play() -> None:
        made, sink = listener(), HeldRows()
        network = Network()
        network.send(invite(), PHONE_A, PCSCF)
        async with running(made, sink):
            send_udp(reports(network), made.udp_address)
        assert sink.height("call") == 1
        assert made.counts["sip"] == 2

    asyncio.run(play())


def test_what_the_kernel_drops_is_counted() -> None:
    async def play() -> None:
        made, sink = listener(receive_buffer_bytes=65_536), HeldRows()
        packets = reports(one_of_each()) * 20
        async with running(made, sink):
            await until(lambda: made.receiver_pid is not None)
            send_udp(packets[:1], made.udp_address)
            await until(lambda: made.counts["sip"] == 1)
            assert made.receiver_pid is not None
            os.kill(made.receiver_pid, signal.SIGSTOP)
            send_udp(packets[1:], made.udp_address)
            os.kill(made.receiver_pid, signal.SIGCONT)
            await until(lambda: made.counts["sip"] + made.counts["kernel_dropped"] == len(packets))
        assert made.counts["kernel_dropped"] > 0

    asyncio.run(play())


def test_a_queue_that_is_full_drops_and_counts() -> None:
    async def play() -> None:
        made, sink = listener(queue_bytes=65_536), HeldRows()
        packets = reports(one_of_each()) * 40
        async with running(made, sink):
            with made.decoder._lock:  # the service is busy: nobody reads the pipe
                for start in range(0, len(packets), 100):
                    send_udp(packets[start : start + 100], made.udp_address)
                    await asyncio.sleep(0.01)
            await until(
                lambda: (
                    sum(made.counts[k] for k in ("sip", "queue_dropped", "kernel_dropped")) == len(packets)
                )
            )
        assert made.counts["queue_dropped"] > 0

    asyncio.run(play())


def test_a_receiver_that_dies_is_started_again() -> None:
    async def play() -> None:
        made, sink = listener(), HeldRows()
        async with running(made, sink):
            await until(lambda: made.receiver_pid is not None)
            first = made.receiver_pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda: made.receiver_pid != first)
            packets = reports(one_of_each())
            send_udp(packets, made.udp_address)
            await until(lambda: made.counts["sip"] == len(packets))
        assert made.counts["receiver_restarts"] == 1

    asyncio.run(play())


def test_a_port_that_is_taken_is_an_error_that_names_the_key() -> None:
    async def play() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(ConfigError, match="udp_port"):
                async with running(listener(udp_port=taken.getsockname()[1]), HeldRows()):
                    raise AssertionError("it listens")

    asyncio.run(play())


def test_the_rows_reach_a_store_without_any_identity(tmp_path: Path) -> None:
    async def play() -> None:
        sink = StoreSink(tmp_path / "store", Pseudonymiser(b"k" * 32), SinkSettings(flush_s=0.05))
        made = listener()
        await sink.open()
        try:
            async with running(made, sink):
                send_udp(reports(one_of_each()), made.udp_address)
                await until(lambda: sink.counts["call", "stored"] >= 4)
            await sink.flush()
            frames = {
                kind: await sink.read(lambda store, kind=kind: store.records(kind).collect())
                for kind in ("registration", "call", "hop")
            }
        finally:
            await sink.close()
        assert (frames["registration"].height, frames["call"].height) == (1, 2)
        assert frames["call"]["t_end"].null_count() == 0
        assert set(frames["hop"]["record_id"]) <= {*frames["call"]["id"], *frames["registration"]["id"]}
        assert not any(state == "bad" and count for (_, state), count in sink.counts.items())
        for frame in frames.values():
            assert IMSI_A not in frame.write_ndjson()
            assert NUMBER_A not in frame.write_ndjson()

    asyncio.run(play())


def test_a_decoder_that_fails_ends_the_listener_instead_of_leaving_it_deaf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        made = listener()

        def fails(_: object) -> None:
            raise RuntimeError("decoder")

        monkeypatch.setattr(made.decoder, "take", fails)
        listening = asyncio.create_task(made.listen(HeldRows(), asyncio.Event()))
        await asyncio.wait_for(made.listening.wait(), 30)
        send_udp(reports(one_of_each())[:1], made.udp_address)
        with pytest.raises(RuntimeError, match="decoder"):
            await asyncio.wait_for(listening, 60)

    asyncio.run(work())
