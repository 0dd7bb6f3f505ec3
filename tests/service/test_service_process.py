"""The service as an operator runs it: starts with the example, ends cleanly, loses nothing when killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service_process import KEY, ServiceProcess, ready, verdict_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "callcause.toml"
CANARY = "8613812345678"
TICKET = {
    "id": "P-1",
    "received_at": "2026-11-22T09:42:00+08:00",
    "occurred_at": "2026-11-22T09:15:00+08:00",
    "msisdn": f"+{CANARY}",
    "other_party_number": "13987654321",
    "imei": "351234560000001",
    "description": f"打给13987654321, 通话中突然断了, 我的号码{CANARY[2:]}",
    "place_text": "North gate",
    "category": "drop",
}


def on_a_free_port(folder: Path) -> Path:
    """The example as it is, but for the port."""
    text, changes = re.subn(r"(?m)^port = \d+", "port = 0", EXAMPLE.read_text(encoding="utf-8"))
    assert changes == 1
    config = folder / "callcause.toml"
    config.write_text(text, encoding="utf-8")
    return config


def test_an_accepted_ticket_outlives_a_kill_and_leaves_no_number_anywhere(tmp_path: Path) -> None:
    process = ServiceProcess(tmp_path, on_a_free_port(tmp_path))
    try:
        client = process.start()
        # Not ready yet: the ticket is taken in all the same, for it is durable before it is answered for.
        answer = client.post("/tickets", json=TICKET, headers={"Idempotency-Key": "once"})
        assert answer.status_code == 202
        process.stop(signal.SIGKILL)

        client = process.start()
        again = client.post("/tickets", json=TICKET, headers={"Idempotency-Key": "once"})
        assert (again.status_code, again.json()) == (202, answer.json())
        ready(client)
        assert verdict_of(client, "P-1")["ticket_id"] == "P-1"
        (tmp_path / "data" / "in" / "tickets.csv").write_text(
            "id,received_at,occurred_at,msisdn,description\n"
            f"P-2,2026-11-22T09:42:00+08:00,2026-11-22T09:15:00+08:00,{CANARY},call dropped\n"
        )
        assert verdict_of(client, "P-2")["ticket_id"] == "P-2"
        (tmp_path / "data" / "in" / "tickets.csv").unlink()  # the only place where the number may stand
        assert len(client.get("/tickets").json()["tickets"]) == 2
        assert process.stop(signal.SIGTERM) == 0
    finally:
        process.kill()
    # What was stored is whole: another process reads it.
    held = subprocess.run(
        [sys.executable, "-m", "callcause.cli", "diagnose", "--store", "data/store", "--format", "json"],
        cwd=tmp_path, env={**os.environ, "CALLCAUSE_PSEUDONYM_KEY": KEY}, capture_output=True, check=True,
    )  # fmt: skip
    assert b'"P-1"' in held.stdout
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    clear = (CANARY[2:].encode(), b"13987654321", b"35123456000000")
    assert len(written) > 4
    assert [path for path in written for text in clear if text in path.read_bytes()] == []


def test_a_signal_before_the_service_is_ready_ends_it_cleanly(
    tmp_path: Path, log_lines: Callable[[Path], list[dict[str, Any]]]
) -> None:
    process = ServiceProcess(tmp_path, on_a_free_port(tmp_path))
    try:
        process.start()
        assert process.stop(signal.SIGINT) == 0
    finally:
        process.kill()
    lines = log_lines(process.log)
    assert lines[-1]["message"] == "stopped"
    assert {"at", "level", "logger", "message"} <= set(lines[0])


def test_a_taken_port_is_one_clear_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = tmp_path / "c.toml"
        config.write_text(f"[service]\nport = {taken.getsockname()[1]}\n")
        done = subprocess.run(
            [sys.executable, "-m", "callcause.cli", "serve", "--config", str(config)],
            cwd=tmp_path, env={**os.environ, "CALLCAUSE_PSEUDONYM_KEY": KEY}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 4
    assert "service.port: cannot listen on" in done.stderr
    assert not (tmp_path / "data").exists()
