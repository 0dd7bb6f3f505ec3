"""How long a newcomer waits until the living demo is there: `python -m bench.living_demo`.

Counted until the service is ready, and until an incident, an early warning, an alert with its answer and a
new file of the network are there. `CPU` is what the command and its children spent, which tells more than
the time where other work shares the machine.
"""

from __future__ import annotations

import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

LIMIT_S = 90.0
PATIENCE_S = 1800.0


def main() -> int:
    """Print the times; 1 where the service is ready too late."""
    with tempfile.TemporaryDirectory() as temporary, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port, folder = free.getsockname()[1], Path(temporary)
        free.close()
        command = ["serve", "--demo", "--folder", str(folder / "demo"), "--port", str(port)]
        began = time.monotonic()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "callcause.cli", *command], cwd=folder, stdout=log, stderr=log
            )
        try:
            ready_s = _measure(f"http://127.0.0.1:{port}", process, began)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(300)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"CPU of all of it: {spent.ru_utime + spent.ru_stime:.0f} s; limit {LIMIT_S:g} s until ready")
    return int(ready_s > LIMIT_S)


def _measure(address: str, process: subprocess.Popen[bytes], began: float) -> float:
    with httpx.Client(base_url=address, timeout=60) as client:

        def count(path: str, name: str) -> int:
            return len(client.get(path).json()[name])

        def files() -> bool:
            found = re.findall(r"^callcause_files\{.*\} (\S+)$", client.get("/metrics").text, re.MULTILINE)
            return sum(map(float, found)) > 0

        looks: dict[str, Callable[[], object]] = {
            "ready": lambda: client.get("/readyz").status_code == httpx.codes.OK,
            "an open incident": lambda: count("/clusters?state=open", "clusters"),
            "an early warning to review": lambda: count("/warnings?state=raised", "warnings"),
            "a request to the vault": lambda: count("/vault/requests?state=pending", "requests"),
            "an alert with its answer": lambda: "done" in client.get("/alerts").text,
            "a new file of the network": files,
        }
        ready_s = 0.0
        for name, look in looks.items():
            _until(look, name, process)
            ready_s = ready_s or time.monotonic() - began
            print(f"{name:30} {time.monotonic() - began:7.1f} s", flush=True)
        return ready_s


def _until(look: Callable[[], object], name: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if look():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"it never came: {name}")


if __name__ == "__main__":
    sys.exit(main())
