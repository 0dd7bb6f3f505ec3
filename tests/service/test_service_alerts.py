"""Alerts in the state database: delivered often, in any order, they end in the same state."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause.service import alert_rows
from callcause.service.alert_message import Delivery, digest, read_delivery
from callcause.service.problem import Problem
from callcause.state import Database, StateSettings
from callcause.state.alert import Alert, AlertGroup

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ZERO = "0001-01-01T00:00:00Z"


def alert(name: str, status: str = "firing", start: int = 0, **labels: str) -> dict[str, Any]:
    ended = (START + timedelta(minutes=start + 9)).isoformat() if status == "resolved" else ZERO
    return {
        "status": status,
        "labels": {"alertname": "CellDrops", "ecgi": f"460-00-1-{name}", **labels},
        "annotations": {"summary": "drops"},
        "startsAt": (START + timedelta(minutes=start)).isoformat(),
        "endsAt": ended,
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": f"{int(name):016x}",
    }


def delivery(*alerts: dict[str, Any], key: str = "{}:{region='0871'}") -> dict[str, Any]:
    firing = any(one["status"] == "firing" for one in alerts)
    return {
        "version": "4",
        "groupKey": key,
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "callcause",
        "groupLabels": {"region": "0871"},
        "commonLabels": {"alertname": "CellDrops"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": list(alerts),
    }


def read(body: dict[str, Any]) -> Delivery:
    return read_delivery(json.dumps(body).encode())


def state_of(database: Database) -> list[Any]:
    def look(session: Any) -> list[Any]:
        groups = session.query(AlertGroup).order_by(AlertGroup.opened_at, AlertGroup.id)
        return [
            (group.status, [(a.fingerprint, a.status) for a in alert_rows.alerts_of(session, group.id)])
            for group in groups
        ]

    return database.read(look)


def take(database: Database, *bodies: dict[str, Any]) -> list[alert_rows.TakenAlerts]:
    read_ones = [read(body) for body in bodies]
    return [database.write(partial(alert_rows.take_in, delivery=one)) for one in read_ones]


def test_a_group_fires_and_resolves(state: Database) -> None:
    (opened,) = take(state, delivery(alert("1"), alert("2")))
    assert (opened.new, opened.resolved, opened.closed) == (2, 0, False)
    (partly,) = take(state, delivery(alert("1", "resolved"), alert("2")))
    assert (partly.group, partly.new, partly.resolved, partly.closed) == (opened.group, 0, 1, False)
    (closed,) = take(state, delivery(alert("1", "resolved"), alert("2", "resolved")))
    assert (closed.group, closed.closed) == (opened.group, True)
    assert [status for status, _ in state_of(state)] == ["resolved"]


def test_resolved_before_firing_stays_resolved(state: Database) -> None:
    take(state, delivery(alert("1", "resolved")), delivery(alert("1")))
    assert state_of(state) == [("resolved", [(f"{1:016x}", "resolved")])]


def test_a_group_that_fires_again_later_is_another_one(state: Database) -> None:
    first, _, second = take(
        state,
        delivery(alert("1")),
        delivery(alert("1", "resolved")),
        delivery(alert("1", start=60)),
    )
    assert first.group != second.group
    assert [status for status, _ in state_of(state)] == ["resolved", "firing"]


def test_groups_with_other_keys_stay_apart(state: Database) -> None:
    one, two = take(state, delivery(alert("1")), delivery(alert("1"), key="{}:{region='0872'}"))
    assert one.group != two.group


def test_the_same_delivery_at_once_is_taken_once(state: Database) -> None:
    bodies = [delivery(alert("1"), alert("2"))] * 10
    with ThreadPoolExecutor(5) as threads:
        taken = [t for found in threads.map(lambda body: take(state, body), bodies) for t in found]
    assert len({t.group for t in taken}) == 1
    assert sum(t.new for t in taken) == 2
    found = state.read(lambda s: [a.deliveries for a in alert_rows.alerts_of(s, taken[0].group)])
    assert found == [10, 10]


HISTORY = [
    [alert("1")],
    [alert("1"), alert("2", start=1)],
    [alert("1", "resolved"), alert("2", start=1)],
    [alert("1", "resolved"), alert("2", "resolved", start=1)],
]


@pytest.fixture(scope="module")
def one_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("alerts")
    database = Database.open(StateSettings(database=f"sqlite:///{folder}/s.sqlite"))
    yield database
    database.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=6), st.randoms(use_true_random=False))
def test_any_order_and_any_repeats_end_alike(
    one_database: Database, repeats: list[int], chance: random.Random
) -> None:
    played, key = [*range(4), *repeats], uuid4().hex
    chance.shuffle(played)
    take(one_database, *(delivery(*HISTORY[number], key=key) for number in played))
    groups, alerts = one_database.read(lambda s: _rows_of_key(s, key))
    assert {group.status for group in groups} == {"resolved"}
    ended = [(row.fingerprint, row.status) for row in alerts]
    assert sorted(ended) == [(f"{n:016x}", "resolved") for n in (1, 2)]


def _rows_of_key(session: Any, key: str) -> tuple[list[AlertGroup], list[Alert]]:
    found = digest(key)
    return (
        session.query(AlertGroup).filter_by(group_key=found).all(),
        session.query(Alert).filter_by(group_key=found).all(),
    )


def test_identities_in_labels_and_annotations_are_scrubbed(state: Database) -> None:
    body = delivery(alert("1", msisdn="8613812345678", instance="192.168.100.10:9090"))
    body["alerts"][0]["annotations"]["summary"] = "sip:13812345678@ims.example.net cannot register"
    body["groupKey"] = "{}:{msisdn='8613812345678'}"
    (taken,) = take(state, body)
    found = state.read(lambda s: (s.get(AlertGroup, taken.group), alert_rows.alerts_of(s, taken.group)))
    text = str(
        [{c.name: getattr(row, c.name) for c in row.__table__.columns} for row in [found[0], *found[1]]]
    )
    assert "13812345678" not in text
    assert found[1][0].labels["ecgi"] == "460-00-1-1"
    assert found[1][0].labels["instance"] == "192.168.100.10:9090"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": "3"}, "version"),
        ({"alerts": []}, "alerts"),
        ({"groupKey": ""}, "groupKey"),
        ({"alerts": [{**alert("1"), "status": "odd"}]}, "alerts.0.status"),
        ({"alerts": [{**alert("1"), "startsAt": "2026-11-22T09:00:00"}]}, "alerts.0.startsAt"),
        ({"alerts": [{**alert("1"), "labels": {"a": 1}}]}, "alerts.0.labels.a"),
    ],
)
def test_what_is_no_webhook_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Problem) as told:
        read({**delivery(alert("1")), **change})
    assert told.value.status == 422
    assert field in [error["field"] for error in told.value.errors]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_body_raises_anything_but_a_problem(body: bytes) -> None:
    with pytest.raises(Problem):
        read_delivery(body)
