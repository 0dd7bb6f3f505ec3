"""Fault definitions by category: which state a fault changes and which events it makes likely."""

from __future__ import annotations

from callcause.simulator.faults.access import ACCESS
from callcause.simulator.faults.csfb import CSFB
from callcause.simulator.faults.drop import DROP
from callcause.simulator.faults.fault import Alarm, Fault
from callcause.simulator.faults.registration import REGISTRATION
from callcause.simulator.faults.shared import SHARED
from callcause.simulator.faults.voice import VOICE

ALL: tuple[Fault, ...] = (*REGISTRATION, *ACCESS, *DROP, *VOICE, *CSFB, *SHARED)

__all__ = ["ACCESS", "ALL", "CSFB", "DROP", "REGISTRATION", "SHARED", "VOICE", "Alarm", "Fault"]
