"""HEP over UDP at 5,000 packets/s for 60 s into a store, without loss; then a flood, whose loss is counted.

`python -m bench.hep_load [--seconds N]`. The traffic is registrations and calls over P-, I- and S-CSCF, every
hop reported by both ends. A bare `recvfrom` loop takes the same traffic in the same run: what a socket costs
at least. CPU seconds are user and system, of the listener with its receiver process and the store.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bench._hep_traffic import nodes
from collectors.hep.listener import HepListener
from collectors.hep.settings import HepSettings
from collectors.records import Pseudonymiser
from collectors.signalling.settings import SignallingSettings
from collectors.sink import SinkSettings, StoreSink

RATE, SECONDS, BARE_SECONDS, FLOOD_SECONDS = 5_000, 60, 10, 10
MEMORY_WANTED_MB = 1_500.0
QUIET_S, START_S, PATIENCE_S = 3.0, 30.0, 15.0


def sender(port: int, rate: int, seconds: float) -> subprocess.Popen[str]:
    """Start a process that sends."""
    arguments = [str(port), str(rate), str(seconds)]
    return subprocess.Popen(
        [sys.executable, "-m", "bench._hep_traffic", *arguments], stdout=subprocess.PIPE, text=True
    )


def sent_by(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Wait for a sender; packets and seconds."""
    words = process.communicate()[0].split()
    return int(words[0]), float(words[1])


def cpu() -> float:
    """CPU seconds of this process and of its children that ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def cpu_of(pid: int | None) -> float:
    """CPU seconds of a running process (proc(5), /proc/PID/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory_mb() -> float:
    """Resident memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


def bare_loop(rate: int, seconds: float) -> tuple[int, int, float]:
    """Receive with nothing but `recvfrom`: packets sent, received, CPU seconds per packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(START_S)
        process, received, begun = sender(sock.getsockname()[1], rate, seconds), 0, time.process_time()
        try:
            while True:
                sock.recvfrom(65_535)
                if not received:
                    sock.settimeout(QUIET_S)
                received += 1
        except TimeoutError:
            used = time.process_time() - begun
        return sent_by(process)[0], received, used / max(received, 1)


class Load:
    """The listener under load, with a store behind it."""

    def __init__(self, folder: Path) -> None:
        settings = SignallingSettings(nodes=nodes())
        self.listener = HepListener(HepSettings(name="bench", udp_port=0, signalling=settings))
        self.sink = StoreSink(folder, Pseudonymiser(b"bench" * 8), SinkSettings())

    async def play(self, rate: int, seconds: float) -> dict[str, float]:
        """Take a load in; the figures of it."""
        before, listener = Counter(self.listener.counts), self.listener
        begun, peak = cpu() + cpu_of(listener.receiver_pid), memory_mb()
        assert listener.udp_address is not None
        process = sender(listener.udp_address[1], rate, seconds)
        while process.poll() is None:
            await asyncio.sleep(0.25)
            peak = max(peak, memory_mb())
        sent, took = sent_by(process)
        used = cpu() + cpu_of(listener.receiver_pid) - begun
        await self._quiet(sent, before)
        gone = Counter(listener.counts) - before
        lost = gone["kernel_dropped"] + gone["queue_dropped"]
        return {
            "sent": sent, "rate": sent / took, "decoded": gone["sip"], "lost": lost, "cores": used / took,
            "unaccounted": sent - gone["sip"] - lost, "peak_mb": peak,
        }  # fmt: skip

    async def _quiet(self, sent: int, before: Counter[str]) -> None:
        """Wait until every packet is accounted for, or nothing more is decoded."""
        last, since = -1, time.monotonic()
        while time.monotonic() - since < PATIENCE_S:
            gone = Counter(self.listener.counts) - before
            done = gone["sip"] + gone["kernel_dropped"] + gone["queue_dropped"]
            if done != last:
                last, since = done, time.monotonic()
            if done >= sent:
                return
            await asyncio.sleep(0.1)


async def loads(folder: Path, seconds: float) -> tuple[list[dict[str, float]], Counter[tuple[str, str]]]:
    """Play the steady load and the flood; the rows that the store took of both."""
    load, stopping = Load(folder), asyncio.Event()
    await load.sink.open()
    task = asyncio.create_task(load.listener.listen(load.sink, stopping))
    try:
        await load.listener.listening.wait()
        while load.listener.receiver_pid is None:
            await asyncio.sleep(0.05)
        figures = [await load.play(RATE, seconds)]
        stored = Counter(load.sink.counts)
        figures.append(await load.play(0, FLOOD_SECONDS))
    finally:
        stopping.set()
        await task
        await load.sink.close()
    return figures, stored


def show(name: str, figures: dict[str, float]) -> None:
    """One line of figures."""
    print(
        f"{name:9} {figures['sent']:9.0f} sent at {figures['rate']:7.0f}/s {figures['decoded']:9.0f} decoded "
        f"{figures['lost']:8.0f} lost and counted {figures['unaccounted']:6.0f} unaccounted "
        f"{figures['cores']:5.2f} cores {figures['peak_mb']:6.0f} MB at most"
    )


def main() -> int:
    """Run; exit status 1 where the figure is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=SECONDS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    sent, received, each = bare_loop(RATE, min(arguments.seconds, BARE_SECONDS))
    print(f"bare recvfrom loop: {received} of {sent} packets, {each * 1e6:.1f} us of CPU each")
    with tempfile.TemporaryDirectory() as folder:
        (steady, flood), stored = asyncio.run(loads(Path(folder), arguments.seconds))
    show("steady", steady)
    show("flood", flood)
    print(
        "rows stored in the steady load:",
        {kind: n for (kind, state), n in stored.items() if state == "stored"},
    )
    good = steady["lost"] == steady["unaccounted"] == flood["unaccounted"] == 0
    return 0 if good and flood["peak_mb"] < MEMORY_WANTED_MB else 1


if __name__ == "__main__":
    sys.exit(main())
