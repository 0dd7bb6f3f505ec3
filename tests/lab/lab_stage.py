"""Plays one fault on a running core: prepare the phones, inject, let the customer try, heal."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass

from lab_core import Core
from lab_faults import Fault, Scene
from lab_network import SCSCF_1, SCSCF_2, Subscriber
from lab_ue import Outcome, Phone


@dataclass(slots=True)
class Played:
    """What happened: the attempt as the customer's phone saw it, and when the fault began."""

    fault: Fault
    caller: Subscriber
    callee: Subscriber
    outcome: Outcome
    injected: float
    heard: tuple[int, int] = (0, 0)
    """Packets of speech that the called phone received, and expected."""


class Stage:
    """Gives every play fresh subscribers, so that no play sees what another left."""

    def __init__(self, core: Core) -> None:
        self.core = core
        subscribers = core.plan.subscribers
        self._first = itertools.cycle(s for s in subscribers if s.scscf is SCSCF_1)
        self._second = itertools.cycle(s for s in subscribers if s.scscf is SCSCF_2)

    async def play(self, fault: Fault) -> Played:
        """Play a fault and leave the core healed."""
        mine = next(self._second if fault.second_scscf else self._first)
        scene = Scene(self.core, Phone(mine), Phone(next(self._first)))
        phones = (scene.caller, scene.callee)
        for phone in phones:
            await phone.switch_on()
        try:
            return await self._act(fault, scene)
        finally:
            for phone in phones:
                await phone.switch_off()
            await asyncio.to_thread(fault.heal, scene)
            await asyncio.to_thread(self.core.ready)

    async def _act(self, fault: Fault, scene: Scene) -> Played:
        if fault.attempt == "call":
            await self._registered(scene.caller, fault.caller_registers)
            await self._registered(scene.callee, not fault.callee_absent)
        injected = time.time()
        await asyncio.to_thread(fault.inject, scene)
        if fault.name == "pcscf_restarted":
            await asyncio.to_thread(self.core.ready)
        if fault.attempt == "register":
            outcome = await scene.caller.register()
        else:
            outcome = await scene.caller.call(scene.callee.subscriber.impu, fault.talk_s)
        heard = scene.callee.heard.get(outcome.call_id, (0, 0))
        return Played(fault, scene.caller.subscriber, scene.callee.subscriber, outcome, injected, heard)

    async def _registered(self, phone: Phone, wanted: bool) -> None:
        """Register where that is wanted, as often as a patient customer would try."""
        for left in reversed(range(3 if wanted else 0)):
            outcome = await phone.register()
            if outcome.status == 200:
                return
            if not left:
                raise RuntimeError(f"could not register before the fault: {outcome.status} {outcome.reason}")
