"""What customers say: Chinese, English and mixed, terse or wordy, with slips of the pen."""

from __future__ import annotations

import numpy as np

Speech = dict[str, tuple[str, ...]]

PLACES: Speech = {
    "zh": (
        "在家里",
        "在单位",
        "在小区门口",
        "在菜市场附近",
        "在地铁站",
        "在学校宿舍",
        "在写字楼23层",
        "在高架路上",
        "在医院",
        "",
    ),
    "en": (
        "at home",
        "at the office",
        "near the market",
        "in the station",
        "on the ring road",
        "at school",
        "on the 23rd floor",
        "in the shop",
        "at the hospital",
        "",
    ),
}
TIMES: Speech = {
    "zh": ("今天", "刚才", "今天下午", "最近", "这两天", "今天上班的时候", ""),
    "en": ("today", "just now", "this afternoon", "since yesterday", "a while ago", "again today", ""),
}
MOODS: Speech = {
    "zh": ("请尽快处理", "麻烦查一下", "要求回电", "很影响使用", "已经投诉过一次了", "谢谢", ""),
    "en": (
        "please check",
        "please call me back",
        "very annoying",
        "this is the second time I complain",
        "thanks",
        "",
    ),
}
SYMPTOMS: dict[str, Speech] = {
    "registration": {
        "zh": (
            "手机上的HD图标没有了",
            "VoLTE一直注册不上",
            "屏幕上面不显示高清语音标志",
            "VoLTE开关打开了也没反应,没有HD",
            "手机没有VoLTE标识",
            "IMS一直显示未注册",
            "高清通话用不了,没有图标",
            "重启以后还是没有HD标志",
        ),
        "en": (
            "the HD icon is gone",
            "VoLTE does not register",
            "no VoLTE sign on the screen",
            "IMS says not registered",
            "HD voice will not switch on, icon missing",
            "after a restart still no HD symbol",
            "VoLTE is on in the settings but there is no icon",
        ),
    },
    "access": {
        "zh": (
            "电话打不出去",
            "拨号以后一直没声音然后就显示呼叫失败",
            "信号满格就是打不通电话",
            "别人打我电话打不进来",
            "打电话提示暂时无法接通",
            "拨了好几次才打通",
            "拨出去没有回铃音就结束了",
            "呼叫对方总是失败",
        ),
        "en": (
            "I cannot make calls",
            "the call fails before it rings",
            "full signal but calls do not go through",
            "nobody can reach me",
            "it says call failed",
            "have to dial several times before it connects",
            "dialling ends at once",
            "outgoing calls fail",
        ),
    },
    "drop": {
        "zh": (
            "电话打到一半就断了",
            "通话过程中自动挂断",
            "讲着讲着就掉线了,要重新打",
            "接通一会儿电话就自己断",
            "每次通话都会中断",
            "正在打电话突然断线",
        ),
        "en": (
            "the call was cut in the middle",
            "calls drop after a short while",
            "it hangs up by itself while I talk",
            "lost the call half way and had to dial again",
            "the conversation was cut off",
            "calls keep dropping",
        ),
    },
    "mos": {
        "zh": (
            "通话声音断断续续听不清",
            "对方说话吞字",
            "电话里有杂音,声音卡",
            "对方听不到我说话",
            "接通后没声音",
            "声音像机器人一样",
            "通话有很大延迟,声音失真",
        ),
        "en": (
            "the voice is choppy",
            "I cannot hear the other side clearly",
            "words are missing",
            "they cannot hear me",
            "robotic sound during calls",
            "no sound after answering",
            "bad noise and distorted voice",
        ),
    },
    "csfb_why": {
        "zh": (
            "一打电话就掉到2G",
            "打电话的时候4G变成E网",
            "通话时不能上网,变成2G了",
            "打电话时4G标志没了,只有G",
        ),
        "en": (
            "my phone falls to 2G when I call",
            "4G disappears when I make a call",
            "no internet during calls, it shows E",
            "calls always go over 2G instead of 4G",
        ),
    },
    "csfb_slow": {
        "zh": ("打电话回落2G要等十几秒才接通", "拨号以后变成2G,半天才接通", "接通特别慢,要先掉到2G"),
        "en": (
            "the fallback to 2G takes ages before it rings",
            "it changes to 2G and only then connects, very slow",
            "calls take long to start because the phone falls to 2G",
        ),
    },
    "csfb_failed": {
        "zh": ("回落到2G后呼叫失败", "电话一打就掉到2G然后打不通", "来电回落2G就漏接了", "回落以后接不通"),
        "en": (
            "fallback to 2G and then the call fails",
            "it falls to 2G and the call does not get through",
            "calls are missed when it falls to 2G",
            "the fallback call fails every time",
        ),
    },
    "out_of_scope": {
        "zh": (
            "这个月话费扣多了,套餐费用不对",
            "流量费怎么这么贵",
            "上网很慢,刷视频一直转圈",
            "微信老是掉线,网页打不开",
            "想问一下套餐扣费",
        ),
        "en": (
            "my bill is too high this month",
            "why was I charged twice for the data package",
            "mobile internet is very slow",
            "web pages do not load and WhatsApp has no connection",
            "a question about my tariff and charges",
        ),
    },
}
STAGE: dict[str, Speech] = {
    "csfb-no-fast-return": {
        "zh": ("打完电话很久都回不到4G", "通话结束停在2G好几分钟"),
        "en": ("after a call it does not return to 4G", "stays on 2G long after the call"),
    },
    "csfb-slow-fallback": {
        "zh": ("打电话回落2G要等十几秒才接通", "拨号后变成2G,等半天才响"),
        "en": ("the fallback to 2G takes ages before it rings", "after falling to 2G it rings very late"),
    },
    "csfb-idle-reselection": {
        "zh": ("待机的时候自己跳到2G", "手机放着不用就变成2G"),
        "en": ("the idle phone goes to 2G by itself", "without any call it leaves 4G for 2G"),
    },
}
MT: Speech = {
    "zh": ("别人打我电话打不进来", "朋友说我电话不通", "别人打我提示不在服务区"),
    "en": ("nobody can reach me", "friends say my phone is off but it is on", "incoming calls never ring"),
}


def _pick(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.integers(0, len(options)))]


def symptom(category: str, cause: str, kind: str, role: str, language: str, rng: np.random.Generator) -> str:
    """Say the core of a complaint."""
    if kind == "out_of_scope":
        return _pick(SYMPTOMS["out_of_scope"][language], rng)
    if category == "csfb":
        return _pick(
            STAGE.get(cause, SYMPTOMS[kind if kind.startswith("csfb_") else "csfb_why"])[language], rng
        )
    if category == "access" and role == "mt":
        return _pick(MT[language], rng)
    if category == "access":
        options = tuple(
            s for s in SYMPTOMS["access"][language] if not any(w in s for w in ("打不进", "reach me"))
        )
        return _pick(options, rng)
    return _pick(SYMPTOMS[category][language], rng)


def _slip(text: str, language: str, rng: np.random.Generator) -> str:
    """One slip: a letter swapped or doubled, a character lost."""
    if len(text) < 6:
        return text
    place = int(rng.integers(1, len(text) - 2))
    if language == "en" and text[place].isalpha() and text[place + 1].isalpha():
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if language == "zh" and rng.random() < 0.5:
        return text.replace("电话", "电活", 1) if "电话" in text else text.replace("的", "得", 1)
    return text[:place] + text[place] + text[place:]


def complaint(core: str, language: str, number: str, rng: np.random.Generator) -> str:
    """Write a whole description around the core."""
    joint = "," if language == "zh" else ", "
    parts = [_pick(TIMES[language], rng), _pick(PLACES[language], rng), core]
    if rng.random() < 0.5:
        parts.append(_pick(MOODS[language], rng))
    text = joint.join(p for p in parts if p)
    if rng.random() < 0.1:
        text += f"{joint}{number}" if language == "en" else f",号码{number}"
    if language == "zh" and rng.random() < 0.12:
        text = text.replace("没有", "no ", 1).replace("电话", "call", 1)
    return _slip(text, language, rng) if rng.random() < 0.2 else text
