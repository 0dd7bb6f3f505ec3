"""Collectors and the health of the service itself."""

from __future__ import annotations

from dashboards.grafana.spec import WEB, Board, Link, Panel, Query, Row, Title

_OPEN = Link(Title("Open collectors", "打开采集页"), f"{WEB}/ui/collectors")


def boards() -> list[Board]:
    """Build the one board."""
    return [
        Board(
            "service",
            Title("Collectors and service health", "采集与服务健康"),
            (Row(Title("Collectors", "采集"), _collectors()), Row(Title("Store", "存储"), _store())),
        )
    ]


def _collectors() -> tuple[Panel, ...]:
    down = "sort(callcause_collector_up == 0)"
    age = "time() - callcause_collector_last_success_timestamp_seconds"
    runs = "sum by (kind, outcome) (rate(callcause_collector_runs_total[5m]))"
    return (
        Panel(
            Title("Up by kind", "各类正常率"),
            (Query("avg by (kind) (callcause_collector_up)", "{{kind}}"),),
            unit="percentunit",
            bound=0.95,
            worse="below",
            links=(_OPEN,),
        ),
        Panel(
            Title("Down now", "当前异常"),
            (Query(f"{down} or vector(0)", "{{source}} {{target}}", instant=True),),
            kind="table",
            links=(_OPEN,),
        ),
        Panel(
            Title("Time since the last success", "距上次成功"),
            (Query(f"topk(20, {age})", "{{source}} {{target}}"),),
            unit="s",
        ),
        Panel(Title("Runs per second by outcome", "各结果次数"), (Query(runs, "{{kind}} {{outcome}}"),)),
        Panel(
            Title("Duration of the last run", "上次耗时"),
            (Query("topk(20, callcause_collector_last_run_duration_seconds)", "{{source}} {{target}}"),),
            unit="s",
        ),
        Panel(
            Title("Items by state", "各状态条目"),
            (
                Query(
                    "sum by (kind, state) (rate(callcause_collector_items_total[5m]))", "{{kind}} {{state}}"
                ),
            ),
        ),
        Panel(
            Title("Overruns", "超时跳过"),
            (Query("sum by (source) (increase(callcause_collector_overruns_total[1h]))", "{{source}}"),),
        ),
    )


def _store() -> tuple[Panel, ...]:
    notices = "sum by (target, outcome) (increase(callcause_notices_total[1h]))"
    return (
        Panel(
            Title("Rows per second", "每秒行数"),
            (Query("sum by (kind, state) (rate(callcause_records_total[5m]))", "{{kind}} {{state}}"),),
        ),
        Panel(Title("Files by state", "各状态文件"), (Query("callcause_files", "{{state}}"),)),
        Panel(
            Title("Ingest lag", "入库时延"), (Query("callcause_ingest_lag_seconds", "{{kind}}"),), unit="s"
        ),
        Panel(
            Title("Waiting for a diagnosis", "待诊断"), (Query("callcause_tickets_waiting_for_diagnosis"),)
        ),
        Panel(
            Title("Series and dropped series", "序列与丢弃"),
            (Query("callcause_series", "series"), Query("sum(callcause_dropped_series)", "dropped")),
        ),
        Panel(Title("Age of the survey", "普查年龄"), (Query("callcause_kpi_survey_age_seconds"),), unit="s"),
        Panel(
            Title("Notices in an hour", "每小时通知"),
            (Query(notices, "{{target}} {{outcome}}"),),
        ),
        Panel(Title("Version", "版本"), (Query("callcause_build_info", instant=True),), kind="table"),
    )
