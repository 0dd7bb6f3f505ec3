"""Which input a fault is decided by, so that its removal leaves nothing that decides.

An input is a record of the customer (`call`), a table (`neighbour`: the rows of the cell), some columns of
the customer's records, which then come from a probe that lacks them, or the counters of the cell.
"""

from __future__ import annotations

from callcause.simulator.faults.fault import Fault

CELL_COUNTERS = "cell_kpi"
# Columns that a thin probe writes: who, where and when, not what became of the attempt.
THIN: dict[str, frozenset[str]] = {
    "call": frozenset(
        {
            *("id", "icid", "leg", "other_leg_id", "calling_number", "called_number", "called_operator"),
            *("imsi", "imei_tac", "first_ecgi", "last_ecgi", "first_tac", "p_access_network_info"),
            *("started_at", "sbc_name", "scscf_name", "mme_name", "pgw_name", "msc_name"),
        }
    ),
    "registration": frozenset(
        {
            "id",
            "imsi",
            "impi",
            "impu",
            "imei_tac",
            "ecgi",
            "tac",
            "started_at",
            "registration_type",
            "mme_name",
        }
    ),
}
# The only columns that tell an event from others.
SOLE_COLUMNS: dict[str, tuple[str, ...]] = {
    "csfb_locked": ("call.lte_locked",),
    "csfb_cs_retry": ("call.cs_retry",),
    "phone_dead": ("call.terminal_dead",),
    "reg_cs_only": ("registration.ue_voice_domain",),
    "reg_cs_preferred": ("registration.ue_voice_domain",),
    "reg_security": ("registration.security_result",),
    "reg_eps_only": ("registration.combined_result", "registration.emm_cause"),
    "reg_msc_down": ("registration.combined_result", "registration.emm_cause"),
    "reg_sms_only": ("registration.combined_result", "registration.emm_cause"),
}
BY_SLICES = frozenset({"voice_nat", "voice_far"})
THIN_CATEGORIES = frozenset({"registration", "access", "drop"})
Inputs = tuple[str, ...]


def decisive_inputs(fault: Fault, event: str) -> tuple[Inputs, ...]:
    """Return the inputs of which any one decides: without it nobody can tell."""
    if fault.decisive:
        found: list[Inputs] = [(fault.decisive,)]
        if fault.category in THIN_CATEGORIES:
            found.append((f"{fault.decisive}.*",))
        registration = fault.own.get("registration", "")
        marks = (event, *((registration,) if isinstance(registration, str) else registration))
        found += sorted({SOLE_COLUMNS[mark] for mark in marks if mark in SOLE_COLUMNS})
        if event in BY_SLICES:
            found.append(("voice_slice",))
        return tuple(found)
    if fault.user and event == "reg_never_tries":
        return (("subscriber",),)
    if "missing_neighbour" in fault.changes:
        return (("neighbour",),)
    return ()


def has_counters(fault: Fault) -> bool:
    """Whether the fault shows in the counters of its cell, besides elsewhere."""
    return fault.scope == "cell" and bool(fault.cell) and not fault.alarms


def lacking_columns(inputs: Inputs, kind: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of one record kind that the removed inputs take away; `call.*` leaves those of a thin probe."""
    if f"{kind}.*" in inputs:
        return tuple(c for c in columns if c not in THIN[kind])
    return tuple(c for c in columns if f"{kind}.{c}" in inputs)
