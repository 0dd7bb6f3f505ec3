"""A call made in CS after fallback: Extended Service Request, redirection, 2G set-up, return to LTE."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.events import Fallback
from callcause.simulator.legs import Columns, draw, put

F = Fallback
FALLBACKS: dict[str, Fallback] = {
    "csfb_good": F(),
    "csfb_tcall": F(invite="started_at", status=408),
    "csfb_tqos": F(invite="t_183", status=580),
    "csfb_after_sip": F(invite="t_100", status=480),
    "csfb_after_500": F(invite="t_100", status=503),
    "csfb_cs_retry": F(
        invite="t_100",
        own={"cs_retry": True, "domain_selected": "cs", "paging_sent": True, "paging_answered": False},
    ),
    "csfb_no_lu": F(redirect_s=None, request_s=None, alerting_s=None, return_s=None),
    "csfb_lac_differs": F(request_s=(5.5, 8.5), alerting_s=(3.6, 5.5), own={"lau_before_call": True}),
    "csfb_lac_differs_mt": F(
        request_s=None,
        alerting_s=None,
        return_s=(4.0, 9.0),
        own={"lau_before_call": True, "paging_sent": True, "paging_answered": False},
    ),
    "csfb_wrong_la": F(
        request_s=None,
        alerting_s=None,
        return_s=(4.0, 9.0),
        own={"paging_sent": True, "paging_answered": False},
    ),
    "csfb_sgs_page": F(
        redirect_s=None,
        request_s=None,
        alerting_s=None,
        return_s=None,
        own={"paging_sent": True, "paging_answered": False},
    ),
    "csfb_no_arfcn": F(arfcns="none", request_s=None, alerting_s=None, return_s=(8.0, 15.0)),
    "csfb_stale_arfcn": F(arfcns="stale", request_s=(6.5, 9.5), alerting_s=(3.6, 5.0)),
    "csfb_no_redirect": F(redirect_s=None, request_s=None, alerting_s=None, return_s=None),
    "csfb_2g_weak": F(rxlev=(-108.0, -97.0), alerting_s=None, return_s=(3.0, 8.0)),
    "csfb_2g_blocked": F(alerting_s=None, return_s=(2.0, 5.0)),
    "csfb_slow": F(request_s=(5.5, 9.0), alerting_s=(6.0, 9.5)),
    "csfb_no_return": F(return_s=(18.0, 90.0)),
    "csfb_idle_left": F(own={"idle_left_lte_after": (14.0, 52.0)}),
    "csfb_security": F(request_s=(3.0, 6.0), alerting_s=None, return_s=(5.0, 9.0)),
    "csfb_locked": F(
        redirect_s=None, request_s=None, alerting_s=None, return_s=None, own={"lte_locked": True}
    ),
    "csfb_phone": F(request_s=(3.2, 5.0), alerting_s=None, return_s=(1.5, 3.5)),
}
STALE = "125;611"


def _invite(
    c: Columns, rows: NDArray[np.int64], event: Fallback, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Clear the SIP part that was not reached and return when the phone turned to CS."""
    sip = (
        "t_100",
        "t_183",
        "t_qci1_requested",
        "t_qci1_established",
        "t_update_sent",
        "t_update_answered",
        "t_180",
        "t_200",
    )
    first = 0 if event.invite in ("", "started_at") else sip.index(event.invite) + 1
    last = c[event.invite][rows] if event.invite else np.zeros(len(rows))
    for name in sip[first:]:
        c[name][rows] = np.nan
    for name in ("t_qci1_released", "rx_code", "rx_vendor", "first_error_at"):
        c[name][rows] = np.nan
    wait = {"": (0.0, 0.0), "started_at": (10.0, 10.4), "t_183": (6.0, 6.4)}.get(event.invite, (0.4, 2.0))
    return last + draw(wait, len(rows), rng)


def _apply(
    c: Columns,
    rows: NDArray[np.int64],
    event: Fallback,
    talk_s: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    at = _invite(c, rows, event, rng)
    put(
        c,
        rows,
        {
            "csfb_flag": True,
            "codec": None,
            "final_status": event.status,
            "releasing_node": "msc",
            "domain_selected": "cs",
            "handover_count": 0.0,
            "max_rtp_gap": None,
            "registered": bool(event.invite),
            "reasons": None,
        },
        rng,
    )
    c["t_esr"][rows] = at
    _fall_back(c, rows, event, talk_s, at, rng)
    put(c, rows, event.own, rng)


def _fall_back(
    c: Columns,
    rows: NDArray[np.int64],
    event: Fallback,
    talk_s: NDArray[np.float64],
    at: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Set the times from redirection to the return to LTE, up to the step that the event does not reach."""
    n = len(rows)
    for name, span in (
        ("t_redirect", event.redirect_s),
        ("t_cm_service_request", event.request_s),
        ("t_alerting", event.alerting_s),
    ):
        if span is None:
            break
        at = at + draw(span, n, rng)
        c[name][rows] = at
    talked = at + (talk_s[rows] if event.alerting_s else 0.0)
    if event.redirect_s:
        c["t_channel_release"][rows] = talked
        c["gsm_rxlev"][rows] = np.round(draw(event.rxlev, n, rng), 0)
    c["t_end"][rows] = talked + 0.2
    if event.return_s and event.redirect_s:
        c["t_tau_accept"][rows] = talked + draw(event.return_s, n, rng)


def run_fallbacks(
    c: Columns,
    name: NDArray[Any],
    talk_s: NDArray[np.float64],
    arfcns: NDArray[Any],
    cgi: NDArray[Any],
    rng: np.random.Generator,
) -> None:
    """Turn the rows whose event is a fallback into calls made in CS, in place."""
    for event in sorted({str(v) for v in name if v in FALLBACKS}):
        rows = np.flatnonzero(name == event)
        kind = FALLBACKS[event]
        _apply(c, rows, kind, talk_s, rng)
        if kind.redirect_s is None:
            continue
        c["gsm_cgi"][rows] = cgi[rows]
        if kind.arfcns != "none":
            c["csfb_redirect_arfcns"][rows] = STALE if kind.arfcns == "stale" else arfcns[rows]
