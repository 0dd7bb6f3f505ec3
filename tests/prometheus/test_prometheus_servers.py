"""The Prometheus collector against a real Prometheus and a real rtpengine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from loopback import free_port, serving
from scscf_exporter import kpis, samples

from collectors.prometheus import PrometheusCollector, PrometheusSettings
from collectors.sink import StoreSink


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
    tmp_path: Path, clock: Any, into_store: Callable[..., Path], needs_programs: Callable[..., None]
) -> None:
    needs_programs("prometheus", "promtool")
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

    with serving(arguments, f"{base}/-/ready", tmp_path / "prometheus.log"):
        root = into_store(work)
    rows = kpis(root).filter(pl.col("kpi_id") == "cx_sh_rx_timeout_ratio")
    assert rows["numerator"][1] == pytest.approx(30.0)
    assert rows["denominator"][1] == pytest.approx(330.0)
    restarts = samples(root).filter(pl.col("reset"))["period_end"].unique().to_list()
    assert restarts == [start + timedelta(hours=1)]


def test_a_real_rtpengine_is_understood(
    tmp_path: Path, clock: Any, into_store: Callable[..., Path], needs_programs: Callable[..., None]
) -> None:
    needs_programs("rtpengine")
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

    with serving(arguments, url, tmp_path / "rtpengine.log"):
        rows = samples(into_store(work))
    last = rows.filter(pl.col("increase").is_not_null())
    expected = {"one_way_streams", "sessions", "packet_errors", "streams_without_packets", "mos_samples"}
    assert expected <= set(last["counter"])
    assert last.filter(pl.col("counter") == "one_way_streams")["increase"].to_list() == [0.0]
