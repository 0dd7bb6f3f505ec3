"""The SFTP collector: pulls whole files from a server, then takes them in like a folder's."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import asyncssh
from pydantic import Field, model_validator

from collectors.collector import Collector, PolledSettings
from collectors.errors import ConfigError, SourceError
from collectors.files.completeness import Afterwards, Completeness, FileRule, Stamp
from collectors.files.folder import states
from collectors.files.memory import FileMemory, MissingPeriod
from collectors.files.periods import ExpectedPeriods, PeriodWatch, delivered
from collectors.secret import Secret
from collectors.sink import Sink

CHUNK = 256 * 1024
MOST_DEPTH = 8


class SftpSettings(PolledSettings):
    """Settings of `[[collect.sftp]]`."""

    interval_s: float = Field(default=60.0, gt=0, description="from one look to the next")
    deadline_s: float = Field(default=900.0, gt=0, description="a run that takes longer is given up")
    host: str = Field(min_length=1)
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(min_length=1)
    key_file: Path | None = Field(default=None, description="private key to log in with")
    key_passphrase: Secret | None = None
    password: Secret | None = None
    known_hosts: Path = Field(
        default=Path("~/.ssh/known_hosts"), description="keys of servers that are trusted"
    )
    check_host_key: bool = Field(default=True, description="false trusts any server: for a test only")
    connect_timeout_s: float = Field(default=15.0, gt=0)
    folders: tuple[str, ...] = Field(min_length=1, description="remote folders, looked through whole")
    download: Path = Field(description="local folder for files on their way")
    keep_downloads: bool = Field(default=False, description="keep local copies of what was stored")
    files: FileRule = FileRule()
    afterwards: Afterwards = Field(default=Afterwards(), description="what becomes of the remote file")
    expected: ExpectedPeriods = ExpectedPeriods()

    @model_validator(mode="after")
    def _some_login(self) -> SftpSettings:
        if self.key_file is None and self.password is None:
            raise ValueError("give key_file or password")
        return self


class SftpCollector(Collector[SftpSettings]):
    """Pulls files; the remote one is neither moved nor deleted unless the settings say so."""

    kind: ClassVar[str] = "sftp"
    settings_model: ClassVar[type[PolledSettings]] = SftpSettings

    def __init__(self, settings: SftpSettings) -> None:
        super().__init__(settings)
        self._memory = FileMemory(settings.download / ".fetched.sqlite", settings.name)
        self._watch = PeriodWatch(settings.expected, self._memory)
        self._done = self._memory.done()
        self._completeness = {folder: Completeness(settings.files) for folder in settings.folders}
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.seconds: Callable[[], float] = time.monotonic

    def targets(self) -> Sequence[str]:
        """Return the remote folders."""
        return self.settings.folders

    def missing(self) -> list[MissingPeriod]:
        """Periods of PM files that did not come in time."""
        return self._watch.missing()

    def lacking(self) -> Mapping[str, int]:
        """Return how many periods of each element are still missing."""
        return Counter(period.element for period in self.missing() if period.arrived_at is None)

    async def collect(self, target: str, sink: Sink) -> Counter[str]:
        """Pull what is whole and new; counts files by state, `waiting`, `already`, `resumed`, periods."""
        counts: Counter[str] = Counter()
        async with self._connected(target) as sftp:
            stamps, names = await self._look(sftp, target)
            fresh = {path: stamp for path, stamp in stamps.items() if self._done.get(path) != stamp}
            ready = self._completeness[target].ready(fresh, names, self.seconds())
            ready = ready[: self.settings.files.most_files]
            counts += Counter(waiting=len(fresh) - len(ready), already=len(stamps) - len(fresh))
            got: dict[str, Path] = {}
            for path in ready:
                local = await self._fetch(sftp, path, stamps[path], counts)
                if local is not None:
                    got[path] = local
            if got:
                await self._take_in(sftp, got, stamps, sink, counts)
        return +(counts + self._watch.overdue(self.clock()))

    async def close(self) -> None:
        """Close the memory."""
        self._memory.close()

    # --- the connection

    @asynccontextmanager
    async def _connected(self, target: str) -> AsyncIterator[asyncssh.SFTPClient]:
        place = f"{self.settings.name} {target}"
        try:
            async with (
                asyncssh.connect(**self._login()) as connection,
                connection.start_sftp_client() as sftp,
            ):
                yield sftp
        except (asyncssh.HostKeyNotVerifiable, asyncssh.PermissionDenied) as error:
            raise SourceError("authentication", f"no login: {error.reason}", file=place) from error
        except (asyncssh.SFTPError, asyncssh.Error) as error:
            raise SourceError("bad_answer", f"broke off: {error.reason}", file=place) from error
        except TimeoutError as error:
            raise SourceError("timeout", "did not answer in time", file=place) from error
        except OSError as error:
            raise SourceError("unreachable", f"failed: {error.strerror or error}", file=place) from error

    def _login(self) -> dict[str, Any]:
        settings = self.settings
        login: dict[str, Any] = {
            "host": settings.host, "port": settings.port, "username": settings.user, "agent_path": None,
            "connect_timeout": settings.connect_timeout_s, "client_keys": None, "config": None,
            "known_hosts": None,
        }  # fmt: skip
        if settings.check_host_key:
            known = settings.known_hosts.expanduser()
            if not known.is_file():
                raise ConfigError("no such file of known hosts", file=str(known), key="known_hosts")
            login["known_hosts"] = str(known)
        if settings.key_file is not None:
            passphrase = settings.key_passphrase.reveal() if settings.key_passphrase else None
            try:
                login["client_keys"] = [asyncssh.read_private_key(str(settings.key_file), passphrase)]
            except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
                raise ConfigError(
                    f"the private key cannot be read ({type(error).__name__})",
                    file=str(settings.key_file), key="key_file",
                ) from error  # fmt: skip
        if settings.password is not None:
            login["password"] = settings.password.reveal()
        return login

    async def _look(self, sftp: asyncssh.SFTPClient, folder: str) -> tuple[dict[str, Stamp], list[str]]:
        stamps: dict[str, Stamp] = {}
        names: list[str] = []
        folders = [(folder, 0)]
        moved = self.settings.afterwards.move_to
        while folders:
            where, depth = folders.pop()
            async for entry in sftp.scandir(where):
                name = str(entry.filename)
                path = str(PurePosixPath(where) / name)
                mode = entry.attrs.permissions or 0
                if name in (".", "..") or "/" in name:
                    continue
                if stat.S_ISDIR(mode) and depth < MOST_DEPTH and path != moved:
                    folders.append((path, depth + 1))
                elif stat.S_ISREG(mode):
                    names.append(path)
                    if self.settings.files.meant(name):
                        stamps[path] = (entry.attrs.size or 0, int(entry.attrs.mtime or 0))
        return stamps, names

    # --- one file

    async def _fetch(
        self, sftp: asyncssh.SFTPClient, path: str, stamp: Stamp, counts: Counter[str]
    ) -> Path | None:
        """Download a file, going on where an earlier try stopped; None where it changed on the way."""
        local = self.settings.download / path.lstrip("/")
        part = local.with_name(f"{local.name}.{stamp[0]}-{stamp[1]}.part")
        await asyncio.to_thread(_make_room, local, part)
        have = part.stat().st_size if part.exists() else 0
        if have > stamp[0]:
            part.unlink()
            have = 0
        counts["resumed"] += have > 0
        async with sftp.open(path, "rb") as remote:
            with part.open("ab") as out:
                while have < stamp[0]:
                    chunk = await remote.read(min(CHUNK, stamp[0] - have), have)
                    if not chunk:
                        break
                    have += len(chunk)
                    await asyncio.to_thread(out.write, _octets(chunk))
            now = await remote.stat()
        if (now.size, int(now.mtime or 0)) != stamp or have != stamp[0]:
            part.unlink()
            counts["changed"] += 1
            return None
        await asyncio.to_thread(_settle, part, local)
        return local

    async def _take_in(
        self,
        sftp: asyncssh.SFTPClient,
        got: Mapping[str, Path],
        stamps: Mapping[str, Stamp],
        sink: Sink,
        counts: Counter[str],
    ) -> None:
        found = await asyncio.to_thread(lambda: [delivered(local) for local in got.values()])
        report = await sink.files(list(got.values()))
        counts += states(report)
        counts["fetched"] += len(got)
        self._done.update({path: stamps[path] for path in got})
        await asyncio.to_thread(self._memory.remember, [(path, stamps[path]) for path in got])
        counts += self._watch.came([one for one in found if one is not None], self.clock())
        refused = {error.file for error in report.refused}
        for path, local in got.items():
            if str(local) in refused:
                continue
            if not self.settings.keep_downloads:
                local.unlink(missing_ok=True)
            await self._afterwards(sftp, path)

    async def _afterwards(self, sftp: asyncssh.SFTPClient, path: str) -> None:
        do, where = self.settings.afterwards.do, self.settings.afterwards.move_to
        if do == "delete":
            await sftp.remove(path)
        elif do == "move":
            await sftp.makedirs(str(where), exist_ok=True)
            await sftp.posix_rename(path, str(PurePosixPath(str(where)) / PurePosixPath(path).name))


def _octets(chunk: str | bytes) -> bytes:
    return chunk.encode("latin-1") if isinstance(chunk, str) else chunk


def _make_room(local: Path, part: Path) -> None:
    """Make the folder, and drop parts of what the file was before."""
    local.parent.mkdir(parents=True, exist_ok=True)
    for old in local.parent.glob(f"{_literal(local.name)}.*.part"):
        if old != part:
            old.unlink()


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _settle(part: Path, local: Path) -> None:
    """Give the download its name once it stands on the disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(local)
