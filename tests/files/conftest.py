"""A store behind a sink, PM files to write, and a real sshd on loopback."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.records import Pseudonymiser, load_key
from collectors.sink import SinkSettings, StoreSink

PM = """<?xml version="1.0" encoding="UTF-8"?>
<measCollecFile xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec">
<fileHeader fileFormatVersion="32.435 V10.0" vendorName="Test"><fileSender/>
<measCollec beginTime="{begin}"/></fileHeader>
<measData><managedElement localDn="{element}"/>
<measInfo measInfoId="1"><granPeriod duration="PT{period}S" endTime="{end}"/>
<measType p="1">RRC.ConnEstabAtt.sum</measType>
<measValue measObjLdn="ManagedElement={element},EnbFunction=1,EUtranCell=1"><r p="1">{value}</r></measValue>
</measInfo></measData><fileFooter><measCollec endTime="{end}"/></fileFooter></measCollecFile>
"""


def pm_text(element: str, begin: datetime, period_s: int = 900, value: int = 7) -> str:
    end = begin + timedelta(seconds=period_s)
    return PM.format(
        element=element, begin=begin.isoformat(), end=end.isoformat(), period=period_s, value=value
    )


@pytest.fixture
def pm() -> Callable[..., str]:
    return pm_text


class Clock:
    """Both clocks of a collector, moved by the test."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        self.passed_s = 1000.0

    def wall(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.passed_s

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.passed_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


Work = Callable[[StoreSink], Awaitable[None]]


@pytest.fixture
def into_store(tmp_path: Path) -> Callable[[Work], Path]:
    """Run a coroutine with a sink into a store; returns the store's folder."""

    def run(work: Work) -> Path:
        async def whole() -> None:
            sink = StoreSink(tmp_path / "store", Pseudonymiser(load_key()), SinkSettings(flush_s=3600))
            await sink.open()
            try:
                await work(sink)
            finally:
                await sink.close()

        asyncio.run(whole())
        return tmp_path / "store"

    return run


class Sshd:
    """Debian's sshd with its own configuration, host key and port; the user of the test logs in by key."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.user = folder, getpass.getuser()
        with socket.socket() as made:
            made.bind(("127.0.0.1", 0))
            self.port = int(made.getsockname()[1])
        folder.mkdir(parents=True)
        for name in ("host", "login", "stranger"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
                check=True,
                timeout=30,
            )
        (folder / "authorized").write_text((folder / "login.pub").read_text())
        (folder / "authorized").chmod(0o600)
        self.key, self.known_hosts = folder / "login", folder / "known_hosts"
        key_type, key = (folder / "host.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {key_type} {key}\n")
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
        )
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd separates its privileges
        self.running = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-E", str(folder / "log"), "-f", str(folder / "sshd_config")]
        )
        pause, end = threading.Event(), time.monotonic() + 20
        while not self._open():
            assert time.monotonic() < end, (folder / "log").read_text()
            pause.wait(0.05)

    def _open(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.running.terminate()
        self.running.wait(10)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not Path("/usr/sbin/sshd").exists() or not shutil.which("ssh-keygen"):
        message = "sshd is not installed"
        (pytest.fail if os.environ.get("CALLCAUSE_NO_SKIP") else pytest.skip)(message)
    running = Sshd(tmp_path_factory.mktemp("ssh") / "server")
    yield running
    running.stop()
