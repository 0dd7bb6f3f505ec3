"""How kind a simulated network is to those who look for its faults.

`plain` is the network of the demo. `harder` is one fixed network type with weaker faults, more noise, other
causes, thinner data and a RAN vendor that names counters its own way. `strained` is plain with a few cells at
their limits all the time. `perturbed` draws all of these anew
from the seed, so that nothing can be fitted to one set of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from callcause_error import UsageError, did_you_mean

NAMES = ("plain", "harder", "strained", "perturbed")
# Columns that a probe of such a network may lack: each is a detail that other columns tell too.
SPARE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "call": (
        "power_headroom_last",
        "pusch_rsrp_last",
        "sip_call_id",
        "sdp_offered_codecs",
        "shortest_return",
        "max_rtp_gap",
        "last_error_code",
        "first_tac",
        "gx_rule_failure_code",
        "rx_abort_cause",
        "first_error_message",
        "first_error_at",
    ),
    "registration": ("pdn_type_assigned", "auts_present", "first_error_status", "reason_text", "tac"),
    "voice_slice": ("codec_rate", "delay", "jitter", "mos"),
    "cell": ("rrc_user_limit", "gbr_limit", "software_version", "gsm_lac_at_site"),
    "neighbour": ("reported_rsrp", "reported_count"),
    "subscriber": ("call_forwarding", "pdn_type", "srvcc_subscribed"),
    "device_model": ("known_issues", "voice_domain_default", "codecs"),
}


@dataclass(frozen=True)
class Variant:
    """Shares from 0 to 1; factors are 1 in the plain network.

    noise        factor of the spread between objects and of the noise from hour to hour
    effect       factor of what a fault adds to the state of a cell or node, and to its hazard
    mix          spread (natural log) of the weights of causes; 0 = every cause comes once before any twice
    answered     customers that are asked the guided questions; mistaken = tickets with one wrong answer
    clock_s      how well customers remember the time (standard deviation)
    pm_trouble   factor of the shares of missing, late and suspect PM data
    removed      tickets, of those where it can be, that lose the input that decides
    spare_lost   share of `SPARE_COLUMNS` that no source of this network writes
    vendor_names one RAN vendor writes its own counter names
    spots        a few cells are at their limits all the time (module trouble_spots)
    """

    name: str = "plain"
    noise: float = 1.0
    effect: float = 1.0
    mix: float = 0.0
    answered: float = 0.75
    mistaken: float = 0.0
    clock_s: float = 100.0
    pm_trouble: float = 1.0
    removed: float = 0.12
    spare_lost: float = 0.0
    vendor_names: bool = False
    spots: bool = False
    lost: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def variant_of(name: str, rng: np.random.Generator) -> Variant:
    """Return the variant of that name; what it leaves to chance is drawn from `rng`."""
    if name not in NAMES:
        raise UsageError("unknown variant", key=name, hint=did_you_mean(name, NAMES))
    if name == "plain":
        return Variant()
    if name == "strained":
        return Variant(name, spots=True)
    if name == "harder":
        chosen = Variant(name, 1.8, 0.65, 0.8, 0.55, 0.06, 260.0, 4.0, 0.2, 0.25, vendor_names=True)
    else:
        chosen = _perturbed(rng)
    return Variant(**{**vars(chosen), "lost": _lost(chosen.spare_lost, rng)})


def _perturbed(rng: np.random.Generator) -> Variant:
    return Variant(
        name="perturbed",
        noise=float(np.exp(rng.uniform(np.log(0.6), np.log(2.6)))),
        effect=float(np.exp(rng.uniform(np.log(0.4), np.log(1.3)))),
        mix=float(rng.uniform(0.0, 1.4)),
        answered=float(rng.uniform(0.2, 0.95)),
        mistaken=float(rng.uniform(0.0, 0.15)),
        clock_s=float(rng.uniform(30.0, 420.0)),
        pm_trouble=float(rng.uniform(0.0, 10.0)),
        removed=float(rng.uniform(0.05, 0.3)),
        spare_lost=float(rng.uniform(0.0, 0.5)),
        vendor_names=bool(rng.random() < 0.5),
    )


def _lost(share: float, rng: np.random.Generator) -> dict[str, tuple[str, ...]]:
    return {
        kind: tuple(c for c in columns if rng.random() < share) for kind, columns in SPARE_COLUMNS.items()
    }
