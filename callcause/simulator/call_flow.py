"""A call from INVITE to release, both legs, and what can go wrong on the way.

`own` is the leg of the user whose end is looked at, `peer` the other one. Times are seconds after the INVITE.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.drops import DROPS
from callcause.simulator.events import Drop, Error, SetupFailure
from callcause.simulator.legs import FLAGS, NUMBERS, TEXTS, TIMES, Columns, blank, choose, draw, numeric, put
from callcause.simulator.setup_failures import SETUP

__all__ = ["DROPS", "ORDER", "SETUP", "run_calls"]

ORDER = (
    "started_at",
    "t_100",
    "t_183",
    "t_qci1_requested",
    "t_qci1_established",
    "t_update_sent",
    "t_update_answered",
    "t_180",
    "t_200",
)


ANSWERED: Mapping[str, Any] = {
    "final_status": 200.0,
    "releasing_node": "ue",
    "rx_vendor": 0.0,
    "rx_code": 2001.0,
    "registered": True,
    "session_rejected_by_as": False,
    "paging_sent": None,
    "domain_selected": "ims",
    "cs_retry": False,
    "rrc_released_in_setup": False,
    "handover_failures": 0.0,
    "reestablishment_count": 0.0,
    "esrvcc_flag": False,
    "srvcc_type": "none",
    "srvcc_operation_possible": True,
    "redirected_with_qci1": False,
    "terminal_dead": False,
    "max_rtp_gap": (0.05, 0.45),
    "csfb_flag": False,
    "lau_before_call": False,
    "lte_locked": False,
    "number_valid": True,
    "codec": "AMR-WB",
}
"""Fields of a call as it should be; a span is drawn from."""


def _answered(n: int, talk_s: NDArray[np.float64], rng: np.random.Generator) -> Columns:
    """Make calls as they should be; INVITE at 0."""
    c = blank(n, TIMES + NUMBERS, FLAGS, TEXTS)
    c["started_at"] = np.zeros(n)
    c["t_100"] = rng.gamma(6, 0.02, n) + 0.02
    c["t_183"] = c["t_100"] + rng.gamma(12, 0.09, n) + 0.4
    c["t_qci1_requested"] = c["t_183"] + rng.uniform(0.01, 0.04, n)
    c["t_qci1_established"] = c["t_qci1_requested"] + rng.gamma(6, 0.04, n) + 0.06
    c["t_update_sent"] = c["t_qci1_established"] + rng.uniform(0.05, 0.15, n)
    c["t_update_answered"] = c["t_update_sent"] + rng.gamma(5, 0.04, n)
    c["t_180"] = c["t_update_answered"] + rng.uniform(0.1, 0.5, n)
    c["t_200"] = c["t_180"] + rng.gamma(3, 2.2, n) + 0.8
    c["t_end"] = c["t_200"] + talk_s
    c["t_qci1_released"] = c["t_end"] + rng.uniform(0.02, 0.1, n)
    put(c, np.arange(n), ANSWERED, rng)
    c["handover_count"] = rng.poisson(0.5 + talk_s / 120.0).astype(float)
    c["releasing_side"] = choose(("calling", "called"), n, rng)
    return c


def _reasons(reasons: tuple[tuple[str, int, str], ...]) -> str | None:
    if not reasons:
        return None
    return json.dumps([{"protocol": p, "cause": c, "text": t} for p, c, t in reasons])


def _note_error(c: Columns, rows: NDArray[np.int64], error: Error, at: NDArray[np.float64]) -> None:
    if not error.interface:
        return
    c["first_error_interface"][rows] = error.interface
    c["first_error_message"][rows] = error.message or None
    c["first_error_protocol"][rows] = error.protocol or None
    c["first_error_code"][rows] = np.nan if error.code is None else error.code
    c["first_error_node"][rows] = error.node or None
    c["first_error_at"][rows] = at


def _fail_setup(
    c: Columns, peer: Columns, rows: NDArray[np.int64], event: SetupFailure, rng: np.random.Generator
) -> None:
    at = c[event.last][rows] + draw(event.wait_s, len(rows), rng)
    status = numeric(choose(event.status, len(rows), rng))
    warning = choose(event.warning or (None,), len(rows), rng)
    for leg in (c, peer):
        for later in ORDER[ORDER.index(event.last) + 1 :]:
            leg[later][rows] = np.nan
        leg["t_end"][rows] = at
        leg["t_qci1_released"][rows] = np.where(np.isnan(leg["t_qci1_established"][rows]), np.nan, at)
        leg["final_status"][rows] = status
        leg["warning_text"][rows] = warning
        leg["reasons"][rows] = _reasons(event.reasons)
        put(
            leg,
            rows,
            {
                "releasing_side": event.side,
                "releasing_node": event.node or None,
                "codec": None,
                "max_rtp_gap": None,
                "handover_count": 0.0,
            },
            rng,
        )
        if event.last in ("started_at", "t_100"):
            put(leg, rows, {"rx_vendor": None, "rx_code": None}, rng)
        if event.last_error:
            put(
                leg,
                rows,
                {"last_error_protocol": event.last_error[0], "last_error_code": event.last_error[1]},
                rng,
            )
    _note_error(c, rows, event.error, at - 0.3 * (at - c[event.last][rows]))
    put(c, rows, event.own, rng)
    put(peer, rows, event.peer, rng)


def _drop(c: Columns, peer: Columns, rows: NDArray[np.int64], event: Drop, rng: np.random.Generator) -> None:
    at = c["t_200"][rows] + draw(event.after_s, len(rows), rng)
    normal = event.last_error is None
    for leg in (c, peer):
        leg["t_end"][rows] = at
        leg["t_qci1_released"][rows] = at - (0.0 if normal else 0.4)
        leg["reasons"][rows] = _reasons(event.reasons)
        put(leg, rows, {"releasing_side": event.side, "releasing_node": event.node}, rng)
        if event.last_error:
            put(
                leg,
                rows,
                {"last_error_protocol": event.last_error[0], "last_error_code": event.last_error[1]},
                rng,
            )
    if event.side == "called":
        c["releasing_side"][rows] = choose(("calling", "called"), len(rows), rng)
        peer["releasing_side"][rows] = c["releasing_side"][rows]
    _note_error(c, rows, event.error, at - rng.uniform(0.3, 1.2, len(rows)))
    put(c, rows, {"s1ap_group": event.group or None, "s1ap_cause": event.cause}, rng)
    put(c, rows, event.own, rng)


def run_calls(
    talk_s: NDArray[np.float64], name: NDArray[Any], rng: np.random.Generator
) -> tuple[Columns, Columns, NDArray[np.bool_]]:
    """Run one call per row under its event ("" for none).

    Returns the own leg, the peer leg and whether the INVITE reached the peer.
    """
    own = _answered(len(talk_s), talk_s, rng)
    peer = {key: column.copy() for key, column in own.items()}
    for key in ("t_100", "t_183", "t_180", "t_200", "t_qci1_requested", "t_qci1_established"):
        peer[key] = peer[key] + rng.uniform(-0.02, 0.02, len(talk_s))
    peer["handover_count"] = rng.poisson(0.7, len(talk_s)).astype(float)
    reached = np.ones(len(talk_s), dtype=bool)
    for event in sorted({str(v) for v in name if v}):
        rows = np.flatnonzero(name == event)
        if event in SETUP:
            _fail_setup(own, peer, rows, SETUP[event], rng)
            reached[rows] = SETUP[event].reaches_peer
        elif event in DROPS:
            _drop(own, peer, rows, DROPS[event], rng)
    return own, peer, reached
