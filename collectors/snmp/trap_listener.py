"""The trap receiver: notifications of SNMPv2c and SNMPv3, traps and informs, taken as alarms."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import ntfrcv
from pysnmp.error import PySnmpError
from pysnmp.proto.api.v2c import OctetString

from callcause_error import CallcauseError
from collectors.collector import Listener, SourceSettings
from collectors.errors import SourceError
from collectors.secret import Secret
from collectors.sink import Sink
from collectors.snmp.access import V3User
from collectors.snmp.engine import Value
from collectors.snmp.pysnmp_engine import AUTHENTICATION, PRIVACY, value_of
from collectors.snmp.trap_map import Meaning, TrapMap, load_trap_map
from collectors.store import Store

LOG = logging.getLogger(__name__)
TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
TRAP_ADDRESS = "1.3.6.1.6.3.18.1.3.0"
"""snmpTrapAddress (RFC 3584, 3.1): who sent a trap that a proxy passed on."""
MOST_WAITING = 10_000


class TrapSender(BaseModel):
    """A node by the address from which its traps come."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    node: str = Field(min_length=1)
    object_type: str | None = Field(default=None, description="alarmed_object_type of its alarms")


class TrapSettings(SourceSettings):
    """Settings of `[[collect.snmp_trap]]`."""

    host: str = Field(default="127.0.0.1", description="address to listen at")
    port: int = Field(default=162, ge=0, le=65535)
    communities: tuple[Secret, ...] = Field(default=(), description="accepted with SNMPv2c")
    users: tuple[V3User, ...] = Field(default=(), description="accepted with SNMPv3")
    senders: tuple[TrapSender, ...] = ()
    only_senders: bool = Field(default=False, description="leave out traps of nodes not named as senders")
    maps: tuple[Path, ...] = Field(default=(), description="folders with trap maps of your own")

    @model_validator(mode="after")
    def _somebody(self) -> TrapSettings:
        if not self.communities and not self.users:
            raise ValueError("give communities (v2c) or users (v3): nothing else is let in")
        return self


@dataclass(frozen=True, slots=True)
class Notification:
    """One trap or inform as it arrived."""

    at: datetime
    sender: str
    binds: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class _Active:
    id: str
    raised_at: datetime
    row: Mapping[str, Any]


class TrapListener(Listener[TrapSettings]):
    """Takes notifications until it is told to stop; every one ends in one state of `counts`.

    States: raised, cleared, again (the alarm stood already), cleared_unknown (nothing to clear), event,
    ignored, unmapped, unknown_sender, dropped (too many at once), not_stored.
    """

    kind: ClassVar[str] = "snmp_trap"
    settings_model: ClassVar[type[SourceSettings]] = TrapSettings

    def __init__(self, settings: TrapSettings) -> None:
        super().__init__(settings)
        self._map: TrapMap = load_trap_map(*settings.maps)
        self._nodes = {str(ip_address(sender.address)): sender for sender in settings.senders}
        self._active: dict[tuple[str, str, str], _Active] = {}
        self._waiting: asyncio.Queue[Notification] = asyncio.Queue(MOST_WAITING)
        self.port = settings.port
        """The port that is open; chosen by the system where the settings say 0."""
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def listen(self, sink: Sink, stopping: asyncio.Event) -> None:
        """Take notifications in until `stopping` is set; what arrived by then is stored."""
        await self._remember(sink)
        receiver = self._open()
        working = asyncio.create_task(self._work(sink), name=f"traps of {self.settings.name}")
        self.listening.set()
        try:
            await stopping.wait()
            await self._waiting.join()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            receiver.close_dispatcher()

    # --- the socket

    def _open(self) -> engine.SnmpEngine:
        settings = self.settings
        receiver = engine.SnmpEngine()
        carrier = udp6 if ":" in settings.host else udp
        domain = carrier.DOMAIN_NAME
        transport = (udp6.Udp6AsyncioTransport if ":" in settings.host else udp.UdpAsyncioTransport)()
        bound = socket.socket(transport.SOCK_FAMILY, socket.SOCK_DGRAM)
        try:
            bound.bind((settings.host, settings.port))
            self.port = bound.getsockname()[1]
            transport.open_server_mode(sock=bound)
            config.add_transport(receiver, domain, transport)
            for place, community in enumerate(settings.communities):
                config.add_v1_system(receiver, f"community{place}", community.reveal())
            for user in settings.users:
                _add_user(receiver, user)
        except (OSError, PySnmpError) as error:
            bound.close()
            raise SourceError(
                "unreachable", f"cannot listen at port {settings.port}: {error}", file=settings.name
            ) from error
        ntfrcv.NotificationReceiver(receiver, self._heard)
        return receiver

    def _heard(self, receiver: Any, reference: Any, _e: Any, _n: Any, binds: Any, _c: Any) -> None:
        """Take a notification from pysnmp; an inform has been answered by then."""
        try:
            _, where = receiver.message_dispatcher.get_transport_info(reference)
            values = {str(oid): value for oid, raw in binds if (value := value_of(raw)) is not None}
            self._waiting.put_nowait(Notification(self.clock(), str(where[0]), values))
        except asyncio.QueueFull:
            self.counts["dropped"] += 1

    # --- what it means

    async def _work(self, sink: Sink) -> None:
        while True:
            notification = await self._waiting.get()
            try:
                row, state = self._alarm(notification)
                if row is not None:
                    await sink.rows(self.settings.name, "alarm", pl.DataFrame([row], schema=_SCHEMA))
                self.counts[state] += 1
            except CallcauseError as error:
                self.counts["not_stored"] += 1
                LOG.warning("an alarm of %s could not be stored: %s", self.settings.name, error)
            finally:
                self._waiting.task_done()

    def _alarm(self, heard: Notification) -> tuple[dict[str, Any] | None, str]:
        sender = _plain(str(heard.binds.get(TRAP_ADDRESS, heard.sender)))
        node = self._nodes.get(sender)
        if node is None and self.settings.only_senders:
            return None, "unknown_sender"
        meaning = self._map.meaning(str(heard.binds.get(TRAP_OID, "")))
        if meaning is None:
            return None, "unmapped"
        if meaning.spec.does == "ignore":
            return None, "ignored"
        name = node.node if node is not None else sender
        key = (name, meaning.raises, meaning.instance(heard.binds))
        severity = meaning.severity(heard.binds)
        if meaning.spec.does == "clear" or severity == "cleared":
            return self._cleared(key, heard.at)
        if key in self._active:
            return None, "again"
        row = _row(meaning, key, heard, node, severity)
        if meaning.spec.does == "event":
            return {**row, "cleared_at": heard.at}, "event"
        self._active[key] = _Active(str(row["id"]), heard.at, row)
        return row, "raised"

    def _cleared(self, key: tuple[str, str, str], at: datetime) -> tuple[dict[str, Any] | None, str]:
        active = self._active.pop(key, None)
        if active is None:
            return None, "cleared_unknown"
        return {**active.row, "perceived_severity": "cleared", "cleared_at": at}, "cleared"

    async def _remember(self, sink: Sink) -> None:
        """Find the alarms that stood when the process ended: their end may be heard by this one."""
        for row in await sink.read(_standing):
            parts = str(row["id"]).split("|")
            if len(parts) == 5 and parts[0] == "snmp":
                key = (parts[1], parts[2], parts[3])
                kept = {name: row.get(name) for name in _SCHEMA}
                self._active[key] = _Active(str(row["id"]), row["raised_at"], kept)


_SCHEMA: Mapping[str, Any] = {
    "id": pl.String, "alarm_type": pl.String, "perceived_severity": pl.String, "probable_cause": pl.String,
    "specific_problem": pl.String, "alarmed_object": pl.String, "alarmed_object_type": pl.String,
    "raised_at": pl.Datetime("us", "UTC"), "cleared_at": pl.Datetime("us", "UTC"),
    "service_affecting": pl.Boolean,
}  # fmt: skip


def _row(
    meaning: Meaning,
    key: tuple[str, str, str],
    heard: Notification,
    node: TrapSender | None,
    severity: str,
) -> dict[str, Any]:
    spec = meaning.spec
    # A notification has no number of its own: what it is about and when it began names the alarm.
    parts = [part.replace("|", "/") for part in ("snmp", *key)]
    digest = hashlib.sha256(heard.at.isoformat().encode()).hexdigest()[:12]
    return {
        "id": "|".join([*parts, digest]),
        "alarm_type": spec.alarm_type,
        "perceived_severity": severity,
        "probable_cause": spec.probable_cause or meaning.name,
        "specific_problem": " ".join(x for x in (meaning.name, meaning.details(heard.binds)) if x),
        "alarmed_object": key[0],
        "alarmed_object_type": (node.object_type if node else None) or spec.object_type,
        "raised_at": heard.at,
        "cleared_at": None,
        "service_affecting": spec.service_affecting,
    }


def _standing(store: Store) -> list[dict[str, Any]]:
    own = pl.col("id").str.starts_with("snmp|")
    rows = store.records("alarm").filter(pl.col("cleared_at").is_null() & own)
    return rows.sort("raised_at").collect().to_dicts()


def _plain(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def _add_user(receiver: engine.SnmpEngine, user: V3User) -> None:
    """Let a user in: under this process's engine for informs, its sender's for traps (RFC 3414, 1.2)."""
    protocols: dict[str, Any] = {}
    if user.authentication_key is not None:
        protocols |= {
            "authProtocol": AUTHENTICATION[user.authentication],
            "authKey": user.authentication_key.reveal(),
        }
    if user.privacy_key is not None:
        protocols |= {"privProtocol": PRIVACY[user.privacy], "privKey": user.privacy_key.reveal()}
    config.add_v3_user(receiver, user.name, **protocols)
    for engine_id in user.engine_ids:
        octets = OctetString(hexValue=engine_id.removeprefix("0x"))
        config.add_v3_user(receiver, user.name, **protocols, securityEngineId=octets)
