"""Files to ingest: found below paths, recognised by their content, hashed."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from callcause_error import UsageError
from collectors.capture.header import is_capture
from collectors.diameter.hss_log import is_hss_log
from collectors.errors import BadFile
from collectors.pm.source import sniff
from collectors.store.ledger import SourceFile

HEAD_BYTES = 4096
SMALL_BYTES = 1 << 20
TRUTH_HEADER = b"ticket_id,cause_id"
NOT_DATA = frozenset({"readme", "readme.md", "readme.txt", "license", "license.txt", "notice", "sha256sums"})
PARQUET_MAGIC = b"PAR1"
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to ingest, as it was when it was looked at."""

    source: SourceFile
    path: Path
    stamp: tuple[int, int]  # size, time of last change in ns


def walk(paths: Iterable[Path], but_not: Path | None = None) -> list[Path]:
    """List all files below the paths, each once, sorted, without those of the store itself.

    UsageError for a path that is not there.
    """
    own = but_not.resolve() if but_not is not None else None
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise UsageError("no such file or folder", file=str(path))
        root = path.resolve()
        near = own is not None and (own.is_relative_to(root) or root.is_relative_to(own))
        for file in _below(path) if path.is_dir() else [path]:
            if not (near or file.is_symlink()) or own not in file.resolve().parents:
                found[file] = None
    return list(found)


def _below(folder: Path) -> list[Path]:
    """List the files below a folder, sorted."""
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.parts)


def recognise(path: Path, head: bytes) -> str:
    """Tell a file by its first bytes; BadFile when it is nothing known.

    `pm`, `table`, `capture`, `hss_log`, or `skip:<reason>`.
    """
    if path.name.startswith(".") or path.name.lower() in NOT_DATA:
        return "skip:not data"
    if not head.strip():
        raise BadFile("empty_file", "the file is empty", file=str(path))
    if head.lstrip(b"\xef\xbb\xbf").startswith(TRUTH_HEADER):
        return "skip:ignored truth"
    if sniff(head):
        return "pm"
    inflated = inflated_head(head)
    if is_capture(head) or is_capture(inflated):
        return "capture"
    if is_hss_log(head) or is_hss_log(inflated):
        return "hss_log"
    if head.startswith((PARQUET_MAGIC, GZIP_MAGIC)):
        return "table"
    if b"\0" in head or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")) or b"," not in head:
        raise BadFile("not_recognised", "neither a PM file nor a record table", file=str(path))
    return "table"


def inflated_head(head: bytes) -> bytes:
    """Return what the first bytes of a gzip file hold, b"" where they are no gzip."""
    if not head.startswith(GZIP_MAGIC):
        return b""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def look(path: Path) -> tuple[str, Found]:
    """Recognise a file and hash its content; BadFile when it cannot be read or is nothing known."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            status = path.stat()
            kind = recognise(path, head)
            if kind.startswith("skip:"):
                return kind, Found(SourceFile(str(path), "", status.st_size), path, (0, 0))
            digest = _digest(file, status.st_size)
    except OSError as error:
        raise BadFile("unreadable", f"cannot be read: {error.strerror}", file=str(path)) from error
    return kind, Found(
        SourceFile(str(path), digest, status.st_size), path, (status.st_size, status.st_mtime_ns)
    )


def _digest(file: BufferedReader, size: int) -> str:
    """Hash a file from its begin; a small one at once, without the large buffer that others need."""
    file.seek(0)
    if 0 < size <= SMALL_BYTES:
        made = hashlib.sha256(file.read(size))
        made.update(file.read())
        return made.hexdigest()
    return hashlib.file_digest(file, "sha256").hexdigest()


def check_unchanged(path: Path, stamp: tuple[int, int]) -> None:
    """Refuse a file that was written to while it was read: its hash is not that of the rows."""
    try:
        status = path.stat()
    except OSError as error:
        raise BadFile(
            "unreadable", f"went away while it was read: {error.strerror}", file=str(path)
        ) from error
    if (status.st_size, status.st_mtime_ns) != stamp:
        raise BadFile("changing", "the file changed while it was read", file=str(path))


def source_of(path: Path) -> SourceFile:
    """Name a source for a file in quarantine; one that cannot be read is known by its path."""
    try:
        with path.open("rb") as file:
            return SourceFile(str(path), hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
    except OSError:
        return SourceFile(str(path), hashlib.sha256(b"path:" + str(path).encode()).hexdigest(), 0)


def batches_of(files: Sequence[Found], most_bytes: int, most_files: int) -> Iterator[list[Found]]:
    """Part files into groups of bounded size, in order."""
    group: list[Found] = []
    size = 0
    for found in files:
        if group and (size + found.source.size > most_bytes or len(group) >= most_files):
            yield group
            group, size = [], 0
        group.append(found)
        size += found.source.size
    if group:
        yield group
