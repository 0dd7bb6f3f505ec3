"""PM files to write, both clocks of a collector, and a real sshd on loopback."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from live_source import into_store
from loopback import free_port, stop
from waiting import wait_until

__all__ = ["into_store"]

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


class Sshd:
    """Debian's sshd with its own configuration, host key and port; the user of the test logs in by key."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.user = folder, getpass.getuser()
        self.port = free_port()
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
        wait_until(self._open, "sshd listens")

    def _open(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        stop(self.running)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory, needs_programs: Callable[..., None]) -> Iterator[Sshd]:
    needs_programs("sshd", "ssh-keygen")
    running = Sshd(tmp_path_factory.mktemp("ssh") / "server")
    yield running
    running.stop()
