"""Subscribers and the phones they use. The first rows are the customers who complain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.topology import Rows

BRANDS = ("Huashan", "Linjiang", "Xingye", "Beiming", "Novara", "Kestrel")
DEFECTS = ("access", "drop", "mos", "csfb")
LEGACY_SHARE = 0.06


@dataclass
class Population:
    """`columns` are fields of record `subscriber`; `home` is a cell, `model` a row of `models`."""

    columns: Rows
    home: NDArray[np.int64]
    model: NDArray[np.int64]
    models: Rows
    legacy: NDArray[np.bool_]
    defective: dict[str, int]

    @property
    def size(self) -> int:
        """Number of subscribers."""
        return len(self.home)

    def number(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """MSISDN of each index."""
        numbers: NDArray[Any] = self.columns["msisdn"][index]
        return numbers

    def lends(self, model: int) -> str:
        """IMEI TAC of a model."""
        return str(self.models["imei_tac"][model])


def _objects(values: list[Any]) -> NDArray[Any]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def build_models(rng: np.random.Generator) -> tuple[Rows, NDArray[np.bool_], dict[str, int]]:
    """Twenty-four good models, three without VoLTE, and one that fails in each way of `DEFECTS`."""
    n = 24 + 3 + len(DEFECTS)
    legacy = np.zeros(n, bool)
    legacy[24:27] = True
    tac = 35100000 + np.arange(n) * 1117 + rng.integers(0, 900, n)
    models: Rows = {
        "imei_tac": _objects([f"{t:08d}" for t in tac]),
        "brand": _objects([BRANDS[i % len(BRANDS)] for i in range(n)]),
        "model": _objects([f"{'NKXLQ'[i % 5]}-{100 + 7 * i}" for i in range(n)]),
        "chipset": _objects([("MT-A", "SD-B", "KR-C", "UN-D")[i % 4] for i in range(n)]),
        "volte_supported": ~legacy,
        "volte_min_firmware": _objects(
            [None if v else f"{3 + i % 4}.{i % 6}.1" for i, v in enumerate(legacy)]
        ),
        "carrier_profile": _objects([f"CMCC-{2 + i % 3}.{i % 4}" for i in range(n)]),
        "srvcc_supported": ~legacy,
        "voice_domain_default": _objects(["cs_only" if v else "ims_ps_preferred" for v in legacy]),
        "codecs": _objects(
            ["AMR" if v else "AMR;AMR-WB;EVS" if i % 3 == 0 else "AMR;AMR-WB" for i, v in enumerate(legacy)]
        ),
        "csfb_trigger_codes": _objects(["3XX;380" if i % 7 else "3XX;4XX;5XX;6XX" for i in range(n)]),
        "known_issues": _objects([None] * n),
    }
    models["known_issues"][27 + DEFECTS.index("mos")] = "microphone gain collapses after an update"
    models["known_issues"][3] = "battery drain with old firmware"
    return models, legacy, {defect: 27 + i for i, defect in enumerate(DEFECTS)}


def build_population(cells: int, customers: int, rng: np.random.Generator) -> Population:
    """All subscribers, provisioned as they should be."""
    models, legacy, defective = build_models(rng)
    others = min(cells * 25, 20_000)
    n = customers + others
    good = np.flatnonzero(~legacy)[:24]
    model = rng.choice(good, n)
    model[customers:] = np.where(
        rng.random(others) < LEGACY_SHARE, 24 + rng.integers(0, 3, others), model[customers:]
    )
    for place in defective.values():
        model[customers + rng.choice(others, max(8, others // 30), replace=False)] = place
    columns = _subscriptions(legacy[model], rng)
    home = rng.integers(0, cells, n)
    return Population(columns, home, model, models, legacy[model], defective)


def _subscriptions(legacy: NDArray[np.bool_], rng: np.random.Generator) -> Rows:
    """Provision each subscriber in the HSS; those whose phone has no VoLTE (`legacy`) without it."""
    n = len(legacy)
    msisdn = _objects([f"86139{10_000_000 + int(v) * 7 % 89_999_999:08d}" for v in rng.permutation(n)])
    imsi = _objects([f"46000{1_000_000_000 + i * 37:010d}" for i in range(n)])
    domain = "ims.mnc000.mcc460.3gppnetwork.org"
    return {
        "msisdn": msisdn,
        "imsi": imsi,
        "impi": _objects([f"{v}@{domain}" for v in imsi]),
        "impu": _objects(
            [f"sip:+{v}@{domain};tel:+{v}" if i % 2 else f"sip:+{v}@{domain}" for i, v in enumerate(msisdn)]
        ),
        "home_region": _objects(["0871"] * n),
        "card_type": _objects(["USIM"] * n),
        "volte_subscribed": ~legacy,
        "volte_opened_at": np.where(legacy, np.nan, -86400.0 * 200),
        "account_state": _objects(["normal"] * n),
        "eps_subscribed": np.ones(n, bool),
        "ims_apn_subscribed": ~legacy,
        "pdn_type": _objects(["IPv4v6"] * n),
        "ims_profile_present": ~legacy,
        "as_profile_present": ~legacy,
        "roaming_allowed": np.ones(n, bool),
        "srvcc_subscribed": np.ones(n, bool),
        "stn_sr": _objects(["8613900000099"] * n),
        "cs_subscribed": np.ones(n, bool),
        "call_forwarding": _objects(["CFNRc" if v else None for v in rng.random(n) < 0.1]),
        "call_barring": _objects([None] * n),
        "intercept_blocked": np.zeros(n, bool),
    }
