"""Nothing empty: every query of boards and rules, asked of a real Prometheus that scrapes a live service."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
from asked import Asked, of_boards, of_rules, wrong
from living import PATIENCE_S, LivingNetwork, living_network

from collectors.kpi.catalogue import load_catalogue
from dashboards.alerting.rules import alerts, recordings

ROUND_S = 2.0
LEAST_QUERIES = 400
"""So many there are at least: a list that lost its boards must not pass."""
BAD = {
    "sum(": "bad_data",
    "callcause_no_such_family": "unknown metric callcause_no_such_family",
    'callcause_build_info{version="0"}': 'nothing for callcause_build_info{version="0"}',
    "callcause_build_info > 1": "an empty answer",
    "0 * callcause_build_info / 0": "an empty answer",
    'callcause_build_info{version="$cell"}': "no value for $cell",
}
"""What is wrong with these: the check has to say it."""


def test_every_query_of_boards_and_rules_has_an_answer_in_a_living_network(tmp_path: Path) -> None:
    with living_network(tmp_path) as network:
        number, found = without_answer(network, PATIENCE_S)
        told = "\n".join(sorted(f"{what}: {one.place}" for one, what in found.items()))
        assert not found, f"{len(found)} of {number} without an answer:\n{told}"
        assert number > LEAST_QUERIES
        the_check_sees_what_is_wrong(network)
        every_rule_is_evaluated(network)


def without_answer(network: LivingNetwork, patience_s: float) -> tuple[int, dict[Asked, str]]:
    """Ask everything until all has an answer or the patience is over: number of queries, what is wrong."""
    catalogue, end = load_catalogue(), time.monotonic() + patience_s
    while True:
        ask = remembering(network)
        asked = different([*of_boards(catalogue, ask), *of_rules(catalogue)])
        found = {one: told for one in asked if (told := wrong(one, ask))}
        if not found or time.monotonic() > end:
            return len(asked), found
        time.sleep(ROUND_S)


def remembering(network: LivingNetwork) -> Callable[..., httpx.Response]:
    """Ask each thing once a round: many panels ask for the same series."""
    known: dict[object, httpx.Response] = {}

    def ask(path: str, **params: str) -> httpx.Response:
        key = (path, tuple(sorted(params.items())))
        if key not in known:
            known[key] = network.ask(path, **params)
        return known[key]

    return ask


def different(asked: Sequence[Asked]) -> list[Asked]:
    """Leave out what one place asks twice."""
    return list({(one.place, one.expr): one for one in asked}.values())


def the_check_sees_what_is_wrong(network: LivingNetwork) -> None:
    """What does not parse, an unknown metric, an empty answer, a variable without a value: all are told."""
    for expr, told in BAD.items():
        assert wrong(Asked("bad", expr), network.ask).startswith(told), expr
    assert wrong(Asked("good", "callcause_build_info"), network.ask) == ""
    assert wrong(Asked("alert", "callcause_build_info > 1", whole=False), network.ask) == ""


def every_rule_is_evaluated(network: LivingNetwork) -> None:
    """Prometheus has every rule, and none of them ends in an error."""
    groups = network.ask("rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(recordings()) + len(alerts(load_catalogue()))
    failed = [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")]
    assert not failed, failed
