"""Real programs on free ports of loopback."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from waiting import wait_until


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a page is there."""
    try:
        return httpx.get(url, trust_env=False, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def running(arguments: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; what it says goes into `log`."""
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        stop(process)


@contextmanager
def serving(arguments: list[str], page: str, log: Path) -> Iterator[None]:
    """Run a program until the block ends; the block begins when its page answers."""
    with running(arguments, log):
        wait_until(lambda: answers(page), f"{arguments[0]} answers")
        yield


def stop(process: subprocess.Popen[bytes], patience_s: float = 60) -> None:
    """End a program, by force where it does not end by itself."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(patience_s)
