"""Which incident of G-02 stops the tree: one that can explain this complaint.

G-02 looks two hours around the complaint and one ring around the cell, because time and place are uncertain.
Two things are nearer than that: the user's own record where it shows clearly what went wrong while no alarm
was active, and planned work on the very element that served the user while the incident lies beside it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diagnosis.guilty_node import guilty_types
from diagnosis.outcome import HIT, NO_DATA, Entry, Mask, Outcomes, Plan, States
from diagnosis.support import STOPPING, flag

CLEAR_OWN = 3.0  # weight of own evidence that shows clearly what went wrong
NEAR_ALARM_H = 0.25  # G-02: default uncertainty of the complaint time
# Node types under which records, alarms and the inventory name one and the same element (records.md, node).
_ONE_ELEMENT = {"cscf": ("scscf", "icscf", "pcscf"), "sbc": ("sbc", "pcscf"), "pcscf": ("pcscf", "sbc")}


def without_other_incident(plan: Plan, outcomes: Outcomes) -> States:
    """Entry states in which an incident that does not explain the complaint is no evidence (NO_DATA)."""
    states = outcomes.entries.copy(order="K")
    rows = _is_distant(plan, outcomes) | _is_beside_work(plan, outcomes)
    incident = plan.cause_number.get(STOPPING[1], -1)
    at = [
        e.number for e in plan.entries if e.causes[0] == incident and plan.checks[e.check].category == "all"
    ]
    block = np.ix_(np.flatnonzero(rows), np.array(at, np.int64))
    states[block] = np.where(states[block] == HIT, NO_DATA, states[block])
    return states


def _is_distant(plan: Plan, outcomes: Outcomes) -> Mask:
    """Own evidence, or planned work, is clear and no alarm was active then where the attempt went."""
    clear = [e.number for e in plan.entries if _is_clear(plan, e) or _is_work(plan, e)]
    found = (outcomes.entries[:, clear] == HIT).any(axis=1)
    return np.asarray(_incident_elsewhere(outcomes) & found)


def _is_beside_work(plan: Plan, outcomes: Outcomes) -> Mask:
    """Planned work goes on at the user's own element; the incident is at another one.

    An alarm of the first ring is beside it. One of a core node that served the user is so where the own
    record shows a failure that the element under work can cause and the alarmed one cannot. An alarm that the
    element under work raised while the work went on is part of the work.
    """
    frame = outcomes.readings
    works = [e.number for e in plan.entries if _is_work(plan, e)]
    own_work = (outcomes.entries[:, works] == HIT).any(axis=1) & flag(
        frame, pl.col("change_relation").is_in(["own", "node"])
    )
    in_ring = flag(frame, (pl.col("mass_relation") == "ring") & ~pl.col("alarm_on_core_node"))
    of_core = flag(frame, (pl.col("mass_relation") == "node") & ~pl.col("cluster_on_element"))
    of_work = flag(frame, _raised_by_work()) & flag(frame, pl.col("alarm_sites").fill_null(0) < 2)
    found = own_work & (in_ring | of_work)
    asked = np.flatnonzero(own_work & of_core & ~found)
    changed = _fits(plan, outcomes, "change_node_type", asked)
    found[asked] = changed & ~_fits(plan, outcomes, "alarm.alarmed_object_type", asked)
    return np.asarray(found)


def _raised_by_work() -> pl.Expr:
    """Return whether the alarm is on the element under work and was raised while the work went on."""
    in_time = pl.col("alarm.raised_at").is_between("change_from", "change_to")
    on_cell = (pl.col("change_relation") == "own") & (pl.col("mass_relation") == "own")
    on_node = (pl.col("change_relation") == "node") & (pl.col("mass_relation") == "node")
    same_type = pl.col("change_node_type") == pl.col("alarm.alarmed_object_type").replace("cscf", "scscf")
    return in_time & ((on_cell & ~pl.col("alarm_on_core_node")) | (on_node & same_type))


def _fits(plan: Plan, outcomes: Outcomes, column: str, rows: NDArray[np.int64]) -> Mask:
    """Tell for which rows clear own evidence shows a cause that lies in a node of the type in `column`."""
    frame, found = outcomes.readings, np.zeros(len(rows), np.bool_)
    if column not in frame.columns or not len(rows):
        return found
    kinds = frame[column][rows].fill_null("").cast(pl.String).to_numpy()
    entries = outcomes.entries[rows]
    for entry in plan.entries:
        types = guilty_types().get(plan.causes[entry.causes[0]], {}).get("types", ())
        if types and _is_clear(plan, entry):
            same = [
                kind for kind in {*types, *_ONE_ELEMENT} if {kind, *_ONE_ELEMENT.get(kind, ())} & {*types}
            ]
            found |= (entries[:, entry.number] == HIT) & np.isin(kinds, sorted(same))
    return found


def _is_work(plan: Plan, entry: Entry) -> bool:
    return not entry.is_route and plan.causes[entry.causes[0]] == STOPPING[0]


def _is_clear(plan: Plan, entry: Entry) -> bool:
    own = not entry.is_route and entry.rank == 0 and entry.spec.hit >= CLEAR_OWN
    return own and plan.checks[entry.check].category != "all"


def _incident_elsewhere(outcomes: Outcomes) -> Mask:
    """Tell where no alarm was active at the complaint, or only on a CSCF that the attempt never reached."""
    frame = outcomes.readings
    distant = flag(frame, pl.col("alarm_distance_h") > NEAR_ALARM_H)
    on_site = flag(frame, (pl.col("alarm_sites") >= 2) | pl.col("cluster_on_element"))
    of_pool = flag(frame, pl.col("alarm_on_core_node") & pl.col("serving.scscf").is_null())
    kinds = flag(frame, pl.col("alarm.alarmed_object_type").is_in(["cscf", "enb", "cell", "transport_link"]))
    return distant | (of_pool & kinds & ~on_site)
