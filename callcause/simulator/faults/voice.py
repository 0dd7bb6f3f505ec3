"""Faults that spoil the voice."""

from __future__ import annotations

from functools import partial
from typing import Any

from callcause.simulator.faults.fault import Alarm, Fault

M = partial(Fault, category="mos")
SHORT: dict[str, Any] = {"before_h": (0.3, 1.0), "lasts_h": (0.4, 0.9)}

VOICE: tuple[Fault, ...] = (
    M("mos-narrowband-codec", event=("voice_narrow",), decisive="call"),
    M("mos-narrowband-codec", event=("voice_pcm",), operator="fixed", role="mo", decisive="call"),
    M("mos-fell-to-gsm-codec", event=("voice_on_2g",), edge_db=(8.0, 14.0), decisive="call"),
    M(
        "mos-high-uplink-loss-cell",
        scope="cell",
        event=("voice_air",),
        cell={"ul_loss": (6.0, 12.0)},
        weight=0.7,
    ),
    M(
        "mos-high-downlink-loss-cell",
        scope="cell",
        event=("voice_air",),
        cell={"dl_loss": (6.0, 12.0)},
        weight=0.7,
    ),
    M(
        "mos-equipment-fault",
        scope="cell",
        event=("voice_air",),
        cell={"ul_loss": (4.0, 9.0), "dl_loss": (4.0, 9.0)},
        before_h=(1.0, 30.0),
        alarms=(Alarm("cell", "VSWR over limit", "major", service_affecting=False),),
    ),
    M(
        "mos-equipment-fault",
        scope="cell",
        event=("voice_air",),
        before_h=(1.0, 30.0),
        cell={"ul_loss": (4.0, 9.0), "dl_loss": (4.0, 9.0)},
        alarms=(Alarm("enb", "optical port errors", "minor", service_affecting=False),),
    ),
    M(
        "mos-uplink-weak-coverage",
        scope="cell",
        event=("voice_air",),
        cell={"uplink_loss_db": (26.0, 33.0)},
        edge_db=(6.0, 11.0),
        weight=1.5,
    ),
    M(
        "mos-uplink-interference",
        scope="cell",
        event=("voice_air",),
        cell={"ul_noise_dbm": (17.0, 23.0), "rach_fail": (0.005, 0.03)},
        weight=1.3,
        edge_db=(3.0, 7.0),
    ),
    M(
        "mos-handover-trouble",
        scope="cell",
        event=("voice_handover",),
        hazard=(0.05, 0.15),
        cell={"ho_fail": (0.02, 0.08), "ho_early": (5.0, 20.0)},
    ),
    M(
        "mos-load-or-cce-shortage",
        scope="cell",
        event=("voice_air",),
        hazard=(0.0, 0.1),
        cell={
            "load_scale": (0.45, 0.62),
            "cce_extra": (25.0, 40.0),
            "dl_loss": (4.0, 8.0),
            "ul_loss": (2.0, 5.0),
            "dl_discard": (0.2, 1.5),
            "dl_delay_ms": (20.0, 60.0),
        },
    ),
    M(
        "mos-downlink-quality",
        scope="cell",
        event=("voice_air",),
        changes=("mod3",),
        cell={"dl_noise_rise_db": (19.0, 25.0)},
        edge_db=(0.0, 3.0),
    ),
    M(
        "mos-layer2-parameter",
        scope="cell",
        event=("voice_air",),
        config={"pdcp_discard_timer_qci1": ("50",), "sr_period": (20, 80)},
        cell={"dl_discard": (2.0, 6.0), "dl_loss": (4.0, 8.0)},
    ),
    M(
        "mos-rohc-misconfigured",
        scope="cell",
        event=("voice_air",),
        config={"rohc_enabled": (False,)},
        cell={"ul_loss": (5.0, 10.0), "gbr_share": (6.0, 12.0)},
    ),
    M(
        "mos-timing-advance-defect",
        scope="cell",
        event=("voice_ta",),
        hazard=(0.03, 0.1),
        cell={"ul_noise_dbm": (5.0, 6.5), "ul_loss": (2.0, 5.0)},
    ),
    M(
        "mos-rrc-reestablishment-gap",
        scope="cell",
        event=("voice_gap",),
        hazard=(0.02, 0.08),
        cell={"reestablish": (0.01, 0.05)},
    ),
    M(
        "mos-transport-qos",
        scope="cell",
        event=("voice_transport",),
        hazard=(0.4, 0.8),
        cell={"transport_loss": (0.5, 3.0), "transport_jitter_ms": (15.0, 60.0)},
    ),
    M("mos-media-gateway-transcoding", event=("voice_transcoding",), edge_db=(6.0, 12.0), decisive="call"),
    M(
        "mos-media-gateway-transcoding",
        scope="node",
        node_type="sbc",
        event=("voice_media_full",),
        hazard=(0.1, 0.4),
        node={"cpu": (0.5, 0.6)},
        **SHORT,
    ),
    M("mos-one-way-sdp-nat", event=("voice_nat",), decisive="call"),
    M(
        "mos-media-relay-fault",
        scope="node",
        node_type="rtp_proxy",
        event=("voice_relay", "voice_relay_bypassed"),
        hazard=(0.2, 0.6),
        node={"relay_fail": (0.03, 0.3)},
        **SHORT,
    ),
    M(
        "mos-terminal-defect",
        scope="model",
        event=("voice_phone",),
        hazard=(0.3, 0.6),
        model="mos",
        before_h=(240.0, 300.0),
    ),
    M("mos-far-end-other-network", event=("voice_far",), operator="other", role="mo", decisive="call"),
)
