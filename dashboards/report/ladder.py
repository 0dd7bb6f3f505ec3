"""A call or registration record as a message ladder, drawn as SVG.

The rows come from the event times and codes of the record (records.md, `call` and `registration`);
a stage that the record does not hold has no row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

LANES = ("ue", "enb", "mme", "pgw", "pcscf", "icscf", "scscf", "as", "hss", "dns", "msc", "far")
TITLES = {
    "ue": "UE",
    "enb": "eNB",
    "mme": "MME",
    "pgw": "PGW/PCRF",
    "pcscf": "SBC/P-CSCF",
    "icscf": "I-CSCF",
    "scscf": "I/S-CSCF",
    "as": "AS",
    "hss": "HSS",
    "dns": "DNS",
    "msc": "MSC",
    "far": "far end",
}
_LANE_OF = {
    "sgw": "pgw",
    "pcrf": "pgw",
    "sbc": "pcscf",
    "icscf": "scscf",
    "cscf": "scscf",
    "dns": "scscf",
    "mgcf": "msc",
    "called": "far",
    "calling": "ue",
    "network": "pcscf",
}
ROW, HEAD, LANE = 24, 30, 84


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow: when (None = time unknown), from and to a lane, what, and whether it went wrong."""

    at: datetime | None
    source: str
    target: str
    text: str
    bad: bool = False


def _lane(name: object) -> str:
    text = str(name or "").lower()
    lane = _LANE_OF.get(text, text)
    return lane if lane in LANES else "pcscf"


# What the fields of a record put on one lane has lanes of its own where the messages themselves are known.
_HOP_LANE_OF = {**_LANE_OF, "icscf": "icscf", "dns": "dns", "unknown": "pcscf"}
_MOST_RUNGS = 150
_NO_FAULT = frozenset({401, 407, 494})  # challenges (RFC 3261 22, RFC 3329)


def hop_steps(hops: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Return the messages that were captured of a record, in time order; rows of `hop`.

    A request without an answer and an answer that is an error are bad. Of very many only the last are drawn.
    """
    rows = sorted(hops, key=lambda hop: (hop["at"], hop["sequence"]))[-_MOST_RUNGS:]
    return [
        Step(hop["at"], _hop_lane(hop, "from"), _hop_lane(hop, "to"), _hop_text(hop), _hop_is_bad(hop))
        for hop in rows
    ]


def _hop_lane(hop: Mapping[str, Any], end: str) -> str:
    if hop.get(f"{end}_node") == "called":
        return "far"
    node_type = str(hop.get(f"{end}_type"))
    lane = _HOP_LANE_OF.get(node_type, node_type)
    return lane if lane in LANES else "pcscf"


def _hop_text(hop: Mapping[str, Any]) -> str:
    status, text = hop.get("status"), hop.get("text")
    if status is None and not hop.get("is_request"):
        return str(hop["message"])
    if status is None:
        return f"{hop['message']} (no answer)" if hop.get("answered") is False else str(hop["message"])
    vendor = f"{hop['vendor']}/" if hop.get("vendor") else ""
    return f"{vendor}{status} {text or ''}".strip() + f" ({hop['message']})"


def _hop_is_bad(hop: Mapping[str, Any]) -> bool:
    status = hop.get("status")
    if status is None:
        return hop.get("answered") is False
    return bool(status >= 3000 if hop.get("protocol") == "DIAMETER" else status >= 400) and (
        status not in _NO_FAULT
    )


_CALL_EVENTS = (
    ("started_at", "ue", "pcscf", "INVITE"),
    ("t_100", "pcscf", "ue", "100 Trying"),
    ("t_183", "pcscf", "ue", "183 Session Progress"),
    ("t_qci1_requested", "pgw", "enb", "Create Bearer QCI1"),
    ("t_qci1_established", "enb", "pgw", "QCI1 established"),
    ("t_update_sent", "pcscf", "ue", "UPDATE"),
    ("t_update_answered", "ue", "pcscf", "200 OK (UPDATE)"),
    ("t_180", "far", "ue", "180 Ringing"),
    ("t_200", "far", "ue", "200 OK (INVITE)"),
    ("t_qci1_released", "enb", "mme", "QCI1 released"),
    ("t_esr", "ue", "mme", "Extended Service Request"),
    ("t_redirect", "enb", "ue", "RRC release with redirection"),
    ("t_cm_service_request", "ue", "msc", "CM Service Request"),
    ("t_alerting", "msc", "ue", "Alerting"),
    ("t_channel_release", "msc", "ue", "Channel Release"),
    ("t_tau_accept", "mme", "ue", "TAU Accept"),
)


def call_steps(call: Mapping[str, Any]) -> list[Step]:
    """Return the steps of one call leg, in time order."""
    steps = [
        Step(call[field], source, target, text)
        for field, source, target, text in _CALL_EVENTS
        if isinstance(call.get(field), datetime)
    ]
    steps += _first_error(call)
    if isinstance(call.get("t_end"), datetime):
        steps.append(_call_end(call))
    return sorted(steps, key=lambda step: step.at.timestamp() if step.at else float("inf"))


def _first_error(record: Mapping[str, Any]) -> list[Step]:
    message, code = record.get("first_error_message"), record.get("first_error_code")
    if not message and code is None:
        return []
    node = record.get("first_error_node") or record.get("releasing_node")
    words = [
        str(part) for part in (message, record.get("first_error_protocol"), code) if part not in (None, "")
    ]
    at = record.get("first_error_at")
    return [Step(at if isinstance(at, datetime) else None, _lane(node), "ue", " ".join(words), bad=True)]


def _call_end(call: Mapping[str, Any]) -> Step:
    status = call.get("final_status")
    side = _lane(call.get("releasing_side"))
    if call.get("t_200") is not None:
        reasons = _reasons(call.get("reasons"))
        return Step(
            call["t_end"], side, "far" if side == "ue" else "ue", f"BYE {reasons}".strip(), bad=bool(reasons)
        )
    bad = status is None or int(status) >= 400
    return Step(call["t_end"], side if side != "ue" else "pcscf", "ue", f"final {status or '-'}", bad=bad)


def _reasons(raw: object) -> str:
    try:
        items = json.loads(raw) if isinstance(raw, str) else []
    except ValueError:
        return ""
    return ", ".join(
        f"{item.get('protocol')} {item.get('cause')}" for item in items if isinstance(item, dict)
    )


def registration_steps(record: Mapping[str, Any]) -> list[Step]:
    """Return the steps of one registration attempt; stages that were not reached have none."""
    get = record.get
    start, sent, reply, end = (
        get("started_at"),
        get("register_sent_at"),
        get("first_reply_at"),
        get("ended_at"),
    )
    steps = [Step(start, "ue", "mme", "Attach request")] if get("attach_result") else []
    steps += _result(get("attach_result"), "mme", "Attach", get("emm_cause"))
    steps += _result(get("pdn_result"), "mme", "PDN ims", get("esm_cause"))
    if get("qci5_bearer_result"):
        bad = get("qci5_bearer_result") != "established"
        steps.append(Step(None, "enb", "ue", f"QCI5 {get('qci5_bearer_result')}", bad=bad))
    if sent is not None:
        steps.append(Step(sent, "ue", "pcscf", "REGISTER"))
    if reply is not None:
        steps.append(Step(reply, "pcscf", "ue", "first reply"))
    if get("challenge_count"):
        steps.append(Step(None, "scscf", "ue", f"401 challenge x{get('challenge_count')}"))
    steps += _cx(record)
    if get("first_error_node"):
        text = f"first error {get('first_error_status') or 'no answer'}"
        steps.append(Step(None, _lane(get("first_error_node")), "pcscf", text, bad=True))
    status = get("final_status")
    if status is not None:
        text = f"final {status} {get('reason_text') or ''}".strip()
        steps.append(Step(end, "pcscf", "ue", text, bad=int(status) != 200))
    return steps


def _result(result: object, node: str, name: str, cause: object) -> list[Step]:
    if not result:
        return []
    text = f"{name} {result}" + (f" cause {cause}" if cause is not None else "")
    return [Step(None, node, "ue", text, bad=result != "accept")]


def _cx(record: Mapping[str, Any]) -> list[Step]:
    command, code = record.get("cx_command"), record.get("cx_code")
    if not command:
        return []
    answer = "no answer" if code is None else f"({record.get('cx_vendor')}, {code})"
    good = code in {2001, 2002, 2004}
    return [Step(None, "scscf", "hss", str(command)), Step(None, "hss", "scscf", answer, bad=not good)]


def ladder_svg(steps: Sequence[Step], label: str) -> Markup:
    """Draw the steps over the lanes that they use."""
    used = [lane for lane in LANES if any(lane in (s.source, s.target) for s in steps)]
    if not used:
        return Markup("")
    left = 96
    width, height = left + LANE * len(used) + 120, HEAD + ROW * (len(steps) + 1)
    x = {lane: left + LANE // 2 + LANE * i for i, lane in enumerate(used)}
    head = f'<svg class="ladder" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
    lanes = "".join(
        f'<text class="lane" x="{x[lane]}" y="14" text-anchor="middle">{TITLES[lane]}</text>'
        f'<line class="life" x1="{x[lane]}" x2="{x[lane]}" y1="20" y2="{height}"/>'
        for lane in used
    )
    rows = "".join(_arrow(step, x, HEAD + ROW * (i + 0.8)) for i, step in enumerate(steps))
    return Markup(head + lanes + rows + "</svg>")


def _arrow(step: Step, x: Mapping[str, int], y: float) -> str:
    start, end = x[step.source], x[step.target]
    kind = "bad" if step.bad else "good"
    when = f"{step.at:%H:%M:%S}.{step.at.microsecond // 1000:03d}" if step.at else ""
    tip = 5 if end < start else -5
    shaft = f'<line class="{kind}" x1="{start}" x2="{end}" y1="{y}" y2="{y}"/>' if start != end else ""
    head = f'<path class="{kind} tip" d="M{end} {y} l{tip} -3 v6 Z"/>'
    text = f'<text class="{kind} msg" x="{min(start, end) + 6}" y="{y - 4}">{escape(step.text)}</text>'
    return f'<text class="tick" x="0" y="{y + 3}">{when}</text>{shaft}{head}{text}'
