"""Texts for the customer.

The reply with its promised time, and the notice before planned work (投诉处理前移).

Handling skills (SKILL): confirm, say what can be done, and promise a time when it is not solved at once. A
reply never names a node, a cell or another customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

Language = Literal["en", "zh"]
_OPENING = {
    "en": "Dear customer, thank you for telling us about {what}. ",
    "zh": "尊敬的客户，您好！感谢您反映{what}的问题。",
}
_WHAT = {
    "registration": {"en": "HD voice not being available", "zh": "高清语音无法使用"},
    "access": {"en": "calls that cannot be made or received", "zh": "无法正常拨打或接听电话"},
    "drop": {"en": "calls that end by themselves", "zh": "通话中断"},
    "mos": {"en": "bad voice quality", "zh": "通话音质不佳"},
    "csfb": {"en": "calls that fall back to 2G or 3G", "zh": "通话时回落到2G/3G网络"},
    "other": {"en": "your service", "zh": "服务"},
}
_BODY = {
    ("cause", True): {
        "en": "We found the cause on our network and have dealt with it. Please try again; "
        "we will call you back to make sure. ",
        "zh": "经核查，问题由网络侧原因引起，目前已处理完成，请您再次尝试，我们会回访确认。",
    },
    ("cause", False): {
        "en": "We found the likely cause on our network and the responsible team is working on it. ",
        "zh": "经核查，问题由网络侧原因引起，相关部门正在处理。",
    },
    ("user", False): {
        "en": "Our network is in order where you use it. Please check: {remedy} ",
        "zh": "经核查，您所在区域网络运行正常，建议您：{remedy}。",
    },
    ("no_fault", False): {
        "en": "We found no fault of the network for the time and place that you gave us. ",
        "zh": "经核查，您反映的时间和地点网络未见异常。",
    },
    ("cannot_tell", False): {
        "en": "We are still looking for the cause and may ask you for one more detail. ",
        "zh": "我们正在进一步核查原因，可能会再向您了解一些情况。",
    },
}
_PROMISE = {"en": "You will hear from us by {by}.", "zh": "我们将于{by}前给您答复。"}
_USER_SIDE = {"User", "Terminal support"}


def reply_text(
    result: Mapping[str, Any],
    language: Language,
    promised: datetime | None,
    zone: str,
    *,
    solved: bool = False,
) -> str:
    """Word the reply to a diagnosed ticket; `promised`: the time by which the customer hears again."""
    category = str(result["category"]["id"])
    causes = result["causes"]
    first = causes[0] if causes else {}
    verdict = str(result["verdict"])
    on_user = verdict == "cause" and str(first.get("department", "")) in _USER_SIDE
    kind = ("user", False) if on_user else (verdict, solved and verdict == "cause")
    remedy = str(first.get("remedy", {}).get(language, ""))
    what = _WHAT.get(category, _WHAT["other"])[language]
    text = _OPENING[language].format(what=what) + _BODY[kind][language].format(remedy=remedy.rstrip(".。"))
    if promised is not None and not solved:
        text += _PROMISE[language].format(by=_local(promised, zone, language))
    return text.strip()


def notice_text(change: Mapping[str, Any], language: Language, zone: str) -> str:
    """Word the notice for customers of an area before planned work begins."""
    start, end = (_local(change[name], zone, language) for name in ("planned_start", "planned_end"))
    if language == "zh":
        return f"尊敬的客户，{start}至{end}您所在区域将进行网络升级，期间通话可能受影响，敬请谅解。"
    return (
        f"Dear customer, from {start} to {end} we work on the network in your area to make it better. "
        "Calls may be affected during this time. We ask for your understanding."
    )


def _local(at: datetime, zone: str, language: Language) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return local.strftime("%m月%d日%H:%M") if language == "zh" else local.strftime("%Y-%m-%d %H:%M")
