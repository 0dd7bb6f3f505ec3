"""Work spread over threads: in order, each item once, errors told."""

from __future__ import annotations

import threading

import pytest

from collectors import threads
from collectors.threads import spread


@pytest.fixture(params=[1, 2, 8])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(threads, "cores", lambda: request.param)
    return int(request.param)


def test_results_stand_in_the_order_of_the_items(cores: int) -> None:
    assert spread(lambda number: number * 2, range(20)) == [number * 2 for number in range(20)]
    assert spread(str, []) == []


def test_several_items_are_worked_on_at_a_time_where_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 2)
    both = threading.Barrier(2, timeout=60)
    assert spread(lambda _: both.wait() >= 0, range(2)) == [True, True]


def test_an_error_of_one_item_is_raised(cores: int) -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("the third")
        return number

    with pytest.raises(ValueError, match="the third"):
        spread(work, range(5))
