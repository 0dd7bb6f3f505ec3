"""Tickets that come together, more than chance gives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from evidence_scene import CELL, Scene, alarm, minutes

from diagnosis.derived.cluster import poisson_tail


def crowd(n: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"T-{i}", "msisdn": f"m-{i}", "ecgi": CELL, "received_at": minutes(60 + i), **fields}
        for i in range(n)
    ]


VOLUME = [{"key_type": "cell", "key": CELL, "tickets_per_day": 0.05}]


@pytest.mark.parametrize(("n", "proven"), [(1, False), (2, False), (3, True), (6, True)])
def test_a_cluster_is_more_tickets_than_chance_gives(scene: Scene, n: int, proven: bool) -> None:
    look = scene(crowd(n), ticket_volume=VOLUME)
    assert look["tickets_24h"] == n
    assert (look["tickets_24h"] >= 3 and look["cluster_tail_p"] < 0.001) is proven


def test_many_tickets_where_many_are_normal_are_no_cluster(scene: Scene) -> None:
    look = scene(crowd(3), ticket_volume=[{**VOLUME[0], "tickets_per_day": 5.0}])
    assert look["cluster_tail_p"] > 0.5


def test_without_a_normal_volume_the_tail_is_not_known(scene: Scene) -> None:
    look = scene(crowd(4))
    assert look["tickets_24h"] == 4
    assert look["cluster_tail_p"] is None
    assert look.reason("cluster_tail_p") == "no_normal_volume"


def test_tickets_of_another_day_do_not_count(scene: Scene) -> None:
    rows = crowd(3)
    rows[1]["received_at"] = minutes(60 + 48 * 60)
    rows[2]["received_at"] = minutes(60 + 96 * 60)
    assert scene(rows, ticket_volume=VOLUME)["tickets_24h"] == 1


def test_a_repeated_complaint_counts_once(scene: Scene) -> None:
    rows = crowd(3)
    rows[1]["repeat_of"] = rows[2]["repeat_of"] = "T-0"
    assert scene(rows, ticket_volume=VOLUME)["tickets_24h"] == 1


def test_the_region_gives_the_volume_of_a_cell_that_has_none(scene: Scene) -> None:
    cells = [{"ecgi": f"460-00-{i}-1"} for i in range(1, 101)]
    volume = [{"key_type": "region", "key": "0871", "tickets_per_day": 10.0}]
    look = scene(crowd(3), cell=cells, ticket_volume=volume)
    assert look["cluster_tail_p"] == pytest.approx(0.1**3 / 6, rel=0.1)


def test_an_alarmed_element_with_a_cluster_is_named(scene: Scene) -> None:
    look = scene(crowd(4), ticket_volume=VOLUME, alarm=[alarm()])
    assert look["cluster_on_element"] is True
    alone = scene(crowd(1), ticket_volume=VOLUME, alarm=[alarm()])
    assert alone["cluster_on_element"] is False


def test_the_poisson_tail_agrees_with_the_sum_of_the_terms() -> None:
    for k in (0, 1, 3, 10, 40):
        for rate in (0.01, 0.5, 3.0, 30.0):
            below = sum(math.exp(-rate) * rate**i / math.factorial(i) for i in range(k))
            got = float(poisson_tail(np.array([k]), np.array([rate]))[0])
            assert got == pytest.approx(1 - below, abs=1e-9)
