"""The words of the report in both languages."""

from __future__ import annotations

from markupsafe import Markup, escape

CATEGORY = {
    "registration": ("Registration", "注册"),
    "access": ("Access", "接入"),
    "drop": ("Drop", "掉话"),
    "mos": ("Voice quality", "语音质量"),
    "csfb": ("CSFB", "CSFB回落"),
    "other": ("Other", "其他"),
}
VERDICT = {
    "cause": ("cause found", "已定位"),
    "no_fault": ("no network fault", "非网络故障"),
    "cannot_tell": ("cannot tell yet", "尚无法判定"),
}
OUTCOME = {
    "HIT": ("hit", "命中"),
    "MISS": ("miss", "未命中"),
    "NO_DATA": ("no data", "无数据"),
    "NOT_APPLICABLE": ("not applicable", "不适用"),
}
LABEL = {
    "title": ("VoLTE complaint diagnosis", "VoLTE投诉诊断"),
    "tickets": ("Tickets", "工单"),
    "ticket": ("Ticket", "工单"),
    "category": ("Category", "类别"),
    "verdict": ("Verdict", "结论"),
    "cause": ("Cause", "原因"),
    "probability": ("Probability", "概率"),
    "department": ("Department", "责任部门"),
    "remedy": ("Remedy", "处理建议"),
    "supported": ("For", "支持证据"),
    "contradicted": ("Against", "反对证据"),
    "change": ("Would change", "何时会改变"),
    "causes": ("Ranked causes", "原因排序"),
    "evidence": ("Key figures against their baseline", "关键指标与基线"),
    "ladder": ("Message ladder", "信令流程"),
    "walk": ("Runbook, check by check", "逐项排查"),
    "missing": ("What is missing", "缺少的数据"),
    "need": ("Needed", "需要"),
    "decides": ("Would decide", "可判定"),
    "how": ("How to get it", "获取方式"),
    "check": ("Check", "检查项"),
    "outcome": ("Outcome", "结果"),
    "reading": ("Reading", "读数"),
    "threshold": ("Limit", "门限"),
    "baseline": ("Baseline", "基线"),
    "samples": ("Samples", "样本数"),
    "where": ("Where", "对象"),
    "period": ("Period", "时段"),
    "reason": ("Why no data", "无数据原因"),
    "complaint": ("Complaint", "投诉内容"),
    "received": ("Received", "受理时间"),
    "occurred": ("Occurred", "发生时间"),
    "guilty": ("Guilty node", "问题网元"),
    "rest": ("something else", "其他原因"),
    "back": ("All tickets", "全部工单"),
    "because": ("Because", "依据"),
    "version": ("Runbooks", "手册版本"),
    "legend": (
        "Line: hourly value. Band: median ± 3 MAD of the same hour of week, of the days before while fewer"
        " than two weeks are known. Dashed: limit. Bar: complaint.",
        "折线：小时值；色带：近四周同一时段（不足两周时为前几天同一小时）中位数±3倍MAD；虚线：门限；竖线：投诉时间。",
    ),
}


def both(english: object, chinese: object) -> Markup:
    """Return both wordings as spans; the page's language switch shows one of them."""
    return Markup('<span class="en" lang="en">{}</span><span class="zh" lang="zh">{}</span>').format(
        escape(english), escape(chinese)
    )


def word(key: str) -> Markup:
    """Return the label of a key in both languages."""
    return both(*LABEL[key])


def category(name: str) -> Markup:
    """Return a category in both languages."""
    return both(*CATEGORY.get(name, (name, name)))


def verdict(name: str) -> Markup:
    """Return a verdict in both languages."""
    return both(*VERDICT[name])


def outcome(name: str) -> Markup:
    """Return the outcome of a check in both languages."""
    return both(*OUTCOME[name])
