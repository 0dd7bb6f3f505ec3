"""What Prometheus and Alertmanager would tell of the living demo: rules over the newest hour."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.worst import columns_needed, worst_cells
from collectors.store import Store
from dashboards.alerting.rules import Alert, kpi_alerts, reading

WATCHED = ("erab_drop_ratio_qci1_cell", "erab_setup_success_ratio_qci1", "rrc_connection_setup_success_ratio")
MOST = 3
"""Cells that one group tells of at most."""
NEVER = "0001-01-01T00:00:00Z"
HISTORY = timedelta(weeks=4, hours=50)


@dataclass
class Watch:
    """Which alerts fire, by rule and cell; `groups` gives what changed, as deliveries of Alertmanager."""

    catalogue: Catalogue
    web: str
    firing: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def groups(self, store: Store, now: datetime) -> list[dict[str, Any]]:
        """Judge the newest hour by the rules; return one delivery for each rule with a change.

        An alert begins or ends with the hour in which its KPI was read.
        """
        hour = store.newest_hour()
        if hour is None:
            return []
        over = min(now, hour.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
        found = []
        for rule in self._rules():
            bad = _bad(store, self.catalogue, rule.labels["kpi"], hour)
            changed = self._changed(rule, bad, over)
            if changed:
                found.append(self._delivery(rule, bad, changed, over))
        return found

    def _rules(self) -> Iterator[Alert]:
        for rule in kpi_alerts(self.catalogue):
            if rule.labels["kpi"] in WATCHED and not rule.name.endswith("Lasting"):
                yield rule

    def _changed(self, rule: Alert, bad: Mapping[str, float], now: datetime) -> dict[str, bool]:
        """Return the cells that began to fire (true) or ceased to (false)."""
        firing = {cell for name, cell in self.firing if name == rule.name}
        begun = {cell: True for cell in bad if cell not in firing}
        ended = dict.fromkeys(sorted(firing - bad.keys()), False)
        self.firing |= {(rule.name, cell): now for cell in begun}
        return begun | ended

    def _delivery(
        self, rule: Alert, bad: Mapping[str, float], changed: Mapping[str, bool], now: datetime
    ) -> dict[str, Any]:
        alerts = [self._alert(rule, cell, bad.get(cell), fires, now) for cell, fires in changed.items()]
        common = {"alertname": rule.name, "scope": rule.scope}
        return {
            "version": "4", "groupKey": f"{{}}:{{alertname={rule.name!r}}}", "truncatedAlerts": 0,
            "status": "firing" if any(changed.values()) else "resolved", "receiver": "callcause",
            "groupLabels": common, "commonLabels": common, "commonAnnotations": {},
            "externalURL": self.web, "alerts": alerts,
        }  # fmt: skip

    def _alert(
        self, rule: Alert, cell: str, value: float | None, fires: bool, now: datetime
    ) -> dict[str, Any]:
        told = rule.rule(self.web)
        began = self.firing[rule.name, cell] if fires else self.firing.pop((rule.name, cell))
        kpi = self.catalogue.kpi(rule.labels["kpi"])
        read = f"{value:.3g} {kpi.unit}" if value is not None else "–"
        words = {"{{ $labels.entity }}": cell, reading(kpi): read}
        labels = {"alertname": rule.name, **told["labels"], "entity": cell, "ecgi": cell}
        return {
            "status": "firing" if fires else "resolved",
            "labels": labels,
            "annotations": {name: _filled(text, words) for name, text in told["annotations"].items()},
            "startsAt": began.astimezone(UTC).isoformat(),
            "endsAt": NEVER if fires else now.astimezone(UTC).isoformat(),
            "generatorURL": "",
            "fingerprint": hashlib.sha256(f"{rule.name} {cell}".encode()).hexdigest()[:16],
        }


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(name, word)
    return text


def _bad(store: Store, catalogue: Catalogue, kpi: str, hour: datetime) -> dict[str, float]:
    """Return the worst cells that are beyond the alarm limit and beyond their baseline, with the reading."""
    hour = hour.replace(minute=0, second=0, microsecond=0)
    hourly = store.hourly(None, columns_needed(catalogue, kpi), hour - HISTORY, hour + timedelta(hours=1))
    rows = worst_cells(hourly, catalogue, kpi, hour, 50)
    rows = rows.filter(pl.col("beyond_limit"), pl.col("beyond_baseline"), pl.col("level") == "alarm")
    return dict(rows.head(MOST).select("entity", "value").iter_rows())
