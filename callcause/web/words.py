"""The words of the pages in both languages, and how figures and moments are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from callcause.loop.life import STATE_ZH
from callcause.loop.service_report import WORDS as REPORT
from callcause.loop.warning import WARNING_ZH
from callcause.web.field_names import FIELDS
from dashboards.report import words as report

WORDS: Mapping[str, tuple[str, str]] = {
    "skip": ("Skip to content", "跳到正文"),
    "pages": ("Pages", "页面"),
    "queue": ("Tickets", "工单队列"),
    "new_complaint": ("New complaint", "录入投诉"),
    "runbooks": ("Runbooks", "排查手册"),
    "worst": ("Worst cells", "最差小区"),
    "map": ("Map", "地图"),
    "alerts": ("Alerts", "告警"),
    "alert": ("Alert", "告警"),
    "incidents": ("Incidents", "聚类事件"),
    "warnings": ("Early warnings", "预警"),
    "vault": ("Vault", "号码保险库"),
    "sources": ("Collectors", "采集"),
    "reports": ("Reports", "报表"),
    "language": ("中文", "English"),
    "theme": ("Light or dark", "浅色/深色"),
    "light": ("light", "浅色"),
    "dark": ("dark", "深色"),
    "auto": ("as the system", "跟随系统"),
    "sign_in": ("Sign in", "登录"),
    "sign_out": ("Sign out", "退出"),
    "token": ("Token", "令牌"),
    "token_hint": ("The token that the operator gave you.", "请输入管理员分配的令牌。"),
    "token_wrong": ("This token is not known.", "令牌无效。"),
    "filter": ("Filter", "筛选"),
    "search": ("Ticket id begins with", "工单号开头"),
    "any": ("any", "不限"),
    "state": ("State", "状态"),
    "region": ("Region", "区域"),
    "priority": ("Priority", "优先级"),
    "order": ("Order", "排序"),
    "newest": ("newest first", "最新在前"),
    "due_first": ("due first", "到期在前"),
    "reply_due": ("Reply due", "回复时限"),
    "handling_due": ("Handling due", "处理时限"),
    "late": ("Late", "已超时"),
    "holder": ("Held by", "当前部门"),
    "received_at": ("Received", "受理时间"),
    "next": ("Next page", "下一页"),
    "first": ("First page", "第一页"),
    "none": ("Nothing here.", "没有内容。"),
    "select": ("Select", "选择"),
    "select_all": ("Select all on this page", "全选本页"),
    "dispatch": ("Dispatch", "派单"),
    "dispatch_selected": ("Dispatch selected", "批量派单"),
    "dispatch_to": ("To department (empty: of the first cause)", "派往部门（空：首要原因的部门）"),
    "dispatched": ("Dispatched", "已派单"),
    "refused": ("Refused", "被拒绝"),
    "steps": ("Next step", "下一步"),
    "do": ("Do it", "执行"),
    "why": ("Why", "原因说明"),
    "satisfaction": ("Satisfaction 1 to 5", "满意度1至5"),
    "no_contact": ("Why the customer could not be reached", "无法联系客户的说明"),
    "confirmed": ("Cause that was found", "确认的原因"),
    "ranked_causes": ("Ranked by the diagnosis", "诊断排序"),
    "other_causes": ("Other causes", "其他原因"),
    "not_found": ("Cause not found", "未查明原因"),
    "remedied_at": ("Remedied", "处理完成时间"),
    "remedied": ("Remedied at (UTC; empty: when it was resolved)", "处理完成时间（UTC；空：解决时间）"),
    "correct": ("Record the cause", "记录原因"),
    "effect": ("Effect of the remedy", "处理效果"),
    "department": ("Department", "责任部门"),
    "pending": ("The diagnosis is being made.", "正在诊断。"),
    "failed": ("The diagnosis failed", "诊断失败"),
    "remedy": ("Remedy", "处理建议"),
    "for": ("Evidence for", "支持证据"),
    "against": ("Evidence against", "反对证据"),
    "questions": ("Questions for the customer", "向客户核实的问题"),
    "reply": ("Reply to the customer", "回复客户"),
    "history": ("What happened", "处理记录"),
    "who": ("Who", "操作人"),
    "at": ("At", "时间"),
    "open_question": ("Open question", "开放式问题"),
    "bits": ("bits", "比特"),
    "answers": ("Answers", "可选回答"),
    "advisory": ("advisory only", "仅供参考"),
    "advisory_why": (
        "Its runbook or cause was right too seldom: a person decides where it goes.",
        "该规则或原因的准确率低于下限：由人工决定派单。",
    ),
    "again": (
        "The ticket is being diagnosed again with what the customer answered.",
        "正在结合客户回答重新诊断。",
    ),
    "answer": ("Record the answers, diagnose again", "记录回答并重新诊断"),
    "board_cell": ("This cell in Grafana at that time", "在Grafana中查看该时刻的小区"),
    "board_nodes": ("Nodes in Grafana", "在Grafana中查看网元"),
    "board_network": ("Network in Grafana at that time", "在Grafana中查看该时刻的全网"),
    "open_ticket": ("Open a ticket for it", "为此建单"),
    "merge": ("Merge its open tickets", "合并未归档工单"),
    "merged": ("Merged", "已并单"),
    "close_incident": ("Close the incident with its merged tickets", "关闭事件及已并工单"),
    "closed_with": ("Tickets closed with it", "同时归档的工单"),
    "shared": ("What its tickets share", "共同证据"),
    "low": ("Baseline, low", "基线下限"),
    "high": ("Baseline, high", "基线上限"),
    "period_from": ("From", "开始日期"),
    "period_to": ("To (day after the last)", "结束日期（不含）"),
    "open_now": ("Open tickets by department", "各部门在途工单"),
    "download": ("This report as one HTML file", "下载HTML报表"),
    "as_of": ("As of", "统计时间"),
    "paste": ("Paste a complaint", "粘贴投诉内容"),
    "paste_hint": (
        "What the customer said, in any wording; number, time and place make the diagnosis sharper.",
        "客户原话即可；号码、时间和地点越具体，诊断越准确。",
    ),
    "said": ("What the customer said", "客户描述"),
    "number": ("Number (stored as a pseudonym only)", "号码（仅以假名存储）"),
    "when": ("When it happened", "发生时间"),
    "where": ("Place", "地点"),
    "cell": ("Cell (ECGI)", "小区（ECGI）"),
    "diagnose": ("Diagnose", "诊断"),
    "check": ("Check", "检查项"),
    "cause": ("Cause", "原因"),
    "rule": ("Rule", "规则"),
    "needs": ("Needs", "所需数据"),
    "conditions": ("Conditions", "判定条件"),
    "means": ("Speaks for", "支持的原因"),
    "all": ("All", "全部"),
    "checks": ("Checks", "检查项"),
    "ranked": ("Ranked causes", "原因排序"),
    "causes": ("Causes", "原因"),
    "kpis": ("KPIs against their baseline", "指标与基线"),
    "neighbours": ("Neighbours", "邻区"),
    "alarms": ("Alarms", "告警"),
    "changes": ("Planned work and changes", "割接与变更"),
    "complaints": ("Complaints here", "本小区投诉"),
    "facts": ("Facts", "基本信息"),
    "kpi": ("KPI", "指标"),
    "hour": ("Hour (UTC)", "小时（UTC）"),
    "show": ("Show", "显示"),
    "value": ("Value", "数值"),
    "limit": ("Limit", "门限"),
    "baseline": ("Baseline", "基线"),
    "samples": ("Samples", "样本数"),
    "hours": ("Hours in a row", "连续小时"),
    "reason": ("Reason", "原因"),
    "rank": ("Rank", "名次"),
    "source": ("Source", "来源"),
    "target": ("Target", "目标"),
    "kind": ("Kind", "类型"),
    "up": ("up", "正常"),
    "down": ("down", "中断"),
    "unknown": ("not known yet", "尚未知"),
    "last_success": ("Last success", "最近成功"),
    "last_error": ("Last error", "最近错误"),
    "overruns": ("Overruns", "超时次数"),
    "restarts": ("Restarts", "重启次数"),
    "targets": ("Polled targets", "轮询目标"),
    "listeners": ("Listeners", "监听"),
    "status": ("Status", "状态"),
    "opened_at": ("Opened", "开始时间"),
    "labels": ("Labels", "标签"),
    "elements": ("Elements", "网元"),
    "notices": ("Notices", "通知"),
    "share": ("Attempts of this cause", "该原因的失败次数"),
    "runbook": ("Runbook", "排查手册"),
    "entity": ("Element", "对象"),
    "tickets": ("Tickets", "工单"),
    "expected": ("Expected", "期望值"),
    "chance": ("By chance", "随机概率"),
    "type": ("Type", "类型"),
    "level": ("Level", "级别"),
    "count": ("Count", "数量"),
    "day": ("Day", "日期"),
    "approve": ("Approve", "通过"),
    "reject": ("Refuse", "拒绝"),
    "request": ("Ask to see the number", "申请查看号码"),
    "map_hint": (
        "Grey: cells. Coloured: cells with complaints, larger with more of them.",
        "灰色：小区；彩色：有投诉的小区，投诉越多越大。",
    ),
    "longitude": ("Longitude", "经度"),
    "latitude": ("Latitude", "纬度"),
    "keys": ("Keys", "快捷键"),
    "keys_text": (
        "j and k: next and previous row. Enter: open. x: select. /: search. ?: this line.",
        "j、k：下一行、上一行；Enter：打开；x：选择；/：搜索；?：本提示。",
    ),
    "error": ("This did not work", "操作未成功"),
    "hint": ("Hint", "提示"),
    "to_queue": ("To the tickets", "返回工单队列"),
    "on_page": ("On this page", "本页内容"),
    "dispatch_now": ("Dispatch to", "派往"),
    "incident": ("Incident", "聚类事件"),
    "alert_open": (
        "What is known of it proves no cause yet; it is looked at again as evidence comes.",
        "现有数据尚不能确认原因；有新证据时会重新诊断。",
    ),
    "attempts": ("Failed attempts looked at", "已分析的失败尝试"),
    "legend_alert": (
        "Line: hourly value. Band: median ± 3 MAD of the same hour of week, of the days before while fewer"
        " than two weeks are known. Dashed: limit. Bar: the alert.",
        "折线：小时值；色带：近四周同一时段（不足两周时为前几天同一小时）中位数±3倍MAD；虚线：门限；竖线：告警时刻。",
    ),
    "left_out": ("Elements that are not looked at", "未分析的对象"),
    "no_notices": (
        "Nobody was told: no notice target is configured ([[notices]]).",
        "未发送通知：没有配置通知目标（[[notices]]）。",
    ),
    "cells_complained": ("Cells with complaints", "有投诉的小区"),
    "no_listeners": (
        "No listener is configured (HEP, traps, HSS log).",
        "没有配置监听（HEP、Trap、HSS日志）。",
    ),
    "in_queue": ("Its open tickets in the queue", "在工单队列中查看在途工单"),
    "kept_text": ("What you typed", "您填写的内容"),
    "last_change": ("Last change", "最近变更"),
    "select_first": ("Select the tickets to dispatch first.", "请先勾选要派单的工单。"),
    "rows": ("rows", "行"),
    "verdicts": ("Verdicts", "结论"),
    "states": ("States", "状态"),
    "total": ("Total", "合计"),
    "requests": ("Requests", "申请记录"),
    "show_once": ("Show the number once", "查看号码（仅一次）"),
    "shown_once": ("Shown once, do not write it down:", "仅显示一次，请勿另行记录："),
    "asked_by": ("Asked by", "申请人"),
}
KINDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "verdict": report.VERDICT,
    "outcome": report.OUTCOME,
    "category": {**report.CATEGORY, "all": ("All categories", "全部类别")},
    "state": {str(state): (str(state).replace("_", " "), zh) for state, zh in STATE_ZH.items()},
    "alert": {"firing": ("firing", "告警中"), "resolved": ("resolved", "已恢复")},
    "notice": {
        "waiting": ("waiting", "待发送"),
        "sent": ("sent", "已发送"),
        "given_up": ("given up", "已放弃"),
    },
    "key": {
        "cell": ("cell", "小区"),
        "ring": ("first ring around", "首圈邻区"),
        "tracking_area": ("tracking area", "跟踪区"),
        "node": ("node", "网元"),
        "device_model": ("phone model", "终端型号"),
        "software_version": ("software version", "软件版本"),
        "change": ("planned work", "割接"),
        "alarm": ("alarm", "告警"),
    },
    "guard": {
        "judged": ("cells judged", "已判小区"),
        "few_samples": ("too few samples", "样本不足"),
        "no_period": ("no data in this hour", "该小时无数据"),
        "counter_missing": ("counter missing", "缺少计数器"),
        "suspect": ("marked suspect by the network", "网元标记为可疑"),
    },
    "beyond": {
        "limit": ("limit", "超门限"),
        "baseline": ("baseline", "偏离基线"),
        "limit and baseline": ("limit and baseline", "超门限且偏离基线"),
    },
    "overdue": {
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
    "effect": {
        "improved": ("improved", "已改善"),
        "not_improved": ("not improved", "未改善"),
        "no_data": ("not known: no data afterwards", "未知：处理后无数据"),
    },
    "incident": {"open": ("open", "进行中"), "closed": ("closed", "已关闭")},
    "warning": {str(state): (str(state), zh) for state, zh in WARNING_ZH.items()},
    "warning_level": {"warning": ("warning", "预警"), "serious": ("serious", "严重预警")},
    "warning_step": {
        "approved": ("approve", "审核通过"),
        "rejected": ("reject", "驳回"),
        "published": ("publish", "发布"),
        "recovered": ("recover", "恢复"),
    },
    "vault": {
        "pending": ("pending", "待审批"),
        "approved": ("approved", "已批准"),
        "refused": ("refused", "已拒绝"),
        "shown": ("shown", "已查看"),
        "expired": ("expired", "已过期"),
    },
    "diagnosis": {"pending": ("pending", "待诊断"), "done": ("done", "已完成"), "failed": ("failed", "失败")},
}
"""Names of closed sets. What is not in them is shown as it is written."""


REFUSED: Mapping[str, tuple[str, str]] = {
    "stale": (
        "Somebody else was quicker: this page now shows how it is. What you typed still stands in the form;"
        " look again, then send it once more.",
        "他人已先行修改：页面已显示最新内容。您填写的内容仍保留在表单中，请核对后重新提交。",
    ),
    "illegal_transition": ("The present state does not allow this step.", "当前状态不允许该操作。"),
    "department_missing": ("A dispatch names its department.", "派单须填写责任部门。"),
    "parent_missing": ("A merge needs its incident.", "并单须指明聚类事件。"),
    "unknown_parent": ("There is no such incident.", "没有该聚类事件。"),
    "parent_open": ("A merged ticket closes with its incident.", "已并工单随聚类事件归档。"),
    "parent_closed": ("The incident is closed already.", "聚类事件已关闭。"),
    "reason_missing": ("This needs a reason.", "须填写原因说明。"),
    "reply_missing": ("A ticket closes only after a reply to the customer.", "须先回复客户才能归档。"),
    "satisfaction_missing": (
        "A ticket closes with the customer's satisfaction, or with why the customer could not be reached.",
        "归档须填写满意度，或无法联系客户的说明。",
    ),
    "cause_missing": ("Say which cause was found.", "须填写确认的原因。"),
    "unknown_cause": ("There is no such cause.", "没有该原因。"),
    "unknown_ticket": ("There is no such ticket.", "没有该工单。"),
    "unknown_state": ("There is no such state.", "没有该状态。"),
    "unknown": ("This does not exist.", "该对象不存在。"),
    "forbidden": ("Somebody else has to do this.", "须由他人操作。"),
    "gone": ("It has expired, or was shown already.", "已过期或已查看。"),
    "off": ("The vault is not enabled.", "号码保险库未启用。"),
    "too_many": ("Too many tickets at once.", "一次选择的工单过多。"),
    "not_ready": ("The service is starting; try again in a moment.", "服务正在启动，请稍后重试。"),
    "bad_place": (
        "This page of the list is no more; begin at its first.",
        "列表位置已失效，请从第一页开始。",
    ),
    "401": ("Sign in first.", "请先登录。"),
    "403": ("This is not allowed.", "没有权限。"),
    "404": ("There is nothing here under this address.", "该地址没有内容。"),
    "405": ("This is not allowed.", "没有权限。"),
    "422": ("Something is missing or wrong in what was sent.", "提交的内容有缺失或错误。"),
    "429": ("Too many requests; wait a moment.", "请求过于频繁，请稍候。"),
    "500": (
        "This page failed by a fault of ours; the log of the service tells which.",
        "页面出错（程序故障），详情见服务日志。",
    ),
    "503": (
        "Not possible at this moment; nothing was changed. Try again soon.",
        "暂时无法处理，未作任何更改，请稍后重试。",
    ),
}
"""Why something was not done, by the code of the rule or the status of the answer."""


def refused_for(code: str, lang: str) -> str:
    """Say why something was not done."""
    return REFUSED.get(code, WORDS["error"])[lang == "zh"]


OFFICES = {"Complaint centre": "投诉中心", "Front office": "前台（客服）"}
"""Offices that no runbook names, by the names that settings have for them at first."""


def office(name: str) -> str:
    """Return the Chinese name of an office; one that people set is shown as they set it."""
    return OFFICES.get(name, name)


def word(key: str, lang: str) -> str:
    """Return a label; of the page, else of the report."""
    return (WORDS.get(key) or report.LABEL[key])[lang == "zh"]


def kind(group: str, name: object, lang: str) -> str:
    """Return the name of a member of a closed set."""
    text = "" if name is None else str(name)
    return KINDS[group].get(text, (text, text))[lang == "zh"]


def report_word(key: str, lang: str) -> str:
    """Return a label of the service-quality report."""
    return REPORT[key][lang == "zh"]


def field(name: str, lang: str) -> str:
    """Return the name of a field of a record."""
    return FIELDS.get(name, (name, name))[lang == "zh"]


def percent(share: float) -> str:
    """Write a share; one that is not 0 never looks like 0."""
    if 0.0 < share < 0.0005:
        return "< 0.1 %"
    return f"{share * 100:.0f} %" if share >= 0.1 else f"{share * 100:.1f} %"


def chance(share: float | None) -> str:
    """Write how likely it is that chance alone made something."""
    return "–" if share is None else "< 0.01 %" if share < 0.0001 else f"{share * 100:.2g} %"


def moment(at: object) -> str:
    """Write a moment in UTC; a dash where there is none."""
    if isinstance(at, datetime):
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return str(at or "–")


def span(due: datetime | None, now: datetime, lang: str) -> str:
    """Write how long until a moment, or how late it is; from two days on in days and hours."""
    if due is None:
        return "–"
    minutes = int(abs((due - now).total_seconds()) // 60)
    hours, rest = divmod(minutes, 60)
    chinese = lang == "zh"
    if hours >= 48:
        days, hours = divmod(hours, 24)
        text = f"{days}天{hours}小时" if chinese else f"{days} d {hours} h"
    else:
        text = f"{hours}小时{rest:02d}分" if chinese else f"{hours} h {rest:02d} min"
    if due >= now:
        return text
    return f"超时{text}" if chinese else f"{text} late"


def value(reading: object, lang: str) -> str:
    """Write a reading; a dash where nothing was read."""
    if reading is None:
        return "–"
    if isinstance(reading, bool):
        return (("no", "yes"), ("否", "是"))[lang == "zh"][reading]
    if isinstance(reading, list | tuple):
        return ", ".join(value(one, lang) for one in reading)
    return (
        f"{reading:.4g}"
        if isinstance(reading, float)
        else str(reading).replace(",", ", ").replace(",  ", ", ")
    )
