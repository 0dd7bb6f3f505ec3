"""tshark as a process: its output as a stream of lines, its time and its memory bounded."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from collectors.errors import BadFile

MAX_CAPTURE_BYTES = 2 << 30
MAX_LINE_BYTES = 32 << 20
_ADVICE = "install it (Debian, Ubuntu: apt install tshark) and ingest the file again"
# What a capture that was still being written, or a full disk, looks like; what came before is whole.
_CUT_SHORT = ("cut short", "appears to be damaged or corrupt")
_NOT_A_CAPTURE = ("isn't a capture file", "not a capture file")
_OPTIONS = (
    *("-o", "tcp.desegment_tcp_streams:TRUE", "-o", "tcp.reassemble_out_of_order:TRUE"),
    *("-o", "ip.defragment:TRUE", "-o", "ipv6.defragment:TRUE", "-o", "sctp.reassembly:TRUE"),
    *("-o", "sip.desegment_headers:TRUE", "-o", "sip.desegment_body:TRUE"),
    # NAS with the null algorithm EEA0 is in clear behind its security header (TS 24.301 clause 9).
    *("-o", "nas-eps.null_decipher:TRUE"),
    # The radio capabilities of a phone (RRC inside S1AP) take megabytes of JSON, and no record needs them.
    *("--disable-protocol", "lte_rrc"),
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one run of tshark may take."""

    timeout_s: float = 1800.0
    memory_bytes: int = 4 << 30
    file_bytes: int = MAX_CAPTURE_BYTES


@dataclass(slots=True)
class TsharkRun:
    """One run: its lines, and after them whether the capture ended in the middle of a packet."""

    lines: Iterator[bytes]
    cut_short: bool = False
    _timed_out: threading.Event = field(default_factory=threading.Event)


def find_tshark(path: Path) -> str:
    """Return the path of tshark for a capture; BadFile `tshark_missing` says how to install it."""
    found = shutil.which("tshark")
    if found is None:
        what = f"captures are decoded by tshark, which is not installed; {_ADVICE}"
        raise BadFile("tshark_missing", what, file=str(path))
    return found


@contextmanager
def running(path: Path, arguments: Sequence[str], bounds: Bounds) -> Iterator[TsharkRun]:
    """Run tshark over a capture; read `lines` to their end, then leave the block.

    BadFile: `tshark_missing`, `too_large`, `not_a_capture`, `too_slow` (killed at its deadline),
    `tshark_failed` (memory, a crash). A capture that is cut in its last packet is read up to there.
    """
    program = find_tshark(path)
    if path.stat().st_size > bounds.file_bytes:
        limit = f"{bounds.file_bytes >> 20} MiB"
        raise BadFile(
            "too_large", f"a capture of more than {limit}", file=str(path), hint="split it: editcap -c 500000"
        )
    with tempfile.TemporaryDirectory(prefix="callcause-tshark-") as home, tempfile.TemporaryFile() as errors:
        command = [program, "-n", *_OPTIONS, "-r", str(path.resolve()), *arguments]
        process = subprocess.Popen(  # noqa: S603 - no shell, fixed arguments
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_environment(home)
        )
        run = TsharkRun(iter(()))
        with _watched(process, run, bounds):
            run.lines = _lines(process.stdout, path)
            yield run
            _finish(process, run, errors, path)


def _environment(home: str) -> dict[str, str]:
    """Keep the preferences and plugins of whoever runs callcause out of it."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "WIRESHARK_CONFIG_DIR": home,
        "TMPDIR": home,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


@contextmanager
def _watched(process: subprocess.Popen[bytes], run: TsharkRun, bounds: Bounds) -> Iterator[None]:
    def stop() -> None:
        run._timed_out.set()
        process.kill()

    timer = threading.Timer(bounds.timeout_s, stop)
    timer.daemon = True
    timer.start()
    try:
        _limit_memory(process, bounds.memory_bytes)
        yield
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()


def _limit_memory(process: subprocess.Popen[bytes], most: int) -> None:
    try:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (most, most))
    except ProcessLookupError:
        return  # it has ended already


def _lines(output: IO[bytes] | None, path: Path) -> Iterator[bytes]:
    if output is None:
        return
    while line := output.readline(MAX_LINE_BYTES):
        if len(line) >= MAX_LINE_BYTES:
            raise BadFile("tshark_failed", "tshark wrote a line without end", file=str(path))
        yield line


def _finish(process: subprocess.Popen[bytes], run: TsharkRun, errors: IO[bytes], path: Path) -> None:
    status = process.wait()
    if run._timed_out.is_set():
        raise BadFile(
            "too_slow", "tshark did not end in time", file=str(path), hint="split it: editcap -c 500000"
        )
    errors.seek(0)
    text = errors.read(65_536).decode("utf-8", "replace")
    run.cut_short = any(mark in text for mark in _CUT_SHORT)
    if any(mark in text for mark in _NOT_A_CAPTURE):
        raise BadFile("not_a_capture", "not a capture that tshark can read", file=str(path))
    if status != 0 and not run.cut_short:
        raise BadFile("tshark_failed", f"tshark ended with status {status}{_last(text)}", file=str(path))


def _last(text: str) -> str:
    """Return the last line of its messages; the first ones warn about running as root."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("tshark:")]
    return f" ({lines[-1][:200]})" if lines else ""
