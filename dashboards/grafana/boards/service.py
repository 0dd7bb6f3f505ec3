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
            (
                Row(Title("Collectors", "采集"), (*_targets(), *_runs())),
                Row(Title("Store", "存储"), (*_store(), *_work())),
            ),
        )
    ]


def _targets() -> tuple[Panel, ...]:
    age = "time() - callcause_collector_last_success_timestamp_seconds"
    return (
        Panel(
            Title("Up by kind", "各类正常率"),
            (Query("avg by (kind) (callcause_collector_up)", "{{kind}}"),),
            Title("Share of the targets whose last run succeeded.", "最近一次采集成功的目标占比。"),
            unit="percentunit",
            bound=0.95,
            worse="below",
            links=(_OPEN,),
        ),
        Panel(
            Title("Down now", "当前异常"),
            (Query("count(callcause_collector_up == 0) or vector(0)", "down · 异常", instant=True),),
            Title(
                "Targets whose last run failed. The page of the collectors tells which and why.",
                "最近一次采集失败的目标数；采集页说明是哪些及原因。",
            ),
            kind="stat",
            bound=1,
            links=(_OPEN,),
        ),
        Panel(
            Title("Time since the last success", "距上次成功"),
            (Query(f"topk(20, {age})", "{{source}} {{target}}"),),
            Title(
                "How long ago a run on the target last succeeded; the 20 longest.",
                "距目标上次采集成功的时间，最长20项。",
            ),
            unit="s",
            links=(_OPEN,),
        ),
    )


def _runs() -> tuple[Panel, ...]:
    runs = "sum by (kind, outcome) (rate(callcause_collector_runs_total[5m]))"
    items = "sum by (kind, state) (rate(callcause_collector_items_total[5m]))"
    overruns = "sum by (source) (increase(callcause_collector_overruns_total[1h]))"
    return (
        Panel(
            Title("Runs per second by outcome", "各结果次数"),
            (Query(runs, "{{kind}} {{outcome}}"),),
            Title("Runs of collectors, by how they ended.", "每秒采集次数，按结果。"),
            unit="cps",
        ),
        Panel(
            Title("Duration of the last run", "上次耗时"),
            (Query("topk(20, callcause_collector_last_run_duration_seconds)", "{{source}} {{target}}"),),
            Title(
                "How long the last run on a target took; the 20 longest.", "各目标上次采集耗时，最长20项。"
            ),
            unit="s",
        ),
        Panel(
            Title("Items by state", "各状态条目"),
            (Query(items, "{{kind}} {{state}}"),),
            Title(
                "What sources delivered per second, by the state it ended in; every item ends in one.",
                "每秒采集条目数，按最终状态；每个条目恰有一个最终状态。",
            ),
            unit="cps",
        ),
        Panel(
            Title("Overruns", "超时跳过"),
            (Query(overruns, "{{source}}"),),
            Title(
                "Runs of the hour before that were skipped, as the one before was not done.",
                "过去一小时因上一次未完成而跳过的采集次数。",
            ),
        ),
    )


def _store() -> tuple[Panel, ...]:
    return (
        Panel(
            Title("Rows per second", "每秒行数"),
            (Query("sum by (kind, state) (rate(callcause_records_total[5m]))", "{{kind}} {{state}}"),),
            Title(
                "Rows handed to the store, by record kind and state.", "写入存储的行数，按记录类型和状态。"
            ),
            unit="cps",
        ),
        Panel(
            Title("Files by state", "各状态文件"),
            (Query("callcause_files", "{{state}}"),),
            Title(
                "All files that the store has seen; a quarantined one was not readable and is kept apart.",
                "存储见过的全部文件；隔离的文件不可读，已单独存放。",
            ),
        ),
        Panel(
            Title("Ingest lag", "入库时延"),
            (Query("callcause_ingest_lag_seconds", "{{kind}}"),),
            Title(
                "Age of the newest stored row of each record kind; two hours of KPIs raise an alert.",
                "各类记录最新数据的时长；指标延迟两小时即告警。",
            ),
            unit="s",
        ),
    )


def _work() -> tuple[Panel, ...]:
    notices = "sum by (target, outcome) (increase(callcause_notices_total[1h]))"
    return (
        Panel(
            Title("Waiting for a diagnosis", "待诊断"),
            (Query("callcause_tickets_waiting_for_diagnosis", "tickets · 工单"),),
            Title("Tickets taken in and not yet diagnosed.", "已受理尚未诊断的工单数。"),
        ),
        Panel(
            Title("Series and dropped series", "序列与丢弃"),
            (
                Query("callcause_series", "series · 序列"),
                Query("sum(callcause_dropped_series)", "dropped · 丢弃"),
            ),
            Title(
                "Series of this exposition, and those that its budget left out.",
                "本次输出的序列数及因预算未输出的序列数。",
            ),
        ),
        Panel(
            Title("Age of the survey", "普查年龄"),
            (Query("callcause_kpi_survey_age_seconds", "age · 时长"),),
            Title(
                "How old the counts over all cells are that the boards of the categories show.",
                "各类看板所用全网小区统计的时长。",
            ),
            unit="s",
        ),
        Panel(
            Title("Notices in an hour", "每小时通知"),
            (Query(notices, "{{target}} {{outcome}}"),),
            Title(
                "Notices sent onward in the hour before, by target and outcome.",
                "过去一小时外发通知数，按目标和结果。",
            ),
        ),
        Panel(
            Title("Version", "版本"),
            (Query("callcause_build_info", instant=True),),
            Title("Version of callcause and of its runbooks.", "callcause及排查手册的版本。"),
            kind="table",
        ),
    )
