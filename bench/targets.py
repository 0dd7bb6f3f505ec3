"""Poll 2,000 targets at 60 s in one process, 5 % of them black holes: are the others on time.

`python -m bench.targets [--targets N] [--interval S] [--minutes M]`.

The scheduler of the service runs the SNMP collector (fast engine) into a real store. Agents are ports of one
snmpd; a black hole is a port that takes packets and never answers. The same run without black holes, before,
is the peer. Late: from the moment a run was due to the moment its rows were handed over.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.snmp_poll import ports, snmpd
from callcause.service.health import Health
from callcause.service.schedule import Schedule
from collectors.records import Pseudonymiser, load_key
from collectors.sink import Sink, SinkSettings, StoreSink
from collectors.snmp.collector import SnmpCollector, SnmpSettings

AGENT_PORTS = 50
LIMIT_S = 5.0
"""A run is on time when its rows are handed over this long after it was due."""


class Watched(SnmpCollector):
    """Notes when each run began and ended."""

    def __init__(self, settings: SnmpSettings) -> None:
        super().__init__(settings)
        self.runs: list[tuple[str, float, float, bool]] = []

    async def collect(self, target: str, sink: Sink) -> Counter[str]:
        """Collect, and note it."""
        began, good = time.monotonic(), False
        try:
            counts = await super().collect(target, sink)
            good = True
            return counts
        finally:
            self.runs.append((target, began, time.monotonic(), good))


class Silent:
    """Counts nothing: the bench looks at the runs themselves."""

    def add(self, name: str, labels: Mapping[str, str], by: float = 1) -> None:
        """Do nothing."""


def settings(count: int, interval_s: float, good: Sequence[int], dead: int, every: int) -> SnmpSettings:
    """Targets over the ports; each `every`th is a black hole (none where it is 0)."""
    os.environ["BENCH_COMMUNITY"] = "public"
    targets = []
    for number in range(count):
        hole = every and number % every == every - 1
        agent = {
            "host": "127.0.0.1", "port": dead if hole else good[number % len(good)],
            "community": {"env": "BENCH_COMMUNITY"}, "timeout_s": 3, "retries": 1,
            "max_repetitions": 25 + number,  # targets at one port must not share a socket
        }  # fmt: skip
        agent["max_repetitions"] = 1 + number % 500
        targets.append(
            {"node": f"n{number}{'x' if hole else ''}", "agent": agent, "profiles": ["host-resources"]}
        )
    return SnmpSettings(
        name="bench", engine="gufo", interval_s=interval_s, deadline_s=min(20.0, interval_s), targets=targets
    )


async def run(chosen: SnmpSettings, root: Path, seconds: float) -> tuple[Watched, float, int]:
    """Let the scheduler run; returns the collector, the CPU seconds and the overruns."""
    sink = StoreSink(root, Pseudonymiser(load_key()), SinkSettings())
    await sink.open()
    health = Health()
    schedule = Schedule(sink, Silent(), health)
    collector = Watched(chosen)
    collector.began = time.monotonic()
    schedule.add(collector)
    spent = time.process_time()
    schedule.start()
    await asyncio.sleep(seconds)
    await schedule.stop(30)
    spent = time.process_time() - spent
    await sink.close()
    return collector, spent, sum(target.overruns for target in health.targets.values())


def lateness(collector: Watched) -> tuple[np.ndarray, int]:
    """Seconds from due to handed over, of the runs of good targets; and how many of them failed."""
    began, interval_s = collector.began, collector.settings.interval_s
    place = {target: number for number, target in enumerate(collector.targets())}
    late, failed = [], 0
    for target, start, end, good in collector.runs:
        if target.endswith("x"):
            continue
        failed += not good
        first = began + interval_s * place[target] / len(place)
        due = first + interval_s * max(0, int((start - first) // interval_s))
        late.append(end - due)
    return np.array(late), failed


def main() -> None:
    """Run without and with black holes, and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=2000)
    parser.add_argument("--interval", type=float, default=60.0)
    parser.add_argument("--minutes", type=float, default=3.0)
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # every black hole says so
    os.environ.setdefault("CALLCAUSE_PSEUDONYM_KEY", "bench-only-key-0123456789abcdef")
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        numbers = ports(AGENT_PORTS)
        with snmpd(Path(name), numbers):
            for every in (0, 20):
                chosen = settings(given.targets, given.interval, numbers, hole.getsockname()[1], every)
                root = Path(name) / f"store{every}"
                collector, cpu_s, overruns = asyncio.run(run(chosen, root, 60 * given.minutes))
                late, failed = lateness(collector)
                p50, p99 = np.percentile(late, [50, 99])
                print(
                    f"{given.targets} targets, {5 if every else 0} % black holes: {len(late)} runs of good "
                    f"ones, {failed} failed, {overruns} overruns, "
                    f"late p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, "
                    f"max {late.max():.2f} s; {100 * cpu_s / (60 * given.minutes):.0f} % of one CPU; "
                    f"on time: {bool(p99 < LIMIT_S)}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
