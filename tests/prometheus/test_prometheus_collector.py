"""The Prometheus collector against exporters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scscf_exporter import kpis, samples, scscf

from collectors.errors import ConfigError, SourceError
from collectors.prometheus import PrometheusCollector, PrometheusSettings
from collectors.sink import StoreSink


def collector(exporter: Any, clock: Any, **more: Any) -> PrometheusCollector:
    target = {"node": "scscf1", "map": "kamailio-scscf", "url": exporter.url}
    made = PrometheusCollector(
        PrometheusSettings(**{"name": "core", "interval_s": 60, "targets": [target], **more})
    )
    made.clock = clock
    return made


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
