"""Who may do what in the loop, and what its metrics tell."""

from __future__ import annotations

from typing import Any

import pytest
from loop_service import ROLES, Loop
from prometheus_client.parser import text_string_to_metric_families


@pytest.mark.parametrize(
    ("path", "body", "least"),
    [
        ("/tickets/x/steps", {"to": "accepted", "version": 1}, "engineer"),
        ("/tickets/x/wait", {"version": 1, "why": "x"}, "engineer"),
        ("/queue/dispatch", {"tickets": [{"id": "x", "version": 1}]}, "engineer"),
        ("/clusters", {"key": "cell", "entity": "x", "why": "x"}, "engineer"),
        ("/warnings/x/steps", {"to": "approved", "version": 1}, "approver"),
        ("/warnings/history", [{"type": "x", "day": "2026-01-01", "n": 1}], "admin"),
        ("/vault/requests/x/decision", {"approve": True}, "approver"),
        ("/vault/erasures", {"msisdn": "123456", "why": "asked for it"}, "admin"),
    ],
)
def test_every_route_asks_for_its_role(loop: Loop, path: str, body: Any, least: str) -> None:
    assert loop.post(path, body, "").status_code == 401
    for role in ROLES:
        answer = loop.post(path, body, role)
        assert (answer.status_code == 403) == (ROLES.index(role) < ROLES.index(least)), (role, answer.text)


def test_the_metrics_of_the_loop_are_told(loop: Loop) -> None:
    loop.ticket()
    families = {f.name: f for f in text_string_to_metric_families(loop.get("/metrics").text)}
    assert any(s.labels["state"] == "dispatched" for s in families["callcause_tickets"].samples)
    assert families["callcause_ticket_oldest_age_seconds"].samples
