"""Real agents on loopback: snmpd with its own folder, and snmpsim with recordings."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_source import clock, into_store
from loopback import free_port, stop
from waiting import wait_until

__all__ = ["clock", "into_store"]

KEYS = {
    "CALLCAUSE_TEST_AUTH": "authpass1",
    "CALLCAUSE_TEST_PRIV": "privpass1",
    "CALLCAUSE_TEST_WRONG": "wrong1234",
}
QUIET = {**os.environ, "MIBS": "", "SNMPCONFPATH": "/nonexistent", "LC_ALL": "C"}
OWN = {
    "radio": """1.3.6.1.2.1.1.3.0|67|1669123
1.3.6.1.2.1.31.1.1.1.1.11|4|Radio: Slot 1, port 1
1.3.6.1.2.1.31.1.1.1.1.12|4|Radio: Slot 1, port 2
1.3.6.1.4.1.2281.10.5.1.1.2.11|2|-41
1.3.6.1.4.1.2281.10.5.1.1.2.12|2|-99
1.3.6.1.4.1.2281.10.7.1.1.2.11|2|-4275
1.3.6.1.4.1.2281.10.7.1.1.2.12|2|-9900
""",
    "sbc": """1.3.6.1.2.1.1.3.0|67|500
1.3.6.1.2.1.25.3.3.1.2.1|2|70
1.3.6.1.2.1.25.3.3.1.2.2|2|90
""",
}


def answers(port: int, community: str = "public") -> bool:
    asked = [
        "snmpget",
        "-v2c",
        "-c",
        community,
        "-t",
        "0.3",
        "-r",
        "0",
        f"127.0.0.1:{port}",
        ".1.3.6.1.2.1.1.3.0",
    ]
    return subprocess.run(asked, env=QUIET, capture_output=True, timeout=120).returncode == 0


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCAUSE_TEST_PUBLIC", "public")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


class Snmpd:
    """Debian's snmpd on a free loopback port; state in a folder of its own, so that boots are counted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port(socket.SOCK_DGRAM)
        folder.mkdir(parents=True)
        (folder / "snmpd.conf").write_text(
            f"agentAddress udp:127.0.0.1:{self.port}\nrocommunity public 127.0.0.1\n"
            'createUser alice SHA-256 "authpass1" AES "privpass1"\nrouser alice priv\n'
        )
        self.running: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        arguments = [
            "snmpd",
            "-f",
            "-Lf",
            str(self.folder / "log"),
        ]
        state = self.folder / "state"
        state.mkdir(exist_ok=True)
        # The state is looked for on the path of the configuration; without it the boots are not counted.
        environment = {
            **QUIET,
            "SNMP_PERSISTENT_DIR": str(state),
            "SNMPCONFPATH": f"{self.folder}:{state}",
        }
        environment["PATH"] = f"{os.environ['PATH']}:/usr/sbin"
        self.running = subprocess.Popen([*arguments, "-p", str(self.folder / "pid")], env=environment)
        wait_until(lambda: answers(self.port), "snmpd answers")

    def stop(self) -> None:
        if self.running is not None:
            stop(self.running)
            self.running = None


@pytest.fixture(scope="session")
def snmpd(tmp_path_factory: pytest.TempPathFactory, needs_programs: Callable[..., None]) -> Iterator[Snmpd]:
    needs_programs("snmpd", "snmpget")
    running = Snmpd(tmp_path_factory.mktemp("snmpd") / "agent")
    yield running
    running.stop()


@pytest.fixture
def own_snmpd(tmp_path: Path, needs_programs: Callable[..., None]) -> Iterator[Snmpd]:
    """An agent that the test may stop and start."""
    needs_programs("snmpd", "snmpget")
    running = Snmpd(tmp_path / "agent")
    yield running
    running.stop()


class PassingSnmpd(Snmpd):
    """An agent two counters of which say what the test wants (`pass` of snmpd.conf)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.stop()
        script = folder / "counters.sh"
        root = ".1.3.6.1.4.1.8072.9999.1"
        script.write_text(
            f'case "$1 $2" in\n"-g {root}.1.0") echo $2; echo counter; cat {folder}/narrow;;\n'
            f'"-g {root}.2.0") echo $2; echo counter64; cat {folder}/wide;;\nesac\n'
        )
        with (folder / "snmpd.conf").open("a") as out:
            out.write(f"pass {root} /bin/sh {script}\n")
        self.says(0, 0)
        self.start()

    def says(self, narrow: int, wide: int) -> None:
        (self.folder / "narrow").write_text(f"{narrow}\n")
        (self.folder / "wide").write_text(f"{wide}\n")


@pytest.fixture
def passing_snmpd(tmp_path: Path, needs_programs: Callable[..., None]) -> Iterator[PassingSnmpd]:
    needs_programs("snmpd", "snmpget")
    running = PassingSnmpd(tmp_path / "passing")
    yield running
    running.stop()


class Simulator:
    """snmpsim: the community is the name of a recording."""

    def __init__(self, folder: Path, recordings: Path) -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        user = "root" if os.getuid() == 0 else str(os.getuid())
        arguments = [
            str(Path(sys.executable).with_name("snmpsim-command-responder")),
            f"--data-dir={recordings}", f"--cache-dir={folder / 'cache'}",
            f"--agent-udpv4-endpoint=127.0.0.1:{self.port}", "--logging-method=null",
            "--v3-user=alice", "--v3-auth-key=authpass1", "--v3-auth-proto=SHA256",
            "--v3-priv-key=privpass1", "--v3-priv-proto=AES",
        ]  # fmt: skip
        if user == "root":
            arguments += ["--process-user=root", "--process-group=root"]
        log = (folder / "log").open("wb")
        self.running = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        first = sorted(p.name.split(".")[0] for p in recordings.iterdir())[0]
        wait_until(lambda: answers(self.port, first), "snmpsim answers")

    def stop(self) -> None:
        stop(self.running)


@pytest.fixture(scope="session")
def simulator(
    tmp_path_factory: pytest.TempPathFactory, needs_programs: Callable[..., None]
) -> Iterator[Simulator]:
    needs_programs("snmpsim-command-responder", "snmpget")
    folder = tmp_path_factory.mktemp("snmpsim")
    (folder / "recordings").mkdir()
    for name, text in OWN.items():
        (folder / "recordings" / f"{name}.snmprec").write_text(text)
    running = Simulator(folder, folder / "recordings")
    yield running
    running.stop()


@pytest.fixture
def simulator_of(
    tmp_path: Path, needs_programs: Callable[..., None]
) -> Iterator[Callable[[Path], Simulator]]:
    """Start snmpsim over a folder of recordings."""
    needs_programs("snmpsim-command-responder", "snmpget")
    running: list[Simulator] = []

    def start(recordings: Path) -> Simulator:
        folder = tmp_path / "snmpsim"
        folder.mkdir()
        running.append(Simulator(folder, recordings))
        return running[-1]

    yield start
    for one in running:
        one.stop()
