"""Drives a lab session from outside its namespaces."""

from __future__ import annotations

import json
import os
import select
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from lab_namespace import inside

HERE = Path(__file__).resolve().parent


class LabRun:
    """A session as a child process; when this process ends, however it ends, the whole lab ends."""

    def __init__(
        self, root: Path, timers: str = "staggered", *, service: bool = True, patience_s: float = 30.0
    ) -> None:
        self.root, self.timers, self._service = root, timers, service
        self._patience_s = patience_s
        self.started: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> LabRun:
        self.root.mkdir(parents=True, exist_ok=True)
        more = () if self._service else ("--core-only",)
        with (self.root / "session.log").open("w") as log:
            self._process = subprocess.Popen(
                inside(HERE / "lab_session.py", str(self.root), self.timers, *more),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "LAB_PATIENCE_S": str(self._patience_s)},
                text=True,
            )
        self.started = self._answer(900)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def ask(self, order: dict[str, Any], seconds: float = 600) -> dict[str, Any]:
        """Give the session an order and return its answer."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        return self._answer(seconds)

    def stop(self) -> int:
        """End the session; returns its exit status."""
        process = self._running()
        assert process.stdin is not None
        if not process.stdin.closed:
            process.stdin.close()
        try:
            return process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def kill(self) -> None:
        """Kill the process that made the namespaces, as a crash would."""
        process = self._running()
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def _answer(self, seconds: float) -> dict[str, Any]:
        process = self._running()
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if ready else ""
        if not line:
            raise RuntimeError(f"the lab does not answer: {(self.root / 'session.log').read_text()[-1500:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer
