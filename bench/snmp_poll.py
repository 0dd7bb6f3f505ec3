"""Varbinds per CPU second of the SNMP collector, 200 agents, mapped to samples and KPIs.

`python -m bench.snmp_poll [--agents N] [--rounds N]`.

The agents are ports of one snmpd that tells its running processes (HOST-RESOURCES-MIB, some hundred rows) and
its processors. Our side counts asking, comparing with the round before, and the frames of node_sample and
node_kpi. Peers of the same run: prometheus-snmp-exporter (CPU of its process, from request to rendered text,
the same columns) and net-snmp's snmpbulkwalk (two of the columns, one process an agent; with the start of
the process and without it). pysnmp polls a few of the agents.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from collectors.readings.rows import Told, kpi_rows, sample_rows
from collectors.snmp.collector import SnmpCollector, SnmpSettings

TABLE = "1.3.6.1.2.1.25.4.2.1"
COLUMNS = (
    *(f"{TABLE}.{n}" for n in (1, 6, 7)), "1.3.6.1.2.1.25.5.1.1.1", "1.3.6.1.2.1.25.5.1.1.2",
    "1.3.6.1.2.1.25.3.3.1.2",
)  # fmt: skip
NAMES = f"{TABLE}.2"
PROFILE = f"""name: bench
node_type: sbc
instance_names: [{NAMES}]
samples:
  process_index: {{column: {COLUMNS[0]}, over: max}}
  process_type: {{column: {COLUMNS[1]}, over: max}}
  process_status: {{column: {COLUMNS[2]}, over: max}}
  process_cpu_centiseconds: {{column: {COLUMNS[3]}, kind: counter32}}
  process_memory_kilobytes: {{column: {COLUMNS[4]}, per_instance: true}}
  cpu_load_percent: {{column: {COLUMNS[5]}, over: mean}}
inputs:
  SBC.CpuLoad: {{add: [cpu_load_percent]}}
"""
QUIET = {**os.environ, "MIBS": "", "SNMPCONFPATH": "/nonexistent"}
AT_ONCE = 20
REPETITIONS = 50


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way to poll cost."""

    way: str
    varbinds: int
    cpu_s: float

    def __str__(self) -> str:
        each_us = 1e6 * self.cpu_s / self.varbinds
        return f"{self.way:<42} {self.varbinds:>9} {self.varbinds / self.cpu_s:>12,.0f} {each_us:>8.1f}"


def ports(count: int) -> list[int]:
    """Free UDP ports of loopback."""
    held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    found = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return found


@contextmanager
def snmpd(folder: Path, numbers: Sequence[int]) -> Iterator[None]:
    """Run Debian's snmpd at many ports until the block ends: one for each 50, more it does not take."""
    running = []
    try:
        for start in range(0, len(numbers), 50):
            running.append(_one_snmpd(folder / f"agent{start}", numbers[start : start + 50]))
        for number in numbers[::50]:
            await_true(lambda port=number: answers(port), "snmpd")
        yield
    finally:
        for one in running:
            one.terminate()
            one.wait(20)


def _one_snmpd(folder: Path, numbers: Sequence[int]) -> subprocess.Popen[bytes]:
    folder.mkdir()
    where = ",".join(f"udp:127.0.0.1:{number}" for number in numbers)
    (folder / "snmpd.conf").write_text(f"agentAddress {where}\nrocommunity public 127.0.0.1\n")
    environment = {**QUIET, "SNMP_PERSISTENT_DIR": str(folder / "state")}
    arguments = ["/usr/sbin/snmpd", "-f", "-Lf", str(folder / "log"), "-C", "-c", str(folder / "snmpd.conf")]
    return subprocess.Popen([*arguments, "-p", str(folder / "pid")], env=environment)


def await_true(ready: Callable[[], bool], what: str) -> None:
    """Wait until something runs."""
    end = time.monotonic() + 120
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not come up")
        time.sleep(0.2)


def answers(port: int) -> bool:
    """Whether an agent answers."""
    asked = [
        "snmpget",
        "-v2c",
        "-c",
        "public",
        "-t",
        "1",
        "-r",
        "0",
        f"127.0.0.1:{port}",
        ".1.3.6.1.2.1.1.3.0",
    ]
    return subprocess.run(asked, env=QUIET, capture_output=True).returncode == 0


def own(engine: str, numbers: list[int], rounds: int, folder: Path) -> Cost:
    """Poll with one of our engines; the first round learns names and is not counted."""
    polled = SnmpCollector(own_settings(engine, numbers, folder))
    now = datetime(2026, 11, 22, tzinfo=UTC)
    counts: Counter[str] = Counter()

    async def one_round(moment: datetime) -> list[Told]:
        polled.clock = lambda: moment
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> Told:
            async with gate:
                return await polled.poll(name, counts)

        return list(await asyncio.gather(*(one(name) for name in polled.targets())))

    async def whole() -> float:
        await one_round(now)
        counts.clear()
        began, made = time.process_time(), 0
        for number in range(1, rounds + 1):
            # So long apart that every other round closes a period and computes its KPIs.
            told = await one_round(now + timedelta(seconds=149 * number))
            made += sample_rows(told).height + kpi_rows(told)[0].height
        spent = time.process_time() - began
        await polled.close()
        assert made > 0
        return spent

    spent = asyncio.run(whole())
    return Cost(f"callcause, {engine}", counts["varbinds"] + 2 * rounds * len(numbers), spent)


def own_settings(engine: str, numbers: list[int], folder: Path) -> SnmpSettings:
    """Set our collector up for agents at these ports, with the one profile of the bench."""
    os.environ["BENCH_COMMUNITY"] = "public"
    (folder / "bench.yaml").write_text(PROFILE)
    agent = {
        "host": "127.0.0.1", "community": {"env": "BENCH_COMMUNITY"}, "timeout_s": 20,
        "max_repetitions": REPETITIONS,
    }  # fmt: skip
    targets = [
        {"node": f"n{number}", "agent": {**agent, "port": number}, "profiles": ["bench"]}
        for number in numbers
    ]
    return SnmpSettings(
        name="bench", engine=engine, interval_s=60, targets=targets, profiles=[folder / "bench.yaml"]
    )


def exporter_configuration() -> str:
    """Write the same columns for prometheus-snmp-exporter, named by the same column of names."""
    lines = [
        "bench:",
        "  walk:",
        *(f"  - {c}" for c in (*COLUMNS, NAMES)),
        "  get: [1.3.6.1.2.1.1.3.0]",
        "  metrics:",
    ]
    for number, column in enumerate(COLUMNS):
        lines += [
            f"  - name: m{number}", f"    oid: {column}", "    type: counter", "    help: a column",
            "    indexes: [{labelname: row, type: gauge}]",
            f"    lookups: [{{labels: [row], labelname: name, oid: {NAMES}, type: DisplayString}}]",
        ]  # fmt: skip
    lines += ["  - {name: uptime, oid: 1.3.6.1.2.1.1.3, type: gauge, help: uptime}"]
    lines += ["  version: 2", "  max_repetitions: 50", "  timeout: 20s", "  auth: {community: public}", ""]
    return "\n".join(lines)


def exporter(folder: Path, numbers: list[int], rounds: int) -> Cost:
    """Let prometheus-snmp-exporter poll; CPU of its process."""
    (folder / "snmp.yml").write_text(exporter_configuration())
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = int(made.getsockname()[1])
    base = f"http://127.0.0.1:{port}"
    with (folder / "exporter.log").open("wb") as log:
        arguments = ["prometheus-snmp-exporter", f"--config.file={folder}/snmp.yml"]
        arguments.append(f"--web.listen-address=127.0.0.1:{port}")
        running = subprocess.Popen(arguments, stdout=log, stderr=log)

    async def poll() -> int:
        gate = asyncio.Semaphore(AT_ONCE)
        async with httpx.AsyncClient(timeout=120, trust_env=False) as client:

            async def one(number: int) -> int:
                async with gate:
                    asked = {"target": f"127.0.0.1:{number}", "module": "bench"}
                    text = (await client.get(f"{base}/snmp", params=asked)).text
                    return sum(line.startswith(("m", "uptime")) for line in text.splitlines())

            return sum(await asyncio.gather(*(one(number) for number in numbers)))

    try:
        await_true(lambda: _up(base), "prometheus-snmp-exporter")
        asyncio.run(poll())
        began = cpu_of(running.pid)
        values = sum(asyncio.run(poll()) for _ in range(rounds))
        spent = cpu_of(running.pid) - began
    finally:
        running.terminate()
        running.wait(20)
    # It asks for the names at every scrape, one for each row of the table: as many as of any column.
    return Cost("prometheus-snmp-exporter", values + values // len(COLUMNS), spent)


def _up(base: str) -> bool:
    try:
        return httpx.get(base, trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def cpu_of(pid: int) -> float:
    """User and system seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bulkwalk(numbers: list[int]) -> tuple[Cost, Cost]:
    """Walk two columns of every agent with snmpbulkwalk; with and without what starting the process costs."""
    began = _children_s()
    for _ in range(20):
        subprocess.run(["snmpbulkwalk", "-V"], env=QUIET, capture_output=True)
    start = (_children_s() - began) / 20
    began, lines = _children_s(), 0
    for number in numbers:
        asked = [
            "snmpbulkwalk",
            "-v2c",
            "-c",
            "public",
            "-On",
            "-Cr50",
            "-t",
            "20",
            f"127.0.0.1:{number}",
            ".1.3.6.1.2.1.25.5.1.1",
        ]
        lines += subprocess.run(asked, env=QUIET, capture_output=True).stdout.count(b"\n")
    spent = _children_s() - began
    return (
        Cost("snmpbulkwalk", lines, spent),
        Cost("snmpbulkwalk, without the process start", lines, max(spent - start * len(numbers), 1e-9)),
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print a line for every way, then the ratios that count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow-agents", type=int, default=20, help="agents that pysnmp polls")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, numbers = Path(name), ports(given.agents)
        with snmpd(folder, numbers):
            print(f"{'way':<42} {'varbinds':>9} {'per CPU s':>12} {'us each':>8}")
            fast = own("gufo", numbers, given.rounds, folder)
            print(fast, flush=True)
            peer = exporter(folder, numbers, given.rounds)
            print(peer, flush=True)
            walks = bulkwalk(numbers)
            print(*walks, sep="\n", flush=True)
            slow = own("pysnmp", numbers[: given.slow_agents], 1, folder)
            print(slow, flush=True)
    for other, wanted in ((peer, 1.0), (walks[0], 2.0), (walks[1], 2.0), (slow, 1.0)):
        ratio = (fast.varbinds / fast.cpu_s) / (other.varbinds / other.cpu_s)
        print(f"gufo against {other.way}: {ratio:.1f} times, wanted {wanted:.0f}")


if __name__ == "__main__":
    main()
