"""Traps and informs of net-snmp's own tools, taken as alarms."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from collectors.errors import ConfigError, SourceError
from collectors.sink import StoreSink
from collectors.snmp.trap_listener import TrapListener, TrapSettings
from collectors.snmp.trap_map import load_trap_map
from collectors.store import Store

LINK_DOWN, LINK_UP, COLD = ".1.3.6.1.6.3.1.1.5.3", ".1.3.6.1.6.3.1.1.5.4", ".1.3.6.1.6.3.1.1.5.1"
ENGINE = "0x80001f8880e9630000d61ff449"
KEYS = ["-l", "authPriv", "-u", "alice", "-a", "SHA-256", "-A", "authpass1", "-x", "AES", "-X", "privpass1"]
USER = {
    "name": "alice", "authentication_key": {"env": "CALLCAUSE_TEST_AUTH"},
    "privacy_key": {"env": "CALLCAUSE_TEST_PRIV"}, "engine_ids": [ENGINE],
}  # fmt: skip


def link(index: int, name: str = "ge-0/0/1", status: int = 2) -> list[str]:
    return [
        f".1.3.6.1.2.1.2.2.1.1.{index}", "i", str(index),
        f".1.3.6.1.2.1.2.2.1.8.{index}", "i", str(status),
        f".1.3.6.1.2.1.31.1.1.1.1.{index}", "s", name,
    ]  # fmt: skip


async def send(program: str, how: list[str], port: int, oid: str, binds: list[str]) -> int:
    arguments = [program, *how, "-r", "1", "-t", "3", f"127.0.0.1:{port}", "", oid, *binds]
    environment = {
        "MIBS": "",
        "PATH": "/usr/bin:/bin",
        "SNMP_PERSISTENT_DIR": "/nonexistent",
        "HOME": "/nonexistent",
    }
    running = await asyncio.create_subprocess_exec(
        *arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return await asyncio.wait_for(running.wait(), 120)


async def until(listener: TrapListener, total: int) -> None:
    async def reached() -> None:
        while sum(listener.counts.values()) < total:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(reached(), 120)


Work = Callable[[TrapListener], Awaitable[None]]


@pytest.fixture
def heard(
    into_store: Callable[..., Path], clock: Any, needs_programs: Callable[..., None]
) -> Callable[..., tuple[dict[str, int], list[dict[str, Any]]]]:
    """Run a listener while `work` sends to it; returns its counts and the alarms in the store."""
    needs_programs("snmptrap", "snmpinform")

    def run(work: Work, **settings: Any) -> tuple[dict[str, int], list[dict[str, Any]]]:
        given = {"communities": [{"env": "CALLCAUSE_TEST_PUBLIC"}], "users": [USER], "port": 0, **settings}
        listener = TrapListener(TrapSettings(name="traps", **given))
        listener.clock = clock

        async def whole(sink: StoreSink) -> None:
            stopping = asyncio.Event()
            listening = asyncio.create_task(listener.listen(sink, stopping))
            await asyncio.wait_for(listener.listening.wait(), 60)
            await work(listener)
            stopping.set()
            await asyncio.wait_for(listening, 20)

        with Store.open(into_store(whole)) as store:
            return dict(listener.counts), store.records("alarm").sort("id").collect().to_dicts()

    return run


V2C = ["-v", "2c", "-c", "public"]


def test_a_link_that_goes_down_is_an_alarm_until_it_is_up(heard: Any, clock: Any) -> None:
    async def work(listener: TrapListener) -> None:
        await send("snmptrap", V2C, listener.port, LINK_DOWN, link(7))
        await until(listener, 1)
        clock.pass_s(90)
        await send("snmptrap", V2C, listener.port, LINK_UP, link(7, status=1))
        await until(listener, 2)

    senders = [{"address": "127.0.0.1", "node": "MW-7", "object_type": "transport_link"}]
    counts, alarms = heard(work, senders=senders)
    assert counts == {"raised": 1, "cleared": 1}
    (alarm,) = alarms
    assert (alarm["alarmed_object"], alarm["alarmed_object_type"]) == ("MW-7", "transport_link")
    assert alarm["perceived_severity"] == "cleared"
    assert (alarm["cleared_at"] - alarm["raised_at"]).total_seconds() == 90
    assert alarm["specific_problem"] == "linkDown ge-0/0/1"


def test_links_are_told_apart_and_a_repeated_trap_is_the_same_alarm(heard: Any) -> None:
    async def work(listener: TrapListener) -> None:
        for place, (oid, index) in enumerate(
            ((LINK_DOWN, 1), (LINK_DOWN, 2), (LINK_DOWN, 1), (LINK_UP, 2)), 1
        ):
            await send("snmptrap", V2C, listener.port, oid, link(index))
            await until(listener, place)

    counts, alarms = heard(work)
    assert counts == {"raised": 2, "again": 1, "cleared": 1}
    assert [a["cleared_at"] is None for a in alarms] == [True, False]
    assert [a["perceived_severity"] for a in alarms] == ["major", "cleared"]


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("snmpinform", V2C),
        ("snmptrap", ["-v", "3", "-e", ENGINE, *KEYS]),
        ("snmpinform", ["-v", "3", *KEYS]),
    ],
)
def test_informs_and_version_3_are_taken_too(heard: Any, program: str, how: list[str]) -> None:
    async def work(listener: TrapListener) -> None:
        # An inform ends with 0 only when it was acknowledged.
        assert await send(program, how, listener.port, LINK_DOWN, link(3)) == 0
        await until(listener, 1)

    counts, alarms = heard(work)
    assert counts == {"raised": 1}
    assert len(alarms) == 1


def test_who_is_not_let_in_is_not_heard(heard: Any) -> None:
    wrong = ["-v", "3", "-e", ENGINE, *KEYS[:7], "other-key-1", *KEYS[8:]]

    async def work(listener: TrapListener) -> None:
        await send("snmptrap", ["-v", "2c", "-c", "guess"], listener.port, LINK_DOWN, link(3))
        await send("snmptrap", wrong, listener.port, LINK_DOWN, link(4))
        await send("snmptrap", V2C, listener.port, LINK_DOWN, link(5))
        await until(listener, 1)

    counts, alarms = heard(work)
    assert counts == {"raised": 1}
    assert "|5|" in alarms[0]["id"]


def test_events_unknown_traps_and_ends_without_begin_are_counted(heard: Any) -> None:
    async def work(listener: TrapListener) -> None:
        await send("snmptrap", V2C, listener.port, COLD, [])
        await send("snmptrap", V2C, listener.port, LINK_UP, link(9))
        await send("snmptrap", V2C, listener.port, ".1.3.6.1.4.1.8072.9999.77", [])
        await send("snmptrap", V2C, listener.port, ".1.3.6.1.6.3.1.1.5.5", [])
        await until(listener, 4)

    counts, alarms = heard(work)
    assert counts == {"event": 1, "cleared_unknown": 1, "unmapped": 1, "ignored": 1}
    assert alarms[0]["raised_at"] == alarms[0]["cleared_at"]


def test_an_alarm_that_stood_at_the_end_is_cleared_by_the_next_process(heard: Any, clock: Any) -> None:
    async def down(listener: TrapListener) -> None:
        await send("snmptrap", V2C, listener.port, LINK_DOWN, link(7))
        await until(listener, 1)

    async def up(listener: TrapListener) -> None:
        await send("snmptrap", V2C, listener.port, LINK_UP, link(7))
        await until(listener, 1)

    heard(down)
    clock.pass_s(30)
    counts, alarms = heard(up)
    assert counts == {"cleared": 1}
    assert [a["perceived_severity"] for a in alarms] == ["cleared"]


def test_only_named_senders_may_be_let_in(heard: Any) -> None:
    async def work(listener: TrapListener) -> None:
        await send("snmptrap", V2C, listener.port, LINK_DOWN, link(1))
        await until(listener, 1)

    counts, alarms = heard(work, senders=[{"address": "192.0.2.1", "node": "a"}], only_senders=True)
    assert counts == {"unknown_sender": 1}
    assert alarms == []


OWN = """name: own
oids: {bad: 1.3.6.1.4.1.8072.9999.1, good: 1.3.6.1.4.1.8072.9999.2}
traps:
  bad:
    severity_from: {bind: 1.3.6.1.4.1.8072.9999.5, values: {"1": critical, "2": minor, "5": cleared}}
    key: [1.3.6.1.4.1.8072.9999.6]
    probable_cause: power
"""


def test_severity_may_come_from_a_value_and_clear_the_alarm(heard: Any, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    bad = ".1.3.6.1.4.1.8072.9999.1"

    async def work(listener: TrapListener) -> None:
        for place, (unit, level) in enumerate((("A", 1), ("B", 9), ("A", 5)), 1):
            binds = [f"{bad[:-1]}5.0", "i", str(level), f"{bad[:-1]}6.0", "s", unit]
            await send("snmptrap", V2C, listener.port, bad, binds)
            await until(listener, place)

    counts, alarms = heard(work, maps=[path])
    assert counts == {"raised": 2, "cleared": 1}
    assert [a["perceived_severity"] for a in alarms] == ["cleared", "indeterminate"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("  bad:", "  bed:"), "did you mean 'bad'"),
        (("critical", "critcal"), "did you mean 'critical'"),
        (("probable_cause: power", "does: clear"), "go together"),
        (("key:", "keys:"), "Extra inputs"),
    ],
)
def test_an_error_in_a_trap_map_names_its_place(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace(*change))
    with pytest.raises(ConfigError, match=rf"(?s)own.yaml:\d.*{message}"):
        load_trap_map(path)


def test_a_port_that_is_taken_is_named(into_store: Callable[..., Path]) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        listener = TrapListener(TrapSettings(name="traps", port=port, users=[USER]))

        async def work(sink: StoreSink) -> None:
            with pytest.raises(SourceError, match=str(port)):
                await asyncio.wait_for(listener.listen(sink, asyncio.Event()), 30)

        into_store(work)


def test_a_listener_that_would_let_nobody_in_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing else is let in"):
        TrapSettings(name="traps")


def test_no_number_of_a_trap_reaches_the_store_the_counts_or_a_log(
    heard: Any, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "13866660007"

    async def work(listener: TrapListener) -> None:
        await send("snmptrap", V2C, listener.port, LINK_DOWN, link(7, f"user +86{canary} 460001386666000"))
        await until(listener, 1)

    counts, alarms = heard(work)
    assert (counts, len(alarms)) == ({"raised": 1}, 1)
    assert canary not in str(alarms) + str(counts) + caplog.text
    assert "460001386666000" not in str(alarms) + caplog.text
