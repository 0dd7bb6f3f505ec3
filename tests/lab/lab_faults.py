"""The faults: how each is made, what the customer does meanwhile, and what a right verdict says.

Nothing in here is read by callcause; the truth stands here only to compare with.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from lab_core import Core
from lab_network import (
    DNS,
    HSS,
    PCSCF,
    RELAY,
    SCSCF_1,
    SCSCF_2,
    Node,
)
from lab_ue import Impaired, Phone


@dataclass(slots=True)
class Scene:
    """The stage of one attempt: the core, the caller and the callee."""

    core: Core
    caller: Phone
    callee: Phone


Action = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `truth` names the source without which nobody could tell: hep, prometheus, hss_log, none."""

    name: str
    attempt: str
    inject: Action
    cause: str
    node: Node | None
    node_type: str
    truth: str
    heal: Action = lambda scene: None
    category: str = ""
    subset: bool = False
    second_scscf: bool = False
    """The customer is served by the second S-CSCF."""
    caller_registers: bool = True
    callee_absent: bool = False
    """The called phone has not registered."""
    talk_s: float = 1.0
    is_fault: bool = True
    also: tuple[str, ...] = ()
    """Causes that are as right as `cause`."""


def _hss(faults: dict[str, dict[str, object]]) -> Action:
    return lambda scene: scene.core.order_hss({"faults": faults})


def _heal_hss(scene: Scene) -> None:
    scene.core.order_hss({"faults": {}, "heal": True})


def _kill_hss(scene: Scene) -> None:
    scene.core.kill("hss")


def _start_hss(scene: Scene) -> None:
    scene.core.start_hss()


def _account(name: str, value: object) -> Action:
    return lambda scene: scene.core.order_hss({"accounts": {scene.caller.subscriber.impi: {name: value}}})


def _switch(node: Node, name: str, value: int) -> Action:
    return lambda scene: _set(scene.core, node, name, value)


def _set(core: Core, node: Node, name: str, value: int) -> None:
    core.rpc(node, "pv.shvSet", name, "int", value)


def _kill(node: Node) -> Action:
    return lambda scene: scene.core.kill(node.node_id)


def _freeze(node: Node) -> Action:
    return lambda scene: scene.core.kill(node.node_id, signal.SIGSTOP)


def _restart(node: Node) -> Action:
    def action(scene: Scene) -> None:
        scene.core.kill(node.node_id)
        scene.core.start_cscf(node)

    return action


def _dns_without_records(scene: Scene) -> None:
    scene.core.kill("dns")
    scene.core.start_dns(records=False)


def _dns_dead(scene: Scene) -> None:
    scene.core.kill("dns")


def _dns_back(scene: Scene) -> None:
    if scene.core.running("dns"):
        scene.core.kill("dns")
    scene.core.start_dns()


def _wrong_key(scene: Scene) -> None:
    caller = scene.caller
    milenage = caller.sim.milenage
    caller.sim.milenage = type(milenage)(bytes(16), milenage.opc)


def _old_sequence(scene: Scene) -> None:
    scene.caller.sim.sqn = 1 << 20


def _callee_gone(scene: Scene) -> None:
    scene.callee.deaf = True


def _callee_busy(scene: Scene) -> None:
    scene.callee.when_called = "busy"


def _callee_unknown(scene: Scene) -> None:
    scene.core.order_hss({"accounts": {scene.callee.subscriber.impi: {"barred": True}}})


def _iptables(action: str, *rule: str) -> None:
    subprocess.run(["iptables", action, "OUTPUT", *rule], check=True, capture_output=True)


def _media_to_callee(scene: Scene) -> tuple[str, ...]:
    return ("-s", RELAY.host, "-d", scene.callee.subscriber.host, "-p", "udp")


def _media_of_callee(scene: Scene) -> tuple[str, ...]:
    return ("-s", scene.callee.subscriber.host, "-d", RELAY.host, "-p", "udp")


def _lose(share: str) -> tuple[Action, Action]:
    """Lose a share of the media on its way from the relay to the callee, or all that the callee sends."""

    def rule(scene: Scene) -> tuple[str, ...]:
        chance = () if share == "1" else ("-m", "statistic", "--mode", "random", "--probability", share)
        way = _media_to_callee(scene) if chance else _media_of_callee(scene)
        return (*way, *chance, "-j", "DROP")

    return (lambda s: _iptables("-A", *rule(s))), (lambda s: _iptables("-D", *rule(s)))


def _spoil(delay_s: float, jitter_s: float) -> Action:
    def action(scene: Scene) -> None:
        scene.callee.impaired = Impaired(delay_s, jitter_s)

    return action


def _kill_relay(scene: Scene) -> None:
    scene.core.kill("rtpengine")


def _start_relay(scene: Scene) -> None:
    """Start the relay and, with it, the P-CSCF.

    Each of its workers keeps the error of the dead relay's port and refuses its next call for it.
    """
    scene.core.start_relay()
    scene.core.parts_listen()
    _restart(PCSCF)(scene)


def _nothing(scene: Scene) -> None:
    return


LOSS, LOSS_OVER = _lose("0.10")
SILENCE, SILENCE_OVER = _lose("1")
HSS_DOWN = "hss-unavailable-or-overloaded"


def _reg(name: str, inject: Action, cause: str, node: Node | None, truth: str, **more: object) -> Fault:
    node_type = str(more.pop("node_type", node.node_type if node else "other"))
    return Fault(name, "register", inject, f"reg-{cause}", node, node_type, truth, **more)


def _call(name: str, inject: Action, cause: str, node: Node | None, truth: str, **more: object) -> Fault:
    node_type = str(more.pop("node_type", node.node_type if node else "other"))
    return Fault(name, "call", inject, cause, node, node_type, truth, **more)


FAULTS: tuple[Fault, ...] = (
    _reg("hss_dead", _kill_hss, HSS_DOWN, HSS, "prometheus", heal=_start_hss, subset=True),
    _reg("hss_silent_uar", _hss({"UAR": {"silent": True}}), HSS_DOWN, HSS, "prometheus", heal=_heal_hss),
    _reg(
        "hss_slow_mar",
        _hss({"MAR": {"delay_s": 8}}),
        HSS_DOWN,
        HSS,
        "prometheus+hss_log",
        heal=_heal_hss,
        subset=True,
    ),
    _reg(
        "hss_busy_mar",
        _hss({"MAR": {"result": [0, 3004]}}),
        HSS_DOWN,
        HSS,
        "hss_log",
        heal=_heal_hss,
        subset=True,
    ),
    _reg("hss_fails_sar", _hss({"SAR": {"result": [0, 5012]}}), HSS_DOWN, HSS, "hss_log", heal=_heal_hss),
    _reg("hss_fails_uar", _hss({"UAR": {"result": [0, 5012]}}), HSS_DOWN, HSS, "hep+hss_log", heal=_heal_hss),
    _reg(
        "user_unknown",
        _account("barred", True),
        "ims-subscription-missing",
        HSS,
        "hep+hss_log",
        heal=_heal_hss,
        subset=True,
    ),
    _reg(
        "roaming_not_allowed",
        _hss({"UAR": {"result": [10415, 5004]}}),
        "ims-subscription-missing",
        HSS,
        "hep+hss_log",
        heal=_heal_hss,
    ),
    _reg("wrong_sim_key", _wrong_key, "aka-failure", None, "hep", subset=True),
    _reg(
        "scscf_overloaded_register",
        _switch(SCSCF_1, "overloaded", 1),
        "scscf-unavailable",
        SCSCF_1,
        "hep",
        heal=_switch(SCSCF_1, "overloaded", 0),
        subset=True,
    ),
    _reg(
        "scscf_slow_register",
        _switch(SCSCF_1, "delay_ms", 1),
        "scscf-unavailable",
        SCSCF_1,
        "hep",
        heal=_restart(SCSCF_1),
    ),
    _reg("scscf_dead_register", _kill(SCSCF_1), "scscf-unavailable", SCSCF_1, "hep", heal=_restart(SCSCF_1)),
    _reg(
        "second_scscf_dead_register",
        _kill(SCSCF_2),
        "scscf-unavailable",
        SCSCF_2,
        "hep",
        heal=_restart(SCSCF_2),
        second_scscf=True,
    ),
    _reg(
        "dns_without_record_register",
        _dns_without_records,
        "ims-dns-failure",
        DNS,
        "prometheus",
        heal=_dns_back,
        subset=True,
    ),
    _reg("dns_dead_register", _dns_dead, "ims-dns-failure", DNS, "prometheus", heal=_dns_back),
    _call(
        "dns_without_record_call",
        _dns_without_records,
        "acc-ims-dns-failure",
        DNS,
        "prometheus",
        heal=_dns_back,
    ),
    _call(
        "scscf_overloaded_call",
        _switch(SCSCF_1, "overloaded", 1),
        "acc-cscf-as-fault",
        SCSCF_1,
        "hep",
        heal=_switch(SCSCF_1, "overloaded", 0),
        subset=True,
    ),
    _call("scscf_dead_call", _freeze(SCSCF_1), "acc-cscf-as-fault", SCSCF_1, "hep", heal=_restart(SCSCF_1)),
    _call(
        "second_scscf_overloaded_call",
        _switch(SCSCF_2, "overloaded", 1),
        "acc-cscf-as-fault",
        SCSCF_2,
        "hep",
        heal=_switch(SCSCF_2, "overloaded", 0),
        second_scscf=True,
    ),
    _call(
        "hss_silent_lir",
        _hss({"LIR": {"silent": True}}),
        f"acc-{HSS_DOWN}",
        HSS,
        "prometheus",
        heal=_heal_hss,
    ),
    _call(
        "hss_fails_lir",
        _hss({"LIR": {"result": [0, 5012]}}),
        f"acc-{HSS_DOWN}",
        HSS,
        "hep+hss_log",
        heal=_heal_hss,
    ),
    _call(
        "callee_not_registered",
        _nothing,
        "acc-callee-not-registered",
        None,
        "hep",
        callee_absent=True,
    ),
    _call("callee_gone", _callee_gone, "acc-paging-failure", None, "hep"),
    _call("callee_unknown", _callee_unknown, "acc-user-behaviour", None, "hep", heal=_heal_hss),
    _call("callee_busy", _callee_busy, "acc-user-behaviour", None, "hep", subset=True),
    _call("pcscf_restarted", _restart(PCSCF), "acc-pcscf-state-lost", PCSCF, "hep", subset=True),
    _call(
        "caller_never_registered", _nothing, "acc-caller-not-registered", None, "hep", caller_registers=False
    ),
    _call("rtp_loss", LOSS, "mos-transport-qos", None, "hep", heal=LOSS_OVER, category="mos", talk_s=6.0),
    _call(
        "one_way_audio",
        SILENCE,
        "mos-one-way-sdp-nat",
        None,
        "hep+prometheus",
        heal=SILENCE_OVER,
        category="mos",
        talk_s=4.0,
    ),
    _call(
        "relay_dead",
        _kill_relay,
        "mos-media-relay-fault",
        RELAY,
        "prometheus",
        heal=_start_relay,
        category="mos",
        talk_s=3.0,
    ),
    _call("rtp_delay", _spoil(0.6, 0.0), "mos-transport-qos", None, "hep", category="mos", talk_s=6.0),
    _call("rtp_jitter", _spoil(0.02, 0.4), "mos-transport-qos", None, "hep", category="mos", talk_s=6.0),
    _reg("aka_resynchronisation", _old_sequence, "", None, "hep", is_fault=False, subset=True),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
