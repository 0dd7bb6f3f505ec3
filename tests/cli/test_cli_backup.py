"""`callcause backup` and `callcause restore`, as an operator runs them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from collectors.store import Store


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callcause.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )


def test_store_and_state_come_back_and_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "callcause.toml").write_text("")
    (tmp_path / "data").mkdir()
    Store.open(tmp_path / "data" / "store").close()
    with sqlite3.connect(tmp_path / "data" / "state.sqlite") as state:
        state.execute("CREATE TABLE told (word TEXT)")
        state.execute("INSERT INTO told VALUES ('kept')")
    state.close()
    done = run(tmp_path, "backup", "--config", "callcause.toml", "copy")
    assert done.returncode == 0, done.stderr
    refused = run(tmp_path, "restore", "--config", "callcause.toml", "copy")
    assert refused.returncode == 2
    assert "move it away" in refused.stderr
    (tmp_path / "data").rename(tmp_path / "lost")
    done = run(tmp_path, "restore", "--config", "callcause.toml", "copy")
    assert done.returncode == 0, done.stderr
    again = sqlite3.connect(tmp_path / "data" / "state.sqlite")
    assert again.execute("SELECT word FROM told").fetchall() == [("kept",)]
    again.close()
