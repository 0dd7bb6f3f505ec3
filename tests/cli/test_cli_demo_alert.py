"""What the demo tells as Alertmanager would: by the shipped rules, once, and again when it is over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from callcause.commands.demo_alert import MOST, WATCHED, Watch
from callcause.service.alert_message import read_delivery
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store
from collectors.store.ledger import SourceFile

NEWEST = datetime(2024, 3, 6, 9, tzinfo=UTC)
CELLS, HOURS, BAD = 12, 24 * 22, 5
DROP = "CallcauseErabDropRatioQci1Cell"


def _counters(share: Any, hours: list[datetime], seed: int) -> pl.DataFrame:
    random, size = np.random.default_rng(seed), (CELLS, len(hours))
    tries = random.integers(300, 400, size)
    known = {"ERAB.RelActNbr.1": random.binomial(tries, share), "ERAB.EstabAddSuccNbr.1": tries}
    return pl.DataFrame(
        {
            "entity": np.repeat([f"460-00-{345000 + n}-1" for n in range(CELLS)], len(hours)),
            "entity_kind": "cell",
            "period_start": hours * CELLS,
            "period_s": pl.Series(np.full(CELLS * len(hours), 3600, np.int32)),
        }
    ).with_columns(
        pl.Series(name, known.get(name, np.broadcast_to(tries, size)).ravel().astype(float))
        for name in load_catalogue().counters
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Cells over three weeks, some of which drop calls in the newest hour."""
    hours = [NEWEST - timedelta(hours=n) for n in range(HOURS)]
    share = np.full((CELLS, HOURS), 0.001)
    share[:BAD, 0] = np.linspace(0.2, 0.1, BAD)
    with Store.open(tmp_path / "store") as opened:
        opened.add(SourceFile("pm", "a" * 64, 0), {"counters": _counters(share, hours, 5)})
        opened.refresh()
        yield opened


@pytest.fixture
def watch() -> Watch:
    """The rules of the demo before anything fires."""
    return Watch(load_catalogue(), "http://127.0.0.1:8470")


def _drops(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for group in groups if group["groupLabels"]["alertname"] == DROP]


def test_the_worst_cells_of_a_rule_come_as_one_delivery_that_the_webhook_takes(
    store: Store, watch: Watch
) -> None:
    now = NEWEST + timedelta(hours=1, minutes=20)
    [group] = _drops(watch.groups(store, now))
    delivery = read_delivery(json.dumps(group).encode())
    assert [alert.labels["entity"] for alert in delivery.alerts] == [
        f"460-00-{345000 + n}-1" for n in range(MOST)
    ]
    for alert in delivery.alerts:
        assert alert.labels["severity"] == "warning"
        assert alert.labels["category"] == "drop"
        assert alert.starts_at == NEWEST + timedelta(hours=1)
        assert alert.ended_at is None
        assert alert.labels["entity"] in alert.annotations["summary"]
        assert "{{" not in "".join(alert.annotations.values())
        assert re.match(r"[\d.]+ % is beyond the limit", alert.annotations["description"])
        assert alert.annotations["runbook_url"] == "http://127.0.0.1:8470/ui/runbooks/drop"


def test_what_fires_is_told_once_and_told_again_when_it_is_over(store: Store, watch: Watch) -> None:
    assert _drops(watch.groups(store, NEWEST + timedelta(hours=1)))
    assert watch.groups(store, NEWEST + timedelta(hours=1, minutes=5)) == []
    calm = _counters(np.full((CELLS, 1), 0.001), [NEWEST + timedelta(hours=1)], 6)
    store.add(SourceFile("pm", "b" * 64, 0), {"counters": calm})
    store.refresh()
    [over] = _drops(watch.groups(store, NEWEST + timedelta(hours=2)))
    delivery = read_delivery(json.dumps(over).encode())
    assert delivery.status == "resolved"
    assert {alert.ended_at for alert in delivery.alerts} == {NEWEST + timedelta(hours=2)}
    assert len(delivery.alerts) == MOST
    assert not watch.firing


def test_calm_cells_and_an_empty_store_tell_nothing(tmp_path: Path, watch: Watch) -> None:
    with Store.open(tmp_path / "empty") as empty:
        assert watch.groups(empty, NEWEST) == []


def test_every_watched_kpi_has_a_rule(watch: Watch) -> None:
    assert {rule.labels["kpi"] for rule in watch._rules()} == set(WATCHED)
