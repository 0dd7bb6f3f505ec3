"""What the engine says in English, in the reader's language: its sentences are made by few patterns.

A sentence that no pattern knows stays as it is: nothing is hidden because nobody translated it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from callcause.web import words
from diagnosis.question import questions_data

Title = Callable[[str], str]
"""Gives the title of a cause by its id, in the reader's language."""

SENTENCES: Mapping[str, str] = {
    "capture Cx between the CSCF and the HSS, or read the HSS log": "抓取CSCF与HSS之间的Cx，或读取HSS日志",
    "trace the registration through P-, I- and S-CSCF and see which node failed first": (
        "在P/I/S-CSCF跟踪注册流程，确定最先失败的网元"
    ),
    "trace the call through P-, I- and S-CSCF and AS and see which node failed first": (
        "在P/I/S-CSCF和AS跟踪呼叫，确定最先失败的网元"
    ),
    "trace the call on the interface of the first error": "在首次出错的接口跟踪呼叫",
    "trace the call on all its interfaces": "在所有接口跟踪呼叫",
    "ask the customer for the complaining number": "向客户核实投诉号码",
    "ask the customer when it happened": "向客户核实发生时间",
    "ask the customer where it happened": "向客户核实发生地点",
    "ask the customer where it happened, or read the cell of the last record": (
        "向客户核实发生地点，或读取最近话单的小区"
    ),
    "ask the three questions: is the icon there, which network is shown while dialling, "
    "what became of the call": ("询问三个问题：是否有图标、拨号时显示的网络、通话结果"),
    "ask the customer for a test call and trace it at an agreed time": "请客户配合拨测，并在约定时间跟踪",
    "trace the leg of the called party": "跟踪被叫侧信令",
    "trace the leg of the calling party": "跟踪主叫侧信令",
    "ask the customer to switch flight mode on and off and trace the registration": (
        "请客户开关飞行模式，并跟踪注册流程"
    ),
    "load the voice-quality slices of the call (points ue, s1u, sbc, far_end)": (
        "载入该呼叫的语音质量切片（测点ue、s1u、sbc、far_end）"
    ),
    "read the attributes of the number in BOSS, HSS and AS": "查询BOSS、HSS和AS中的号码属性",
    "look up the device type code in the device list": "在终端库中查询终端型号代码",
    "ask the customer the guided question": "按引导问题询问客户",
    "load the cell inventory with its configuration": "载入小区工参与配置",
    "load the neighbour relations and measurement reports of the cell": "载入小区邻区关系与测量报告",
    "load the node inventory": "载入网元清单",
    "load the alarm list of the hour": "载入该时段告警",
    "load the change calendar": "载入割接与变更计划",
    "load the normal ticket volume, or keep tickets for 14 days": "载入正常投诉量，或积累14天工单",
    "load the counters of the cell for that hour": "载入该小时小区性能数据",
    "load the 2G performance data of the cell for that hour": "载入该小时2G小区性能数据",
    "load the counters of the node for that hour": "载入该小时网元性能数据",
    "load the counters of all nodes of that type for that hour": "载入该小时同类网元性能数据",
    "load the call records and voice slices of that hour": "载入该时段话单与语音切片",
    "the call was made in CS after fallback": "该呼叫回落到CS域",
    "the call was answered, then released abnormally": "呼叫接通后异常释放",
    "the call was answered and released normally": "呼叫接通后正常释放",
    "the call was never answered": "呼叫未接通",
    "the registration failed": "注册失败",
    "text is about billing or data only": "文本仅涉及计费或数据业务",
    "the record names it": "话单记录了该网元",
    "it is the one that serves this user": "该网元为此用户服务",
}
REASONS: Mapping[str, tuple[str, str]] = {
    "no_registration_record": ("no registration record of the customer", "无客户注册记录"),
    "no_call_record": ("no call record of the customer", "无客户话单"),
    "no_called_leg": ("no record of the called leg", "无被叫侧话单"),
    "no_calling_leg": ("no record of the calling leg", "无主叫侧话单"),
    "no_good_registration": ("no good registration to compare with", "无可对比的成功注册"),
    "no_fallback": ("the call did not fall back", "呼叫未回落"),
    "no_subscriber": ("no attributes of the number", "无号码属性"),
    "no_device_model": ("the phone is not known", "终端型号未知"),
    "no_voice_slice": ("no voice-quality slices", "无语音质量切片"),
    "no_neighbour_record": ("no neighbour relations", "无邻区关系"),
    "no_normal_volume": ("the normal ticket volume is not known", "正常投诉量未知"),
    "no_change_records": ("no change calendar", "无变更计划数据"),
    "no_alarm_records": ("no alarm list", "无告警数据"),
    "no_cell": ("the cell is not known", "小区未知"),
    "no_cell_record": ("the cell is not in the inventory", "工参中无该小区"),
    "no_node": ("the node is not known", "网元未知"),
    "no_period": ("no data of this hour", "该小时无数据"),
    "few_samples": ("too few samples", "样本不足"),
    "counter_missing": ("counter missing", "缺少计数器"),
    "suspect": ("marked suspect by the network", "网元标记为可疑"),
    "column_absent": ("the source has no such column", "数据源无此字段"),
    "field_empty": ("the field is empty", "字段为空"),
    "value_unknown": ("the value is not known", "取值未知"),
    "not_derivable": ("cannot be derived from the records", "无法由现有记录推导"),
    "not_known": ("not known", "未知"),
}
_FLIP = re.compile(r"if (?P<change>.+) \((?P<check>[A-Z0-9-]+)\), (?P<leader>.+) would lead")
_LIES = re.compile(r"(?P<cause>[a-z0-9-]+) lies in the (?P<node>\w+); (?P<how>.+)")
_VERDICT = re.compile(r"(?P<verdict>cause|no_fault|cannot_tell): (?P<cause>[a-z0-9-]+)")


def say(text: str | None, lang: str, title: Title) -> str:
    """Write a sentence of the engine in a language; codes become words in both."""
    if not text:
        return ""
    if text in REASONS:
        return REASONS[text][lang == "zh"]
    for pattern, write in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            return write(found, lang, title)
    return _chinese(text) if lang == "zh" else text


def _flip(found: re.Match[str], lang: str, title: Title) -> str:
    leader = found["leader"]
    named = ("原因不明" if lang == "zh" else leader) if leader == "nothing known" else title(leader)
    if lang != "zh":
        return f"if {found['change']} ({found['check']}), {named} would lead"
    change = (
        found["change"].replace(" were not ", " 不为 ").replace(" were ", " 为 ").replace(" and ", " 且 ")
    )
    return f"若 {change}（{found['check']}），则“{named}”居首"


def _lies(found: re.Match[str], lang: str, title: Title) -> str:
    if lang != "zh":
        return f"{title(found['cause'])} lies in the {found['node']}; {found['how']}"
    return f"“{title(found['cause'])}”发生在{found['node']}；{_chinese(found['how'])}"


def _verdict(found: re.Match[str], lang: str, title: Title) -> str:
    colon = "：" if lang == "zh" else ": "
    return f"{words.kind('verdict', found['verdict'], lang)}{colon}{title(found['cause'])}"


_PATTERNS = ((_FLIP, _flip), (_LIES, _lies), (_VERDICT, _verdict))


def _chinese(text: str) -> str:
    if text in SENTENCES:
        return SENTENCES[text]
    name, colon, value = text.partition(": ")
    if colon and name == "text":
        return f"文本：{value}"
    if colon and name in _answers():
        asked, answers = _answers()[name]
        return f"{asked}{answers.get(value, value)}"
    for begin, write in _BEGINNINGS.items():
        if text.startswith(begin):
            return write(text.removeprefix(begin))
    return text


_BEGINNINGS: Mapping[str, Callable[[str], str]] = {
    "ticket category ": lambda rest: f"工单类别：{words.kind('category', rest, 'zh')}",
    "disambiguation rule ": lambda rest: f"第{rest}条判别规则",
    "the customer answered: ": lambda rest: f"客户回答：{rest}",
    "waiting for the customer: ": lambda rest: f"等待客户：{rest}",
}


@lru_cache(maxsize=1)
def _answers() -> Mapping[str, tuple[str, Mapping[str, str]]]:
    """Questions and answers in Chinese, by the words that the engine has for the field."""
    return {
        entry["field"].removeprefix("answer_").replace("_", " "): (
            entry["ask"]["zh"],
            {value: answer["zh"] for value, answer in entry["answers"].items()},
        )
        for entry in questions_data()["closed"]
    }
