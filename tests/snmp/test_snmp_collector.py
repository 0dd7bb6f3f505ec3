"""The SNMP collector with both engines: samples, KPIs, wraps, restarts, values that are none."""

from __future__ import annotations

import asyncio
import bz2
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from collectors.errors import ConfigError, SourceError
from collectors.sink import StoreSink
from collectors.snmp.collector import ENGINES, SnmpCollector, SnmpSettings
from collectors.snmp.profile import load_profiles
from collectors.store import Store

ASKED = (
    b"1.3.6.1.2.1.1.", b"1.3.6.1.2.1.2.", b"1.3.6.1.2.1.31.1.1.", b"1.3.6.1.2.1.25.", b"1.3.6.1.4.1.2281.",
    b"1.3.6.1.6.3.10.",
)  # fmt: skip


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def made(engine: str, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SnmpCollector]:
    def make(port: int, community: str, *profiles: str, folders: Any = (), **more: Any) -> SnmpCollector:
        monkeypatch.setenv("CALLCAUSE_TEST_RECORDING", community)
        agent = {
            "host": "127.0.0.1",
            "port": port,
            "community": {"env": "CALLCAUSE_TEST_RECORDING"},
            "timeout_s": 5,
        }
        target = {"node": "n1", "agent": {**agent, **more.pop("agent", {})}, "profiles": profiles, **more}
        settings = SnmpSettings(
            name="transport", engine=engine, interval_s=60, targets=[target], profiles=folders
        )
        polled = SnmpCollector(settings)
        polled.clock = clock
        return polled

    return make


def samples(root: Path) -> pl.DataFrame:
    with Store.open(root) as store:
        return store.records("node_sample").sort("counter", "period_end").collect()


def by_counter(root: Path) -> dict[str, dict[str, Any]]:
    """The last row of each counter."""
    return {row["counter"]: row for row in samples(root).iter_rows(named=True)}


def test_a_radio_tells_levels_by_interface_name_and_says_when_it_hears_nothing(
    made: Any, simulator: Any, into_store: Callable[..., Path]
) -> None:
    counts: Counter[str] = Counter()

    async def work(sink: StoreSink) -> None:
        polled = made(simulator.port, "radio", "microwave-ceragon")
        await polled.collect("n1", sink)
        polled.clock.pass_s(60)
        counts.update(await polled.collect("n1", sink))
        await polled.close()

    rows = by_counter(into_store(work))
    assert rows["radio_rsl_dbm[Radio: Slot 1, port 1]"]["value"] == -41
    assert rows["radio_mse_db[Radio: Slot 1, port 1]"]["value"] == pytest.approx(-42.75)
    assert rows["uptime_s"]["value"] == pytest.approx(16691.23)
    assert not any("port 2" in counter for counter in rows)
    assert counts["no_value"] == 2
    assert counts["absent"] == 1  # this radio has no defected blocks
    assert counts["varbinds"] == 4


COUNTERS = """name: counters
node_type: other
samples:
  narrow: {object: 1.3.6.1.4.1.8072.9999.1.1.0, kind: counter32}
  wide: {object: 1.3.6.1.4.1.8072.9999.1.2.0, kind: counter64}
"""


def test_counters_of_32_and_64_bits_wrap(
    made: Any, passing_snmpd: Any, tmp_path: Path, into_store: Callable[..., Path]
) -> None:
    (tmp_path / "counters.yaml").write_text(COUNTERS)

    async def work(sink: StoreSink) -> None:
        polled = made(passing_snmpd.port, "public", "counters", folders=[tmp_path / "counters.yaml"])
        for narrow, wide in ((4294967290, 18446744073709551606), (4, 90), (3, 80)):
            passing_snmpd.says(narrow, wide)
            await polled.collect("n1", sink)
            polled.clock.pass_s(60)
        await polled.close()

    rows = samples(into_store(work)).filter(pl.col("counter").is_in(["narrow", "wide"]))
    assert rows["increase"].to_list() == [10, None, 100, None]
    # A fall by a little can be no wrap: the program behind the agent began anew.
    assert rows["reset"].to_list() == [False, True, False, True]


def test_a_real_agent_counts_the_traffic_of_its_interfaces(
    made: Any, snmpd: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        polled = made(snmpd.port, "public", "if-mib", "host-resources", instances="^lo$")
        for _ in range(2):
            counts = await polled.collect("n1", sink)
            polled.clock.pass_s(60)
        await polled.close()
        assert counts["restarts"] == 0

    rows = by_counter(into_store(work))
    names = {name for name in rows if name.startswith("interface_oper_status")}
    assert names == {"interface_oper_status[lo]"}
    assert rows["interface_in_octets[lo]"]["increase"] >= 0
    assert rows["up"]["value"] == 1
    assert rows["host_processes"]["value"] > 0


def test_after_a_restart_of_the_agent_nothing_is_claimed_of_the_time_before(
    made: Any, own_snmpd: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        polled = made(own_snmpd.port, "public", "if-mib", instances="^lo$")
        await polled.collect("n1", sink)
        polled.clock.pass_s(60)
        own_snmpd.stop()
        await asyncio.get_running_loop().run_in_executor(None, own_snmpd.start)
        counts = await polled.collect("n1", sink)
        await polled.close()
        assert counts["restarts"] == 1

    row = by_counter(into_store(work))["interface_in_octets[lo]"]
    assert row["reset"]
    assert row["increase"] is None
    assert row["value"] > 0


def test_an_agent_that_is_gone_leaves_up_at_zero(
    made: Any, own_snmpd: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        polled = made(own_snmpd.port, "public", "host-resources", agent={"timeout_s": 0.3, "retries": 0})
        own_snmpd.stop()
        with pytest.raises(SourceError, match="transport n1") as caught:
            await polled.collect("n1", sink)
        assert caught.value.code == "timeout"
        await polled.close()

    rows = by_counter(into_store(work))
    assert rows["up"]["value"] == 0
    assert rows["up"]["source"].startswith("snmp 127.0.0.1:")


def test_an_agent_without_any_object_of_its_profiles_is_a_bad_answer(
    made: Any, simulator: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        polled = made(simulator.port, "radio", "kamailio-scscf")
        with pytest.raises(SourceError, match="none of the objects"):
            await polled.collect("n1", sink)
        await polled.close()

    into_store(work)


def test_processor_load_of_an_sbc_becomes_its_kpi(
    made: Any, simulator: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        polled = made(simulator.port, "sbc", "host-sbc")
        for _ in range(7):
            await polled.collect("n1", sink)
            polled.clock.pass_s(60)
        await polled.close()

    with Store.open(into_store(work)) as store:
        rows = store.records("node_kpi").sort("kpi_id").collect()
    assert rows.select("kpi_id", "value", "period", "node_type").rows() == [
        ("sbc_load", 80.0, 300, "SBC"),
        ("sbc_load.cpu_load", 80.0, 300, "SBC"),
    ]
    assert rows["denominator"].null_count() == 2


def test_the_same_recordings_of_real_routers_give_the_same_samples_with_both_engines(
    simulator_of: Callable[[Path], Any],
    third_party_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    chosen = {
        "juniper": "snmpsim-data/network__router__juniper-mx960-12-3r6-6.snmprec.bz2",
        "comware": "thola/comware_VSR1000.snmprec",
        "ceragon": "librenms/ceraos_excerpt.snmprec",
        "linksdown": "zino/linksdown.snmprec",
    }
    for name, path in chosen.items():
        source = third_party_data / "snmp" / path
        data = source.read_bytes()
        text = bz2.decompress(data) if source.suffix == ".bz2" else data
        # Only what the profiles ask for, so that the simulator need not index a million lines.
        kept = [line for line in text.splitlines() if line.startswith(ASKED)]
        (folder / f"{name}.snmprec").write_bytes(b"\n".join(kept) + b"\n")
    running = simulator_of(folder)

    async def look(engine: str, name: str) -> Any:
        monkeypatch.setenv("CALLCAUSE_TEST_RECORDING", name)
        agent = {"host": "127.0.0.1", "port": running.port, "community": {"env": "CALLCAUSE_TEST_RECORDING"}}
        target = {
            "node": name, "agent": {**agent, "timeout_s": 10},
            "profiles": ["if-mib", "if-mib-32", "microwave-ceragon", "host-resources"],
        }  # fmt: skip
        polled = SnmpCollector(SnmpSettings(name="t", engine=engine, targets=[target]))
        counts: Counter[str] = Counter()
        await polled.poll(name, counts)
        last = polled._polled[name].state.memory.last
        await polled.close()
        assert last is not None
        return counts, {
            n: dict(zip(c.instances, c.values.tolist(), strict=True)) for n, c in last.columns.items()
        }

    for name in chosen:
        slow, fast = asyncio.run(look("pysnmp", name)), asyncio.run(look("gufo", name))
        assert slow == fast, name
        assert slow[0]["varbinds"] > 0, name
        if name == "ceragon":
            assert slow[0]["no_value"] == 2
            assert slow[1]["radio_rsl_dbm"]["Radio: Slot 1, port 1"] == -67


def test_a_profile_of_ones_own_is_checked_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "name: own\nnode_type: sbc\nsamples:\n  a: {object: 1.3.6.1.2.1.1.3.0}\n"
        "inputs:\n  SBC.CpuLod: {add: [a]}\n"
    )
    with pytest.raises(ConfigError, match=r"own.yaml:6.*did you mean 'SBC.CpuLoad'"):
        load_profiles(path)
    path.write_text("name: own\nnode_type: sbc\nsamples:\n  a: {object: 1.3.6.x}\n")
    with pytest.raises(ConfigError, match=r"own.yaml:4"):
        load_profiles(path)


def test_an_unknown_profile_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'if-mib'"):
        load_profiles().joined(["if-mb"])


def test_no_shipped_profile_reads_a_table_of_identities() -> None:
    profiles = load_profiles()
    for name in profiles.names():
        profile = profiles.joined([name])
        for oid in (*profile.objects, *profile.columns, *profile.instance_names):
            assert not oid.startswith(("1.3.6.1.4.1.34352.3.1.2.1.5.6", "1.3.6.1.4.1.34352.3.1.2.1.5.7"))
            assert not oid.startswith("1.3.6.1.4.1.34352.3.1.3.1.3.1")
