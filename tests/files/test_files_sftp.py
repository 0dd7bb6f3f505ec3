"""Pulling files from a real sshd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from collectors.errors import ConfigError, SourceError
from collectors.files.sftp import SftpCollector, SftpSettings
from collectors.sink import StoreSink
from collectors.store import Store

BEGIN = datetime(2026, 11, 22, 8, 45, tzinfo=UTC)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    made = tmp_path / "remote"
    made.mkdir()
    return made


@pytest.fixture
def made(sshd: Any, remote: Path, tmp_path: Path, clock: Any) -> Callable[..., SftpCollector]:
    def make(**more: Any) -> SftpCollector:
        settings = {
            "name": "pull", "host": "127.0.0.1", "port": sshd.port, "user": sshd.user, "key_file": sshd.key,
            "known_hosts": sshd.known_hosts, "folders": [str(remote)], "download": tmp_path / "local",
            "files": {"complete": "renamed"}, **more,
        }  # fmt: skip
        pulled = SftpCollector(SftpSettings(**settings))
        pulled.clock, pulled.seconds = clock.wall, clock.seconds
        return pulled

    return make


def test_files_are_pulled_once_and_left_where_they_are(
    made: Any, remote: Path, tmp_path: Path, pm: Any, into_store: Callable[..., Path]
) -> None:
    (remote / "sub").mkdir()
    (remote / "sub" / "A20261122.0845+0000-0900+0000_ENB1.xml").write_text(pm("ENB1", BEGIN))
    (remote / "bad.bin").write_bytes(b"\0\1")

    async def work(sink: StoreSink) -> None:
        pulled = made()
        assert await pulled.collect(str(remote), sink) == {"fetched": 2, "stored": 1, "quarantined": 1}
        await pulled.close()
        # A new process remembers what was fetched.
        pulled = made()
        assert await pulled.collect(str(remote), sink) == {"already": 2}
        await pulled.close()

    with Store.open(into_store(work)) as store:
        assert store.counters().height == 1
    assert len([p for p in remote.rglob("*") if p.is_file()]) == 2
    left = [
        p.name for p in (tmp_path / "local").rglob("*") if p.is_file() and not p.name.startswith(".fetched")
    ]
    assert left == ["bad.bin"]


@pytest.mark.parametrize("do", ["delete", "move"])
def test_a_remote_file_is_deleted_or_moved_only_when_configured(
    made: Any, remote: Path, pm: Any, do: str, into_store: Callable[..., Path]
) -> None:
    (remote / "a.xml").write_text(pm("ENB1", BEGIN))
    done = remote / "done"
    afterwards = {"do": do, **({"move_to": str(done)} if do == "move" else {})}

    async def work(sink: StoreSink) -> None:
        pulled = made(afterwards=afterwards)
        await pulled.collect(str(remote), sink)
        assert await pulled.collect(str(remote), sink) == {}
        await pulled.close()

    into_store(work)
    assert not (remote / "a.xml").exists()
    assert (done / "a.xml").exists() is (do == "move")


def test_a_download_that_broke_off_is_resumed_and_one_of_an_older_file_discarded(
    made: Any, remote: Path, tmp_path: Path, pm: Any, into_store: Callable[..., Path]
) -> None:
    path = remote / "a.xml"
    text = pm("ENB1", BEGIN).encode()
    path.write_bytes(text)
    status = path.stat()
    local = tmp_path / "local" / str(remote).lstrip("/")
    local.mkdir(parents=True)
    (local / f"a.xml.{status.st_size}-{int(status.st_mtime)}.part").write_bytes(text[:400])
    (local / "a.xml.17-1.part").write_bytes(b"of an older file")

    async def work(sink: StoreSink) -> None:
        pulled = made()
        assert await pulled.collect(str(remote), sink) == {"fetched": 1, "stored": 1, "resumed": 1}
        await pulled.close()

    into_store(work)
    assert not list(local.iterdir())


def test_a_file_that_still_grows_is_waited_for(
    made: Any, remote: Path, clock: Any, pm: Any, into_store: Callable[..., Path]
) -> None:
    text = pm("ENB1", BEGIN)

    async def work(sink: StoreSink) -> None:
        pulled = made(files={"stable_s": 10})
        (remote / "a.xml").write_text(text[:200])
        assert await pulled.collect(str(remote), sink) == {"waiting": 1}
        clock.pass_s(11)
        (remote / "a.xml").write_text(text)
        assert await pulled.collect(str(remote), sink) == {"waiting": 1}
        clock.pass_s(11)
        assert (await pulled.collect(str(remote), sink))["stored"] == 1
        await pulled.close()

    into_store(work)


def test_a_server_whose_key_is_not_known_is_refused(
    made: Any, sshd: Any, remote: Path, tmp_path: Path, into_store: Callable[..., Path]
) -> None:
    other = tmp_path / "other_hosts"
    kind, key = (sshd.folder / "stranger.pub").read_text().split()[:2]
    other.write_text(f"[127.0.0.1]:{sshd.port} {kind} {key}\n")

    async def work(sink: StoreSink) -> None:
        pulled = made(known_hosts=other)
        with pytest.raises(SourceError, match=r"pull .*no login") as caught:
            await pulled.collect(str(remote), sink)
        assert caught.value.code == "authentication"
        await pulled.close()
        pulled = made(known_hosts=tmp_path / "nowhere")
        with pytest.raises(ConfigError, match="nowhere"):
            await pulled.collect(str(remote), sink)
        await pulled.close()

    into_store(work)


def test_a_key_that_is_not_authorised_is_refused(
    made: Any, sshd: Any, remote: Path, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        pulled = made(key_file=sshd.folder / "stranger")
        with pytest.raises(SourceError) as caught:
            await pulled.collect(str(remote), sink)
        assert caught.value.code == "authentication"
        await pulled.close()

    into_store(work)


def test_a_folder_that_is_not_there_and_a_closed_port_have_their_own_states(
    made: Any, remote: Path, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        for change, code in (({"folders": ["/no/such/folder"]}, "bad_answer"), ({"port": 1}, "unreachable")):
            pulled = made(**change)
            with pytest.raises(SourceError) as caught:
                await pulled.collect(pulled.targets()[0], sink)
            assert caught.value.code == code
            await pulled.close()

    into_store(work)


def test_a_password_from_a_secret_logs_in(
    remote: Path,
    tmp_path: Path,
    clock: Any,
    pm: Any,
    monkeypatch: pytest.MonkeyPatch,
    into_store: Callable[..., Path],
) -> None:
    monkeypatch.setenv("SFTP_PASSWORD", "only-here")
    (remote / "a.xml").write_text(pm("ENB1", BEGIN + timedelta(minutes=15)))

    class Passwords(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("pull", "only-here")

    async def work(sink: StoreSink) -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[key], server_factory=Passwords, sftp_factory=True
        )
        port = server.sockets[0].getsockname()[1]
        known = tmp_path / "known"
        known.write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}\n")
        settings = SftpSettings(
            name="pull", host="127.0.0.1", port=port, user="pull", password={"env": "SFTP_PASSWORD"},
            known_hosts=known, folders=[str(remote)], download=tmp_path / "local",
            files={"complete": "renamed"},
        )  # fmt: skip
        assert "only-here" not in repr(settings)
        pulled = SftpCollector(settings)
        pulled.clock = clock.wall
        assert (await asyncio.wait_for(pulled.collect(str(remote), sink), 30))["stored"] == 1
        await pulled.close()
        server.close()

    into_store(work)


def test_no_way_to_log_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="key_file or password"):
        SftpSettings(name="p", host="h", user="u", folders=["/"], download=tmp_path)


def test_no_number_of_a_ticket_file_reaches_the_store_a_count_or_a_log(
    made: Any, remote: Path, into_store: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    canary = "13866660007"
    head = "id,received_at,occurred_at,msisdn,description\n"
    good = f"T-1,2026-11-22T09:00:00Z,,+86{canary},call {canary} back\n"
    (remote / "tickets.csv").write_text(f"{head}{good}T-2,{canary},,86{canary},{canary}\n")
    said: list[str] = []

    async def work(sink: StoreSink) -> None:
        pulled = made()
        said.append(str(await pulled.collect(str(remote), sink)))
        await pulled.close()

    with Store.open(into_store(work)) as store:
        kept = [str(store.records("ticket").collect().to_dicts()), str(store.ledger.bad_rows().to_dicts())]
        assert store.records("ticket").collect()["id"].to_list() == ["T-1"]
        assert store.ledger.bad_rows().height == 1
    assert canary not in "".join([*said, *kept, caplog.text])
    files = [path.read_bytes() for path in store.root.rglob("*") if path.is_file()]
    assert not any(canary.encode() in content for content in files)
