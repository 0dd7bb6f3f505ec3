"""The Prometheus collector against exporters and a real Prometheus."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from collectors.errors import ConfigError, SourceError
from collectors.prometheus import PrometheusCollector, PrometheusSettings
from collectors.sink import StoreSink
from collectors.store import Store

SCSCF = """kamailio_core_uptime {uptime}
kamailio_ims_auth_mar_timeouts {timeouts}
kamailio_ims_auth_mar_replies_received {answers}
kamailio_ims_registrar_scscf_sar_timeouts 0
kamailio_ims_registrar_scscf_sar_replies_received 0
kamailio_ims_registrar_scscf_accepted_regs {accepted}
kamailio_ims_registrar_scscf_rejected_regs 5
"""


def scscf(uptime: float, timeouts: float, answers: float, accepted: float = 10) -> str:
    return SCSCF.format(uptime=uptime, timeouts=timeouts, answers=answers, accepted=accepted)


def collector(exporter: Any, clock: Any, **more: Any) -> PrometheusCollector:
    target = {"node": "scscf1", "map": "kamailio-scscf", "url": exporter.url}
    made = PrometheusCollector(
        PrometheusSettings(**{"name": "core", "interval_s": 60, "targets": [target], **more})
    )
    made.clock = clock
    return made


def samples(root: Path) -> pl.DataFrame:
    with Store.open(root) as store:
        return store.records("node_sample").sort("counter", "period_end").collect()


def kpis(root: Path) -> pl.DataFrame:
    with Store.open(root) as store:
        return store.records("node_kpi").sort("kpi_id", "period_start").collect()


def test_two_scrapes_tell_what_was_counted_in_between(
    exporter: Any, clock: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        polled = collector(exporter, clock)
        exporter.text = scscf(100, 3, 50)
        await polled.collect("scscf1", sink)
        clock.pass_s(60)
        exporter.text = scscf(160, 5, 58)
        counts = await polled.collect("scscf1", sink)
        await polled.close()
        assert counts["scrapes"] == 1

    rows = samples(into_store(work)).filter(pl.col("counter") == "cx_mar_timeouts")
    row = rows.row(0, named=True)
    assert (row["node_id"], row["node_type"], row["increase"], row["value"]) == ("scscf1", "scscf", 2.0, 5.0)
    assert row["period_end"] - row["period_start"] == timedelta(seconds=60)
    assert row["reset"] is False
    assert row["source"].startswith("prometheus 127.0.0.1:")


def test_a_restart_is_seen_by_a_falling_counter_and_by_the_uptime(
    exporter: Any, clock: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        polled = collector(exporter, clock)
        for text in (scscf(1000, 30, 50), scscf(20, 4, 60)):
            exporter.text = text
            await polled.collect("scscf1", sink)
            clock.pass_s(60)
        await polled.close()

    rows = {
        r["counter"]: r for r in samples(into_store(work)).iter_rows(named=True) if r["increase"] is not None
    }
    assert rows["cx_mar_timeouts"]["reset"]
    assert rows["cx_mar_timeouts"]["increase"] == 4
    # This one has grown past its old value since the restart: 60 were counted, not 10.
    assert rows["cx_mar_answers"]["reset"]
    assert rows["cx_mar_answers"]["increase"] == 60


def test_a_scrape_that_fails_leaves_up_at_zero_and_names_source_and_target(
    exporter: Any, clock: Any, into_store: Callable[..., Path]
) -> None:
    url = exporter.url

    async def work(sink: StoreSink) -> None:
        polled = collector(exporter, clock)
        exporter.text = scscf(100, 0, 1)
        await polled.collect("scscf1", sink)
        clock.pass_s(60)
        exporter.close()
        with pytest.raises(SourceError, match="core scscf1") as caught:
            await polled.collect("scscf1", sink)
        assert caught.value.code == "unreachable"
        await polled.close()

    up = samples(into_store(work)).filter(pl.col("counter") == "up")
    assert up["value"].to_list() == [1.0, 0.0]
    assert up["period_end"][1] - up["period_start"][1] == timedelta(seconds=60)
    assert url not in str(up.rows())


@pytest.mark.parametrize(("status", "code"), [(401, "authentication"), (500, "bad_answer")])
def test_a_refusal_has_its_own_state(
    exporter: Any, clock: Any, into_store: Callable[..., Path], status: int, code: str
) -> None:
    async def work(sink: StoreSink) -> None:
        exporter.status = status
        polled = collector(exporter, clock)
        with pytest.raises(SourceError) as caught:
            await polled.collect("scscf1", sink)
        assert caught.value.code == code
        await polled.close()

    into_store(work)


def test_an_exporter_that_never_ends_its_answer_is_a_timeout(
    clock: Any, into_store: Callable[..., Path]
) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"#")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def work(sink: StoreSink) -> None:
        server = await asyncio.start_server(trickle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        target = {"node": "scscf1", "map": "kamailio-scscf", "url": f"http://127.0.0.1:{port}/"}
        polled = PrometheusCollector(PrometheusSettings(name="core", deadline_s=0.5, targets=[target]))
        polled.clock = clock
        with pytest.raises(SourceError) as caught:
            await polled.collect("scscf1", sink)
        assert caught.value.code == "timeout"
        await polled.close()
        server.close()

    assert samples(into_store(work))["value"].to_list() == [0.0]


def test_an_answer_without_any_metric_of_the_map_is_a_bad_answer(
    exporter: Any, clock: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        exporter.text = "something_else 1\n"
        polled = collector(exporter, clock)
        with pytest.raises(SourceError, match="none of the metrics"):
            await polled.collect("scscf1", sink)
        await polled.close()

    into_store(work)


def test_the_token_is_sent_and_never_shown(
    exporter: Any, clock: Any, into_store: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORTER_TOKEN", "tell-nobody")

    async def work(sink: StoreSink) -> None:
        exporter.text = scscf(1, 0, 0)
        polled = collector(exporter, clock, access={"bearer": {"env": "EXPORTER_TOKEN"}})
        await polled.collect("scscf1", sink)
        assert "tell-nobody" not in repr(polled.settings)
        await polled.close()

    into_store(work)
    assert exporter.seen == ["Bearer tell-nobody"]


def run_minutes(exporter: Any, clock: Any, sink: StoreSink, minutes: range, polled: Any) -> Any:
    async def run() -> None:
        for minute in minutes:
            exporter.text = scscf(1000 + 60 * minute, minute, 200 * minute, 100 * minute)
            await polled.collect("scscf1", sink)
            clock.pass_s(60)

    return run()


def test_a_whole_period_becomes_a_kpi_with_its_numerator_and_denominator(
    exporter: Any, clock: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        polled = collector(exporter, clock)
        await run_minutes(exporter, clock, sink, range(12), polled)
        await polled.close()

    rows = kpis(into_store(work))
    assert rows["kpi_id"].unique().sort().to_list() == [
        "cx_sh_rx_timeout_ratio",
        "ims_initial_registration_success_ratio",
    ]
    assert rows["split"].null_count() == 2
    row = rows.row(0, named=True)
    assert (row["node_type"], row["period"]) == ("S-CSCF", 300)
    assert (row["numerator"], row["denominator"]) == (5.0, 1005.0)
    assert row["value"] == pytest.approx(100 * 5 / 1005)
    assert rows["period_start"].unique().sort().to_list() == [
        datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
        datetime(2026, 11, 22, 9, 5, tzinfo=UTC),
    ]


def test_a_period_that_was_not_seen_whole_gives_no_kpi_and_is_counted(
    exporter: Any, clock: Any, into_store: Callable[..., Path]
) -> None:
    counted: list[int] = []

    async def work(sink: StoreSink) -> None:
        clock.pass_s(150)
        polled = collector(exporter, clock)
        for minute in range(5):
            exporter.text = scscf(60 * minute, minute, minute)
            counts = await polled.collect("scscf1", sink)
            counted.append(counts["periods_incomplete"])
            clock.pass_s(60)
        await polled.close()

    assert kpis(into_store(work)).is_empty()
    assert sum(counted) == 1


def test_a_node_that_stands_twice_is_refused() -> None:
    target = {"node": "a", "map": "kamailio", "url": "http://127.0.0.1:1/metrics"}
    with pytest.raises(ValueError, match="stands twice"):
        PrometheusSettings(name="core", targets=[target, target])


def test_an_unknown_map_is_refused_when_the_collector_is_made() -> None:
    target = {"node": "a", "map": "kamailo", "url": "http://127.0.0.1:1/metrics"}
    with pytest.raises(ConfigError, match="did you mean 'kamailio'"):
        PrometheusCollector(PrometheusSettings(name="core", targets=[target]))


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 20) -> None:
    from time import monotonic

    pause = __import__("threading").Event()
    end = monotonic() + seconds
    while not ready():
        assert monotonic() < end, f"not in time: {what}"
        pause.wait(0.05)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def process(arguments: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as out:
        running = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(10)


def backfilled(folder: Path, start: datetime) -> None:
    """Two hours of an S-CSCF, every 30 s, as OpenMetrics for promtool; it restarts in the middle."""
    metrics = {
        "uptime": "kamailio_core_uptime",
        "mar_timeouts": "kamailio_ims_auth_mar_timeouts",
        "mar_replies": "kamailio_ims_auth_mar_replies_received",
        "sar_timeouts": "kamailio_ims_registrar_scscf_sar_timeouts",
        "sar_replies": "kamailio_ims_registrar_scscf_sar_replies_received",
    }
    lines = []
    for name, metric in metrics.items():
        lines.append(f"# TYPE {metric} gauge")
        for step in range(240):
            since = step if step < 120 else step - 120
            value = {"uptime": 30 * since, "mar_timeouts": since, "mar_replies": 10 * since}.get(name, 0)
            at = (start + timedelta(seconds=30 * step)).timestamp()
            lines.append(f'{metric}{{instance="scscf1:9090",job="ims"}} {value} {at:.0f}')
    (folder / "in.om").write_text("\n".join([*lines, "# EOF", ""]))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "in.om", "data"],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def test_range_queries_against_a_real_prometheus_give_samples_and_kpis(
    tmp_path: Path, clock: Any, into_store: Callable[..., Path], needs: Callable[..., None]
) -> None:
    needs("prometheus", "promtool")
    # A round start: the range query asks at multiples of its step. Blocks in the past need no waiting.
    start = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 7200 * 7200, UTC) - timedelta(hours=8)
    folder = tmp_path / "prometheus"
    folder.mkdir()
    backfilled(folder, start)
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    arguments = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    clock.now = start + timedelta(hours=2)
    target = {"node": "scscf1", "map": "kamailio-scscf", "labels": {"instance": "scscf1:9090"}}
    polled = PrometheusCollector(
        PrometheusSettings(
            name="tsdb", interval_s=30, prometheus=base, lookback_s=7200, delay_s=60, targets=[target],
            period_s=900, deadline_s=20,
        )
    )  # fmt: skip
    polled.clock = clock

    async def work(sink: StoreSink) -> None:
        counts = await polled.collect("scscf1", sink)
        assert counts["queries"] == 1
        assert counts["periods"] == 7
        assert await polled.collect("scscf1", sink) == {"nothing_new": 1}
        clock.pass_s(60)
        assert (await polled.collect("scscf1", sink))["queries"] == 1
        await polled.close()

    with process(arguments, tmp_path / "prometheus.log"):
        wait_until(lambda: answers(f"{base}/-/ready"), "prometheus is ready")
        root = into_store(work)
    rows = kpis(root).filter(pl.col("kpi_id") == "cx_sh_rx_timeout_ratio")
    assert rows["numerator"][1] == pytest.approx(30.0)
    assert rows["denominator"][1] == pytest.approx(330.0)
    restarts = samples(root).filter(pl.col("reset"))["period_end"].unique().to_list()
    assert restarts == [start + timedelta(hours=1)]


def test_a_prometheus_that_refuses_the_query_is_a_bad_answer(
    exporter: Any, clock: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        exporter.text = '{"status": "success", "data": {"result": [{"values": 3}]}}'
        target = {"node": "scscf1", "map": "kamailio-scscf", "labels": {"instance": "x"}}
        base = exporter.url.removesuffix("/metrics")
        polled = PrometheusCollector(PrometheusSettings(name="tsdb", prometheus=base, targets=[target]))
        with pytest.raises(SourceError, match="no matrix"):
            await polled.collect("scscf1", sink)
        await polled.close()

    into_store(work)


def test_a_real_rtpengine_is_understood(
    tmp_path: Path, clock: Any, into_store: Callable[..., Path], needs: Callable[..., None]
) -> None:
    needs("rtpengine")
    control, web = free_port(), free_port()
    arguments = [
        "rtpengine", "--table=-1", "--foreground", "--log-stderr", "--log-level=3", "--interface=127.0.0.1",
        f"--listen-ng=127.0.0.1:{control}", f"--listen-http=127.0.0.1:{web}",
        f"--pidfile={tmp_path}/rtpengine.pid", "--num-threads=1",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{web}/metrics"
    target = {"node": "rtp1", "map": "rtpengine", "url": url}
    polled = PrometheusCollector(PrometheusSettings(name="media", interval_s=60, targets=[target]))
    polled.clock = clock

    async def work(sink: StoreSink) -> None:
        for _ in range(2):
            counts = await polled.collect("rtp1", sink)
            clock.pass_s(60)
        await polled.close()
        assert counts["bad_lines"] == 0

    with process(arguments, tmp_path / "rtpengine.log"):
        wait_until(lambda: answers(url), "rtpengine answers")
        rows = samples(into_store(work))
    last = rows.filter(pl.col("increase").is_not_null())
    expected = {"one_way_streams", "sessions", "packet_errors", "streams_without_packets", "mos_samples"}
    assert expected <= set(last["counter"])
    assert last.filter(pl.col("counter") == "one_way_streams")["increase"].to_list() == [0.0]


def test_runs_that_end_together_do_not_mix_up_their_nodes(
    exporter: Any, clock: Any, into_store: Callable[..., Path]
) -> None:
    targets = [{"node": f"n{i}", "map": "kamailio-scscf", "url": exporter.url} for i in range(8)]

    async def work(sink: StoreSink) -> None:
        exporter.text = scscf(10, 1, 2)
        polled = PrometheusCollector(PrometheusSettings(name="core", targets=targets))
        polled.clock = clock
        for _ in range(2):
            counts = await asyncio.gather(*(polled.collect(f"n{i}", sink) for i in range(8)))
            clock.pass_s(15)
        assert all(c["scrapes"] == 1 for c in counts)
        await polled.close()

    rows = samples(into_store(work)).filter(pl.col("counter") == "up")
    assert sorted(rows["node_id"].unique().to_list()) == [f"n{i}" for i in range(8)]
    assert rows.height == 16
