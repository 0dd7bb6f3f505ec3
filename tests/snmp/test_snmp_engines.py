"""The same questions to both engines, answered by a real snmpd and by snmpsim."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from collectors.errors import SourceError
from collectors.snmp.access import Agent
from collectors.snmp.collector import ENGINES
from collectors.snmp.engine import Engine

UPTIME, NAME, NOTHING = "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.99.0"
OBJECT_ID = "1.3.6.1.2.1.1.2.0"
NO_ROW = "1.3.6.1.2.1.2.2.1.10.4242"


@pytest.fixture(params=sorted(ENGINES))
def ask(request: pytest.FixtureRequest) -> Callable[[Callable[[Engine], Awaitable[Any]]], Any]:
    def run(work: Callable[[Engine], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            engine = ENGINES[request.param]()
            try:
                return await work(engine)
            finally:
                await engine.close()

        return asyncio.run(whole())

    return run


def v2c(port: int, secret: str = "CALLCAUSE_TEST_PUBLIC", **more: Any) -> Agent:
    return Agent(host="127.0.0.1", port=port, community={"env": secret}, **{"timeout_s": 5, **more})


def v3(
    port: int, name: str = "alice", auth: str = "CALLCAUSE_TEST_AUTH", priv: str = "CALLCAUSE_TEST_PRIV"
) -> Agent:
    user = {"name": name, "authentication_key": {"env": auth}, "privacy_key": {"env": priv}}
    return Agent(host="127.0.0.1", port=port, user=user, timeout_s=5, retries=0)


def test_what_an_agent_does_not_have_is_left_out(ask: Any, snmpd: Any) -> None:
    wanted = [UPTIME, NOTHING, NAME, NO_ROW, OBJECT_ID]
    found = ask(lambda engine: engine.get(v2c(snmpd.port), wanted, "here"))
    assert set(found) == {UPTIME, NAME, OBJECT_ID}
    assert str(found[OBJECT_ID]).startswith("1.3.6.1.4.1.8072.")
    assert isinstance(found[UPTIME], int)
    assert isinstance(found[NAME], bytes)


@pytest.mark.parametrize("rows", [0, 1, 100])
def test_a_column_is_walked_whole_whatever_was_expected(ask: Any, snmpd: Any, rows: int) -> None:
    column = "1.3.6.1.2.1.2.2.1.2"
    found = ask(lambda engine: engine.walk(v2c(snmpd.port), column, rows, "here"))
    assert found[0] == (f"{column}.1", b"lo")
    assert all(oid.startswith(column + ".") for oid, _ in found)


def test_a_column_that_is_not_there_is_empty(ask: Any, snmpd: Any) -> None:
    assert ask(lambda engine: engine.walk(v2c(snmpd.port), "1.3.6.1.4.1.2281.10", 5, "here")) == []


def test_the_end_of_the_mib_ends_a_walk(ask: Any, simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCAUSE_TEST_PUBLIC", "radio")
    found = ask(lambda engine: engine.walk(v2c(simulator.port), "1.3.6.1.4.1.2281.10.7.1.1.2", 9, "here"))
    assert found == [("1.3.6.1.4.1.2281.10.7.1.1.2.11", -4275), ("1.3.6.1.4.1.2281.10.7.1.1.2.12", -9900)]


def test_version_3_with_authentication_and_privacy(ask: Any, snmpd: Any) -> None:
    async def work(engine: Engine) -> Any:
        first = await engine.get(v3(snmpd.port), [UPTIME], "here")
        return {**first, **dict(await engine.walk(v3(snmpd.port), "1.3.6.1.2.1.2.2.1.2", 3, "here"))}

    found = ask(work)
    assert found[UPTIME] > 0
    assert found["1.3.6.1.2.1.2.2.1.2.1"] == b"lo"


@pytest.mark.parametrize("wrong", [{"name": "mallory"}, {"auth": "CALLCAUSE_TEST_WRONG"}])
def test_a_wrong_user_or_key_is_an_authentication_error(ask: Any, snmpd: Any, wrong: dict[str, str]) -> None:
    with pytest.raises(SourceError, match="transport west") as caught:
        ask(lambda engine: engine.get(v3(snmpd.port, **wrong), [UPTIME], "transport west"))
    assert caught.value.code == "authentication"
    assert "wrong1234" not in str(caught.value)


def test_a_wrong_community_is_a_timeout(ask: Any, snmpd: Any) -> None:
    agent = v2c(snmpd.port, "CALLCAUSE_TEST_WRONG", timeout_s=0.3, retries=1)
    with pytest.raises(SourceError) as caught:
        ask(lambda engine: engine.get(agent, [UPTIME], "here"))
    assert caught.value.code == "timeout"


def test_after_a_timeout_the_same_engine_asks_again(ask: Any, own_snmpd: Any) -> None:
    impatient = v2c(own_snmpd.port, timeout_s=0.5, retries=0)

    async def work(engine: Engine) -> Any:
        await engine.get(v2c(own_snmpd.port), [UPTIME], "here")
        own_snmpd.stop()
        with pytest.raises(SourceError):
            await engine.get(impatient, [UPTIME], "here")
        await asyncio.get_running_loop().run_in_executor(None, own_snmpd.start)
        return await engine.get(v2c(own_snmpd.port), [UPTIME], "here")

    assert ask(work)[UPTIME] >= 0


def test_a_version_3_agent_that_was_restarted_is_found_again(ask: Any, own_snmpd: Any) -> None:
    agent = v3(own_snmpd.port).model_copy(update={"retries": 2, "timeout_s": 5.0})

    async def work(engine: Engine) -> Any:
        await engine.get(agent, [UPTIME], "here")
        own_snmpd.stop()
        await asyncio.get_running_loop().run_in_executor(None, own_snmpd.start)
        return await engine.get(agent, [UPTIME], "here")

    assert ask(work)[UPTIME] >= 0


def test_a_host_without_an_address_is_unreachable(ask: Any) -> None:
    agent = Agent(host="no-such-host.invalid", community={"env": "CALLCAUSE_TEST_PUBLIC"})
    with pytest.raises(SourceError) as caught:
        ask(lambda engine: engine.get(agent, [UPTIME], "here"))
    assert caught.value.code == "unreachable"


def test_both_or_no_credentials_are_refused() -> None:
    with pytest.raises(ValueError, match="either community"):
        Agent(host="a")
    with pytest.raises(ValueError, match="privacy needs authentication"):
        Agent(host="a", user={"name": "x", "privacy_key": {"env": "K"}})
    with pytest.raises(ValueError, match="secret does not stand"):
        Agent(host="a", community="public")
