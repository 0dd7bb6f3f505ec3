"""The schedule and the listeners: targets do not disturb each other, what dies comes back, all is counted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

import pytest

from callcause.service import listening as listening_module
from callcause.service.health import Health
from callcause.service.listening import Listening
from callcause.service.schedule import Schedule
from collectors.collector import Collector, Listener, PolledSettings, SourceSettings
from collectors.errors import SourceError
from collectors.sink import Sink


class Counts:
    """Counts as the service does, in memory."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, str, str]] = Counter()

    def add(self, name: str, labels: Mapping[str, str], by: float = 1) -> None:
        which = labels.get("target") or labels.get("state", "")
        self.found[name, which, labels.get("outcome", "")] += int(by)


class Asked(Collector[PolledSettings]):
    """Targets that behave as their name says."""

    kind: ClassVar[str] = "asked"
    settings_model: ClassVar[type[PolledSettings]] = PolledSettings

    def __init__(self, settings: PolledSettings, targets: Sequence[str]) -> None:
        super().__init__(settings)
        self._targets = targets
        self.runs: list[tuple[str, float]] = []
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.closed = False

    def targets(self) -> Sequence[str]:
        return self._targets

    async def collect(self, target: str, sink: Sink) -> Counter[str]:
        self.runs.append((target, time.monotonic()))
        self.at_once[target] += 1
        self.most[target] = max(self.most[target], self.at_once[target])
        try:
            if target.startswith("silent"):
                await asyncio.Event().wait()
            if target.startswith("refusing"):
                raise SourceError("refused", "asked by 8613812345678", file=target)
            if target.startswith("broken"):
                raise ZeroDivisionError("of 13812345678")
            if target.startswith("slow"):
                await asyncio.sleep(0.4)
            return Counter({"stored": 3})
        finally:
            self.at_once[target] -= 1

    async def close(self) -> None:
        self.closed = True


def scheduled(
    targets: Sequence[str], until: Callable[[Asked, Health], bool], **settings: float
) -> tuple[Asked, Health, Counts]:
    async def run() -> tuple[Asked, Health, Counts]:
        collector = Asked(PolledSettings(name="lab", **settings), targets)
        health, counts = Health(), Counts()
        schedule = Schedule(None, counts, health)
        schedule.add(collector)
        schedule.start()
        await reached(lambda: until(collector, health))
        await schedule.stop(0.2)
        return collector, health, counts

    return asyncio.run(run())


async def reached(holds: Callable[[], bool], patience_s: float = 180.0) -> None:
    async with asyncio.timeout(patience_s):
        while not holds():
            await asyncio.sleep(0.01)


def test_a_silent_target_ends_at_its_deadline_which_its_error_names() -> None:
    _, health, counts = scheduled(
        ["silent"], lambda c, h: h.targets["lab", "silent"].outcomes["deadline"] >= 1,
        interval_s=60, deadline_s=0.1,
    )  # fmt: skip
    target = health.targets["lab", "silent"]
    assert (target.up, target.last_success) == (False, None)
    assert target.last_error == "no answer within 0.1 s (deadline_s)"
    assert counts.found["callcause_collector_runs_total", "silent", "deadline"] == 1


def test_a_run_that_is_not_done_is_not_begun_twice_and_the_skipped_ones_are_counted() -> None:
    collector, health, counts = scheduled(
        ["slow"], lambda c, h: h.targets["lab", "slow"].overruns >= 2 and len(c.runs) >= 2,
        interval_s=0.1, deadline_s=10,
    )  # fmt: skip
    assert collector.most["slow"] == 1
    skipped = counts.found["callcause_collector_overruns_total", "slow", ""]
    assert skipped == health.targets["lab", "slow"].overruns >= 2


def test_dead_targets_do_not_delay_the_others() -> None:
    dead = [f"silent {n}" for n in range(20)]
    collector, health, _ = scheduled(
        [*dead, "good"], lambda c, h: h.targets["lab", "good"].outcomes["ok"] >= 5,
        interval_s=0.2, deadline_s=30,
    )  # fmt: skip
    assert health.targets["lab", "good"].up is True
    assert health.targets["lab", "good"].overruns == 0
    assert collector.closed


def test_first_runs_are_spread_over_the_interval() -> None:
    collector, _, _ = scheduled(
        [f"good {n}" for n in range(5)], lambda c, h: len({name for name, _ in c.runs}) == 5,
        interval_s=4.0, deadline_s=60,
    )  # fmt: skip
    first = dict(reversed(collector.runs))
    begun = [first[f"good {n}"] for n in range(5)]
    assert begun == sorted(begun)
    assert begun[-1] - begun[0] >= 1.5  # 3.2 s; less where the machine was late with the first


def test_errors_are_told_without_identities_and_the_next_run_goes_on() -> None:
    _, health, counts = scheduled(
        ["refusing", "broken", "good"],
        lambda c, h: all(sum(t.outcomes.values()) >= 2 for t in h.targets.values()),
        interval_s=0.1, deadline_s=5,
    )  # fmt: skip
    refusing, broken = health.targets["lab", "refusing"], health.targets["lab", "broken"]
    assert refusing.outcomes["refused"] >= 2
    assert refusing.last_error == "refusing: asked by [number]"
    assert broken.last_error == "ZeroDivisionError"
    assert counts.found["callcause_collector_items_total", "stored", ""] >= 6


def test_stopping_gives_up_what_does_not_end_and_closes_the_collector() -> None:
    collector, _, _ = scheduled(["silent"], lambda c, h: bool(c.runs), interval_s=60, deadline_s=1000)
    assert collector.at_once["silent"] == 0
    assert collector.closed


class Listened(Listener[SourceSettings]):
    """Dies as often as it is told, then listens until it is stopped."""

    kind: ClassVar[str] = "listened"
    settings_model: ClassVar[type[SourceSettings]] = SourceSettings

    def __init__(self, deaths: int) -> None:
        super().__init__(SourceSettings(name="probe"))
        self.deaths, self.starts, self.handed_over = deaths, 0, False

    async def listen(self, sink: Sink, stopping: asyncio.Event) -> None:
        self.starts += 1
        if self.starts <= self.deaths:
            raise OSError("cannot bind for 13812345678")
        self.listening.set()
        self.counts["packets"] += 2
        await stopping.wait()
        self.counts["packets"] += 1
        self.handed_over = True


def listened(deaths: int, until: Callable[[Listened, Health], bool]) -> tuple[Listened, Health, Counts]:
    async def run() -> tuple[Listened, Health, Counts]:
        listener, health, counts, stopping = Listened(deaths), Health(), Counts(), asyncio.Event()
        keeper = Listening(None, counts, health, stopping)
        keeper.start(listener)
        await reached(lambda: until(listener, health))
        stopping.set()
        await keeper.stop(10)
        return listener, health, counts

    return asyncio.run(run())


def test_a_listener_that_dies_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening_module, "FIRST_PAUSE_S", 0.01)
    listener, health, _ = listened(3, lambda li, h: h.listeners["probe"].up)
    assert (listener.starts, health.listeners["probe"].restarts) == (4, 3)
    assert health.listeners["probe"].last_error == "OSError: cannot bind for [number]"


def test_pauses_grow_between_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening_module, "FIRST_PAUSE_S", 0.02)
    waited: list[float] = []
    pause: Callable[[Listening, float], Awaitable[None]] = Listening._pause

    async def noted(self: Listening, pause_s: float) -> None:
        waited.append(pause_s)
        await asyncio.sleep(0)

    monkeypatch.setattr(Listening, "_pause", noted)
    listened(5, lambda li, h: h.listeners["probe"].up)
    assert waited == [0.02, 0.04, 0.08, 0.16, 0.32]
    assert pause is not noted


def test_a_listener_hands_over_what_it_holds_before_the_service_ends() -> None:
    listener, _, counts = listened(0, lambda li, h: h.listeners["probe"].up)
    assert listener.handed_over
    assert counts.found["callcause_collector_items_total", "packets", ""] == 3
