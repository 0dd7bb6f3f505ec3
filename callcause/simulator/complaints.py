"""Complaint tickets and the truth that belongs to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from callcause.simulator.complaint_text import complaint, symptom
from callcause.simulator.csfb_flow import FALLBACKS
from callcause.simulator.faults.incident import Incident
from callcause.simulator.period import Period
from callcause.simulator.subscribers import Population
from callcause.simulator.tables import with_offset
from callcause.simulator.topology import Network
from callcause.simulator.variant import Variant

CATEGORIES = ("registration", "access", "drop", "mos", "csfb")
CHANNELS = ("hotline_10086", "hall", "app", "web", "sms", "account_manager")
USUAL: dict[str, dict[str, str]] = {
    "registration": {"answer_icon_present": "no"},
    "access": {
        "answer_icon_present": "yes",
        "answer_rat_while_dialling": "4G",
        "answer_call_outcome": "not_connected",
    },
    "drop": {"answer_icon_present": "yes", "answer_rat_while_dialling": "4G", "answer_call_outcome": "cut"},
    "mos": {
        "answer_icon_present": "yes",
        "answer_rat_while_dialling": "4G",
        "answer_call_outcome": "bad_voice",
    },
    "csfb": {
        "answer_icon_present": "no",
        "answer_rat_while_dialling": "2G",
        "answer_call_outcome": "connected_on_2g",
    },
    "other": {},
}
SETTINGS = {
    "answer_volte_menu": "present",
    "answer_volte_switch": "on",
    "answer_network_mode": "4g_preferred",
    "answer_mobile_data": "on",
    "answer_sim_slot": "4g_slot",
}
GAPS = (("msisdn",), ("occurred_at",), ("place_text", "ecgi", "tac", "latitude", "longitude"))
"""What an incomplete ticket lacks, one of these."""
COLUMNS = (
    "id",
    "external_id",
    "channel",
    "received_at",
    "entered_at",
    "status",
    "msisdn",
    "customer_id",
    "star_level",
    "region",
    "place_text",
    "latitude",
    "longitude",
    "occurred_at",
    "ecgi",
    "tac",
    "imei_tac",
    "device_model_text",
    "description",
    "language",
    "category",
    "direction",
    "other_party_number",
    "off_net",
    "roaming",
    "one_way",
    "repeat_count",
    *USUAL["access"],
    *SETTINGS,
    "severity",
    "priority",
    "joint_count",
)
MISTAKES = {"yes": "no", "no": "yes", "4G": "2G", "2G": "4G"}
Row = dict[str, Any]


def ticket_id(incident: Incident) -> str:
    """Id of the ticket of an incident."""
    return f"VT-202403-{incident.ticket + 1:06d}"


def _category(incident: Incident, rng: np.random.Generator) -> str:
    category = incident.fault.category
    return CATEGORIES[int(rng.integers(0, len(CATEGORIES)))] if category == "any" else category


def _answers(
    incident: Incident, category: str, people: Population, rng: np.random.Generator, variant: Variant
) -> Row:
    """Answers to the guided questions: what the customer sees; some are not asked, few are wrong."""
    fault = incident.fault
    answers: Row = {}
    asked = rng.random() < variant.answered
    legacy = bool(people.legacy[people.model[incident.customer]])
    for name, value in {**USUAL[category], **SETTINGS}.items():
        usual = "absent" if legacy and name == "answer_volte_menu" else value
        if name == "answer_icon_present" and fault.cause == "reg-pcscf-state-lost":
            usual = "yes" if rng.random() < 0.3 else "no"
        told = asked and rng.random() < 0.7
        answers[name] = usual if told else ("unknown" if rng.random() < 0.4 else None)
    for name, choices in fault.answers.items():
        answers[name] = choices[int(rng.integers(0, len(choices)))]
    if category == "registration" and asked:
        tried = rng.random() < 0.3
        answers["answer_rat_while_dialling"] = "2G" if tried else "unknown"
        answers["answer_call_outcome"] = "connected_on_2g" if tried else "not_tried"
    if category == "csfb" and incident.event in ("csfb_no_lu", "csfb_no_redirect", "csfb_wrong_la"):
        answers["answer_call_outcome"] = "not_connected" if asked else None
    if variant.mistaken and rng.random() < variant.mistaken:
        name = ("answer_icon_present", "answer_rat_while_dialling")[int(rng.integers(0, 2))]
        answers[name] = MISTAKES.get(str(answers.get(name)), answers.get(name))
    return answers


def _kind(incident: Incident) -> str:
    """Say what the customer notices of a fallback: that it happens, that it is slow, or that it fails."""
    if incident.fault.text != "stage":
        return incident.fault.text
    return "csfb_slow" if FALLBACKS[incident.event].alerting_s else "csfb_failed"


def _row(
    incident: Incident,
    category: str,
    network: Network,
    people: Population,
    rng: np.random.Generator,
    variant: Variant,
) -> Row:
    """One ticket. What a seed gives hangs on the order of the draws, and dicts draw in theirs."""
    fault, cell = incident.fault, incident.cell
    language = "zh" if rng.random() < 0.6 else "en"
    number = str(people.columns["msisdn"][incident.customer])
    text = "out_of_scope" if category == "other" else _kind(incident)
    core = symptom(category, fault.cause, text, incident.role, language, rng)
    occurred = incident.at + float(rng.normal(0, variant.clock_s)) + 20.0
    received = incident.at + float(rng.uniform(900, 14_000))
    tells_cell = rng.random() < 0.55
    row: Row = dict.fromkeys(COLUMNS)
    row |= _case(incident, received, network.region_of(cell), rng)
    row |= _place(network, cell, language, tells_cell, rng)
    row |= {
        "msisdn": number,
        "occurred_at": occurred,
        "imei_tac": people.lends(int(people.model[incident.customer])) if rng.random() < 0.7 else None,
        "description": complaint(core, language, number, rng),
        "language": language if rng.random() < 0.9 else None,
        "category": category if rng.random() < 0.5 else None,
        "direction": incident.role.upper() if rng.random() < 0.6 else "unknown",
        "roaming": False,
        "off_net": incident.fault.operator != "own" if rng.random() < 0.5 else None,
        "repeat_count": int(rng.integers(0, 5)),
    }
    row |= _answers(incident, category, people, rng, variant)
    if fault.text == "incomplete":
        for name in GAPS[int(rng.integers(0, len(GAPS)))]:
            row[name] = None
    return row


def _case(incident: Incident, received: float, region: str, rng: np.random.Generator) -> Row:
    """Note what the desk knows of the customer and of the case itself."""
    return {
        "id": ticket_id(incident),
        "channel": CHANNELS[int(rng.integers(0, len(CHANNELS)))],
        "received_at": received,
        "entered_at": received + 300.0,
        "status": "dispatched",
        "region": region,
        "customer_id": f"CU-{500_000 + incident.ticket}",
        "star_level": int(rng.integers(0, 6)),
        "severity": "normal",
        "priority": "P3",
        "joint_count": 1,
    }


def _place(network: Network, cell: int, language: str, tells_cell: bool, rng: np.random.Generator) -> Row:
    """Where the customer was: in words, nearly as a position, and sometimes the cell."""
    return {
        "place_text": f"KM-S{int(network.site[cell]):04d} {'附近' if language == 'zh' else 'area'}",
        "latitude": round(float(network.cells["latitude"][cell]) + float(rng.normal(0, 0.0008)), 5),
        "longitude": round(float(network.cells["longitude"][cell]) + float(rng.normal(0, 0.0008)), 5),
        "ecgi": str(network.cells["ecgi"][cell]) if tells_cell else None,
        "tac": int(network.cells["tac"][cell]) if tells_cell else None,
    }


def write_tickets(
    incidents: list[Incident],
    network: Network,
    people: Population,
    period: Period,
    rng: np.random.Generator,
    variant: Variant = Variant(),  # noqa: B008 - frozen
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Table `ticket` in order of intake, and the truth."""
    rows, truth = [], []
    for incident in incidents:
        category = _category(incident, rng)
        rows.append(_row(incident, category, network, people, rng, variant))
        cause = "cannot_tell" if incident.undecidable else incident.fault.cause
        named = "" if incident.fault.text in ("incomplete",) else category
        removed = ";".join(incident.removed) or (
            "call;registration" if incident.fault.text == "no_record" else ""
        )
        truth.append(
            {
                "ticket_id": ticket_id(incident),
                "cause_id": cause,
                "category": named,
                "removed_input": removed,
                "injected": incident.fault.cause,
                "event": incident.event,
                "cell": str(network.cells["ecgi"][incident.cell]),
                "node": network.nodes[incident.node].node_id if incident.node >= 0 else "",
                "strength": round(incident.strength, 3),
            }
        )
    table = pl.DataFrame(rows, infer_schema_length=None)
    moments = [
        ((pl.col(n) * 1000).round().cast(pl.Int64) + period.epoch_ms).cast(pl.Datetime("ms", "UTC"))
        for n in ("received_at", "entered_at", "occurred_at")
    ]
    return with_offset(table.with_columns(moments).sort("received_at")), pl.DataFrame(truth)
