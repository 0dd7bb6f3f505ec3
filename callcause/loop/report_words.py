"""Words of the service report: its headings, its columns, and the values that stand in them."""

from __future__ import annotations

from functools import lru_cache

from callcause.loop.feedback_report import WORDS as FEEDBACK_WORDS
from runbooks.loader import load_runbooks

WORDS = {
    "title": ("Service quality report", "服务质量报告"),
    "by": ("Indicators by", "指标维度："),
    "month": ("month", "月份"),
    "region": ("region", "地区"),
    "department": ("department", "部门"),
    "category": ("category", "类别"),
    "tickets": ("tickets", "工单数"),
    "closed": ("closed", "已归档"),
    "complaints_per_10k": ("complaints per 10,000 users", "万投比"),
    "handoffs_per_ticket": ("hand-offs per ticket", "平均转派次数"),
    "handling": ("Handling by department and month", "部门月度处理时长"),
    "period": ("month", "月份"),
    "low": ("lower limit", "控制下限"),
    "high": ("upper limit", "控制上限"),
    "goal": ("goal", "目标"),
    "beyond": ("outside the limits", "超出控制限"),
    "reached": ("goal reached", "达标"),
    "True": ("yes", "是"),
    "False": ("no", "否"),
    "before": ("before", "措施前"),
    "after": ("after", "措施后"),
    "days": ("days", "天"),
    "ratio": ("volume after to before", "后前比"),
    "appeals_per_million": ("appeals per million customers", "百万客户申诉率"),
    "timely_rate": ("timely rate", "处理及时率"),
    "repeat_rate": ("repeat rate", "重复投诉率"),
    "solve_rate": ("solve rate", "投诉解决率"),
    "response_h": ("response, h", "响应时间（小时）"),
    "handling_h": ("handling, h", "平均处理时长（小时）"),
    "direct_completion_share": ("direct completion", "直接办结率"),
    "exchanges_per_ticket": ("exchanges per ticket", "平均交互次数"),
    "satisfaction": ("satisfaction", "满意度"),
    "late_entry_share": ("late entry", "录入超时率"),
    "pareto": ("Why replies were late", "超时原因"),
    "reason": ("reason", "原因"),
    "n": ("tickets", "工单数"),
    "share": ("share", "占比"),
    "running": ("running share", "累计占比"),
    "timeliness": ("Timeliness by month", "月度及时率"),
    "measure": ("Volume before and after the measure", "措施前后的投诉量"),
    "certain": ("the change is more than chance", "变化显著"),
    "chance": ("the change may be chance", "变化可能是偶然"),
}
VALUES: dict[str, dict[str, tuple[str, str]]] = {
    "category": {
        "registration": ("registration", "注册"),
        "access": ("access", "接入"),
        "drop": ("drop", "掉话"),
        "mos": ("voice quality", "语音质量"),
        "csfb": ("CSFB", "CSFB回落"),
        "other": ("other", "其他"),
    },
    "reason": {
        "backlog": ("backlog", "积压"),
        "handoff": ("hand-off", "转派"),
        "waiting_customer": ("waiting for the customer", "等待客户"),
        "waiting_outside_party": ("waiting for another party", "等待外部单位"),
        "system_fault": ("system fault", "系统故障"),
        "rotation_no_owner": ("shift change without owner", "轮班无人负责"),
        "wrong_dispatch": ("wrong dispatch", "派单错误"),
        "other": ("other", "其他"),
        "not coded": ("not coded", "未编码"),
    },
}
"""Words for the values of a column; others stand as they are."""
SHARES = {
    "timely_rate", "repeat_rate", "solve_rate", "direct_completion_share", "satisfaction", "late_entry_share",
    "share", "running", "low", "high", "goal", "precision", "floor",
}  # fmt: skip
"""Columns that are written in percent."""


def word(key: str, language: str) -> str:
    """Return a word in a language; what has none stands as it is."""
    words = WORDS.get(key) or FEEDBACK_WORDS.get(key)
    return words[language == "zh"] if words else key


def cell(name: str, value: object, language: str) -> str:
    """Write a value: shares in percent, hours with one digit, names in the language."""
    if value is None or value != value:
        return "-"
    if isinstance(value, float):
        if name in SHARES:
            return f"{100 * value:.1f} %"
        return f"{value:.1f}" if name.endswith("_h") else f"{value:.2f}"
    text = str(value)
    if name == "department":
        return departments().get(text, text) if language == "zh" else text
    if name in ("id", "cause") and (title := titles().get(text)):
        return f"{text} ({title[language == 'zh']})"
    words = VALUES.get(name, {}).get(text)
    if isinstance(value, bool):
        words = WORDS[text]
    return words[language == "zh"] if words else text


@lru_cache(maxsize=1)
def departments() -> dict[str, str]:
    """Return the Chinese names of the departments of the packaged runbooks."""
    causes = load_runbooks().causes.values()
    return {one.en: one.zh for cause in causes for one in cause.departments}


@lru_cache(maxsize=1)
def titles() -> dict[str, tuple[str, str]]:
    """Return the names of the causes of the packaged runbooks."""
    causes = load_runbooks().causes.items()
    return {name: (cause.title.en, cause.title.zh) for name, cause in causes}
