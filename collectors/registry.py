"""All collectors and listeners. One line adds yours; its settings stand under `[[collect.<kind>]]`."""

from __future__ import annotations

from typing import Any

from collectors.collector import Collector, Listener
from collectors.diameter.follower import HssLogFollower
from collectors.files.folder import FolderCollector
from collectors.files.sftp import SftpCollector
from collectors.hep.listener import HepListener
from collectors.prometheus.collector import PrometheusCollector
from collectors.snmp.collector import SnmpCollector
from collectors.snmp.trap_listener import TrapListener

COLLECTORS: tuple[type[Collector[Any]], ...] = (
    PrometheusCollector,
    SnmpCollector,
    FolderCollector,
    SftpCollector,
)
LISTENERS: tuple[type[Listener[Any]], ...] = (HssLogFollower, HepListener, TrapListener)


def sources() -> dict[str, type[Collector[Any]] | type[Listener[Any]]]:
    """Return every collector and listener by its kind."""
    every: tuple[type[Collector[Any]] | type[Listener[Any]], ...] = (*COLLECTORS, *LISTENERS)
    return {source.kind: source for source in every}
