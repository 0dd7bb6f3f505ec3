"""A small month goes through the whole loop against the real service, by the commands that people use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def command(*words: str) -> str:
    env = {**os.environ, "CALLCAUSE_PSEUDONYM_KEY": "tests-only-key-0123456789abcdef"}
    done = subprocess.run(
        [sys.executable, "-m", "callcause.cli", *words], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_simulated_month_goes_through_the_real_service_to_its_end(tmp_path: Path) -> None:
    month, work = str(tmp_path / "month"), tmp_path / "work"
    command("simulate", month, "--loop", "--cells", "9", "--days", "3", "--tickets", "20", "--seed", "1")
    told = command("rehearse", month, "--work", str(work), "--slot", "480")
    first = re.search(r"(\d+) tickets, (\d+) closed\n", told)
    assert first is not None, told
    assert first[1] == first[2]
    for part in ("appeals_per_million", "Warnings raised", "Clusters found", "Effect of remedies", "learnt"):
        assert part in told
    assert "Calibration" in (work / "rehearsal.txt").read_text()
    assert (work / "report" / "report.zh.html").is_file()
    log = (work / "service.log").read_text()
    assert '"level": "error"' not in log
