"""The lab's plan: names, addresses, subscribers, timers. One run is one namespace and one directory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
CORE = "10.45.0"
ENODEB, CELL, TAC = 1281, 7, 9811
ECGI = f"001-01-{ENODEB}-{CELL}"


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the lab."""

    node_id: str
    node_type: str
    host: str
    port: int
    metrics_port: int = 0
    capture_id: int = 0

    @property
    def name(self) -> str:
        """The host name that DNS knows."""
        return f"{self.node_id.lower().replace('-', '')}.{DOMAIN}"


PCSCF = Node("PCSCF-1", "pcscf", f"{CORE}.11", 5060, 9090, 2011)
ICSCF = Node("ICSCF-1", "icscf", f"{CORE}.12", 5060, 9090, 2012)
SCSCF_1 = Node("SCSCF-1", "scscf", f"{CORE}.13", 5060, 9090, 2013)
SCSCF_2 = Node("SCSCF-2", "scscf", f"{CORE}.14", 5060, 9090, 2014)
HSS = Node("HSS-1", "hss", f"{CORE}.21", 3868)
DNS = Node("DNS-1", "dns", f"{CORE}.22", 53)
RELAY = Node("RTPP-1", "rtp_proxy", f"{CORE}.31", 2223, 9900, 2031)
WATCHER = f"{CORE}.41"
HEP_PORT = 9060
CSCFS = (PCSCF, ICSCF, SCSCF_1, SCSCF_2)
NODES = (*CSCFS, HSS, DNS, RELAY)


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds that each layer waits before it gives up; `name` is `staggered` or `equal`."""

    name: str
    diameter_s: float
    scscf_s: float
    icscf_s: float
    pcscf_s: float


STAGGERED = Timers("staggered", 2.0, 4.5, 6.0, 9.0)
EQUAL = Timers("equal", 5.0, 5.0, 5.0, 5.0)
TIMERS = {timers.name: timers for timers in (STAGGERED, EQUAL)}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One customer: what the SIM and the HSS share."""

    index: int
    scscf: Node = SCSCF_1

    @property
    def imsi(self) -> str:
        return f"00101{self.index:010d}"

    @property
    def msisdn(self) -> str:
        return f"86138000{self.index:05d}"

    @property
    def impi(self) -> str:
        return f"{self.imsi}@{DOMAIN}"

    @property
    def impu(self) -> str:
        return f"sip:+{self.msisdn}@{DOMAIN}"

    @property
    def host(self) -> str:
        return f"10.45.{1 + self.index // 250}.{1 + self.index % 250}"

    @property
    def key(self) -> bytes:
        return hashlib.sha256(f"K {self.index}".encode()).digest()[:16]

    @property
    def opc(self) -> bytes:
        return hashlib.sha256(f"OPc {self.index}".encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its directory, its timers, its subscribers."""

    root: Path
    timers: Timers = STAGGERED
    subscribers: tuple[Subscriber, ...] = field(
        default=tuple(Subscriber(n, SCSCF_2 if n % 10 == 9 else SCSCF_1) for n in range(1, 800))
    )

    @property
    def hss_log(self) -> Path:
        """Diameter transactions as JSON lines."""
        return self.root / "hss.jsonl"

    def socket(self, name: str) -> Path:
        """Return the control socket of a part."""
        return self.root / "run" / f"{name}.sock"

    def log(self, name: str) -> Path:
        """Return where a part's output goes."""
        return self.root / "log" / f"{name}.log"
