"""Settings of the evidence builder: windows and the limits that stand inside derived values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Defaults are those of the knowledge base; times in the unit that the name ends with.

    `names` restricts the wide columns (KPIs and the fields of the other leg) to the names that somebody
    will read; None builds everything, which costs memory.
    """

    names: frozenset[str] | None = None
    regional: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # region -> name -> limit
    record_window_min: float = 30.0  # G-04: own record within this distance
    told_time_min: float = 60.0  # a call that shows the fault is looked for as far from the told time
    state_window_h: float = 24.0  # attach and registration state older than this is not used
    time_uncertainty_min: float = 15.0  # G-02: uncertainty of the complaint time
    alarm_near_h: float = 2.0  # G-02: limit of alarm_distance_h
    alarm_horizon_h: float = 24.0  # alarms farther away than this are infinitely far
    alarm_together_min: float = 15.0  # G-02: alarms of several sites raised within this time
    cluster_window_h: float = 24.0  # G-03
    cluster_min_tickets: int = 3
    cluster_tail_p: float = 0.001
    volume_base_days: float = 14.0  # G-03: stored tickets needed for a normal volume
    position_limit_km: float = 1.0  # nearest cell by coordinates
    radio_rsrp_dbm: float = -110.0  # REG-11, ACC-03: radio_beyond_limit
    radio_noise_dbm: float = -110.0
    radio_rrc_percent: float = 95.0
    users_fell_percent: float = 30.0  # REG-21: ims_registered_users
    dns_reply_s: float = 0.02  # REG-20, ACC-21
    dns_failure_percent: float = 1.0
    hss_timeout_percent: float = 0.1  # ACC-20
    hss_location_percent: float = 99.0
    overlap_share_percent: float = 10.0  # DRP-07
    overlap_rsrp_dbm: float = -95.0
    reported_min: int = 10  # reports that make an undefined neighbour worth naming
    lossy_percent: float = 1.0  # MOS-05: loss begins here
    silent_share: float = 0.8  # a slice is silent when this share of it is
    model_min_calls: int = 100  # sample guard of model_vs_peer_ratio
    model_min_failures: int = 5
    on_net_min_calls: int = 20
    on_net_ok_percent: float = 95.0
    coverage_h: float = 1.0  # records must begin this long before an event to say "never registered"
    short_call_s: float = 30.0


# Limits inside derived values that an operator and a region may set.
LIMITS = (
    "radio_rsrp_dbm",
    "radio_noise_dbm",
    "radio_rrc_percent",
    "lossy_percent",
)
