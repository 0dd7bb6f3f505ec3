"""A real PostgreSQL of one test process: its own folder, its own port, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from loopback import free_port


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """PostgreSQL refuses to run as root: there it runs as the user `postgres` of Debian's package."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder, self._bin, self.port = folder, bin_folder, free_port()
        self._data = folder / "data"
        self._as: dict[str, object] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        (self.folder / "password").write_text("tests-only")
        if self._as:
            shutil.chown(self.folder / "password", "postgres", "postgres")
        self._run(
            "initdb", "-D", str(self._data), "-U", "callcause", "-A", "scram-sha-256", "-E", "UTF8",
            "--no-sync", "--locale", "C", "--pwfile", str(self.folder / "password"),
        )  # fmt: skip

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c shared_buffers=16MB -c max_connections=60"
        )
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-t", "60", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-m", mode, "stop")

    def new_database(self) -> str:
        """Make an empty database; returns its URL without the password."""
        name = f"t{uuid4().hex}"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://callcause@127.0.0.1:{self.port}/{name}"

    def dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=callcause password=tests-only dbname={database}"

    def _run(self, *command: str) -> None:
        subprocess.run(
            [str(self._bin / command[0]), *command[1:]],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **self._as,
        )


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server from its making to its end."""
    found = binaries()
    if found is None:
        raise FileNotFoundError("no PostgreSQL here")
    folder = Path(tempfile.mkdtemp(prefix="callcause-pg-"))
    folder.chmod(0o700)
    server = PostgresServer(folder, found)
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
