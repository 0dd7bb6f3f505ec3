"""`callcause ticket` and `callcause tickets`: in a terminal what the page shows."""

from __future__ import annotations

import html
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from rich.cells import cell_len
from rich.console import Console

from callcause.commands.showing import _listing, parts
from callcause.commands.ticket_source import of_results, of_service, queue_of_service
from callcause_error import CallcauseError, UsageError
from runbooks.loader import load_runbooks

SCRIPT = "import sys; sys.argv[0] = 'callcause'; from callcause.cli import main; main()"
CLI = [sys.executable, "-c", SCRIPT]
HEADER = {"Authorization": "Bearer token-of-desk"}


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCAUSE_TOKEN", "token-of-desk")


@pytest.fixture
def results(site: str, complaint: str, tmp_path: Path) -> Path:
    """A file of results as `callcause diagnose --format json` writes it."""
    found = httpx.get(f"{site}/tickets/{quote(complaint)}", headers=HEADER, timeout=240).json()
    found.pop("feedback", None)
    path = tmp_path / "results.json"
    path.write_text(json.dumps([found], ensure_ascii=False), encoding="utf-8")
    return path


def _printed(found: Any, lang: str, width: int, colours: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=colours, color_system="truecolor" if colours else None
    )
    for part in parts(found, load_runbooks(), lang):
        console.print(part)
    return file.getvalue()


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_terminal_shows_what_the_page_shows(
    browse: Callable[..., Any], site: str, complaint: str, lang: str
) -> None:
    browser = browse("desk")
    browser.get(f"/ui/switch?language={lang}&back=/ui/login")
    page = browser.get(f"/ui/tickets/{quote(complaint)}").text
    told = _printed(of_service(site, complaint), lang, 400)
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    for heading in set(headings) - {"Next step", "下一步"}:
        assert heading in told, heading
    drawn = re.findall(r"<figcaption>(.+?)(?: \(| — |</)", page)
    assert len(drawn) >= 2, "a course and a ladder"
    for title in drawn:
        assert html.unescape(title) in told, title
    causes = re.findall(r'<a href="/ui/runbooks/([a-z0-9-]+)"><code>', page)
    checks = re.findall(r'<tr id="([A-Z0-9-]+)"', page)
    assert causes
    assert checks
    for name in (*causes, *checks):
        assert name in told, name


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(results: Path, complaint: str, width: int) -> None:
    for lang in ("en", "zh"):
        told = _printed(of_results(results, complaint), lang, width, colours=True)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", told)
        assert all(cell_len(line) <= width for line in plain.splitlines())


ROWS = [
    {
        "id": f"VT-202403-{n:06d}", "priority": "P2", "state": "in_progress", "holder": "RAN maintenance",
        "reply_due_at": due, "category": "access", "verdict": "no_fault", "top_cause": cause,
    }
    for n, (cause, due) in enumerate(
        [
            ("acc-licence-or-gbr-limit", "2024-03-06T09:00:00+00:00"),
            ("csfb-no-fast-return", "2999-01-01T00:00:00+00:00"),
        ]
    )
]  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_list_of_tickets_fits_any_terminal_with_whole_ids_and_its_clocks(width: int, lang: str) -> None:
    file = io.StringIO()
    Console(file=file, width=width).print(_listing(ROWS, load_runbooks(), lang))
    lines = file.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    for row in ROWS:
        [line] = [line for line in lines if row["id"] in line]
        assert ("no network fault" if lang == "en" else "非网络故障").split()[0] in line
    late = next(line for line in lines if ROWS[0]["id"] in line)
    assert ("late" if lang == "en" else "超时") in late
    assert "csfb-no-fast-return" in file.getvalue()


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_breaks_no_word_of_a_check(results: Path, complaint: str, width: int) -> None:
    told = _printed(of_results(results, complaint), "en", width)
    words = {word for check in load_runbooks().checks.values() for word in check.question.en.split()}
    said = set(told.split())
    asked = re.search(r"^\w[\w ]* DRP-04 (.+)$", told, re.MULTILINE)
    assert asked, told
    assert set(asked[1].split()) <= words
    assert "DRP-04" in said


def test_a_pipe_gets_no_colours_and_a_terminal_does_unless_it_asked_for_none(
    results: Path, complaint: str
) -> None:
    command = [*CLI, "ticket", complaint, "--results", str(results)]
    piped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "\x1b" not in piped
    assert "DRP-04" in piped
    coloured = _on_terminal(command, {"TERM": "xterm-256color"})
    assert re.search(r"\x1b\[[0-9;]*31m", coloured)
    plain = _on_terminal(command, {"TERM": "xterm-256color", "NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)


def _on_terminal(command: list[str], env: dict[str, str]) -> str:
    """Run a command on a pseudo-terminal and return what it wrote there."""
    ours, theirs = pty.openpty()
    base = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**base, **env})
    os.close(theirs)
    found = b""
    try:
        while part := os.read(ours, 65536):
            found += part
    except OSError:  # Linux ends a pseudo-terminal with an error
        pass
    assert process.wait(240) == 0, found.decode()
    return found.decode()


@pytest.mark.usefixtures("token")
def test_the_queue_is_listed_and_filtered(site: str, complaint: str) -> None:
    rows = queue_of_service(site, {"category": "drop", "state": None, "limit": 100})
    assert complaint in [row["id"] for row in rows]
    assert complaint not in [row["id"] for row in queue_of_service(site, {"category": "csfb"})]


def test_what_cannot_be_shown_is_told_with_a_way_on(
    site: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALLCAUSE_TOKEN", raising=False)
    with pytest.raises(CallcauseError, match="refuses") as refused:
        of_service(site, "T-1")
    assert "CALLCAUSE_TOKEN" in str(refused.value)
    monkeypatch.setenv("CALLCAUSE_TOKEN", "token-of-desk")
    with pytest.raises(CallcauseError, match="no such ticket"):
        of_service(site, "T-none")
    with pytest.raises(CallcauseError, match="does not answer"):
        of_service("http://127.0.0.1:9", "T-1")
    with pytest.raises(UsageError, match="no such ticket"):
        of_results(results, "VT/scripd")
    other = tmp_path / "other.json"
    for text in ("{}", "[1]", "no json", '[{"id": 1}]'):
        other.write_text(text)
        with pytest.raises(UsageError):
            of_results(other, "T-1")


def test_the_shell_completes_commands_and_kpis(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    subprocess.run([*CLI, "--install-completion", "bash"], env=env, check=True, capture_output=True)
    installed = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "COMPLETE" in installed
    asked = {"COMP_WORDS": "callcause tick", "COMP_CWORD": "1", "_CALLCAUSE_COMPLETE": "complete_bash"}
    for words, number, wanted in (
        ("callcause tick", 1, {"ticket", "tickets"}),
        ("callcause worst --kpi esrvcc_handover_succ", 3, {"esrvcc_handover_success_ratio"}),
    ):
        given = {**env, **asked, "COMP_WORDS": words, "COMP_CWORD": str(number)}
        told = subprocess.run(CLI, env=given, capture_output=True, text=True, check=False)
        assert wanted <= set(told.stdout.split()), told
