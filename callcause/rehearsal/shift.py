"""The shift that is on: a rehearsal up to the present, and the same people at work in the living service."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from callcause.rehearsal.actor import Handling
from callcause.rehearsal.drive import Drive
from callcause.rehearsal.moment import SharedMoment
from callcause.rehearsal.month import Month
from callcause.rehearsal.running import PATIENCE_S, RunningService
from callcause_error import CallcauseError

LOG = logging.getLogger(__name__)


class Attached(RunningService):
    """A service that runs by itself, by its own clock, and asks nobody on this machine who they are."""

    def __init__(self, folder: Path, moment: SharedMoment, address: str) -> None:
        super().__init__(folder, moment, "")
        self._client = httpx.Client(base_url=address, timeout=PATIENCE_S)

    def answer(self, method: str, path: str, role: str, body: Any = None, **query: Any) -> httpx.Response:
        """Ask without a token, and return whatever comes."""
        assert self._client is not None  # noqa: S101 - set in __init__
        return self._client.request(method, path, json=body, params=query or None)

    def ready(self) -> bool:
        """Whether it takes tickets and diagnoses them."""
        return self.answer("GET", "/readyz", "viewer").status_code == httpx.codes.OK

    def close(self) -> None:
        """End the connections."""
        if self._client is not None:
            self._client.close()


class Shift(Drive):
    """People at work. From `unseen_from` on the engineers have looked at no incident and no warning yet."""

    def __init__(
        self, service: RunningService, month: Month, departments: Mapping[str, tuple[str, ...]],
        slot: timedelta, seed: int, unseen_from: datetime,
    ) -> None:  # fmt: skip
        super().__init__(service, month, departments, slot, seed)
        self._unseen_from = unseen_from

    def _engineers(self, now: datetime) -> None:
        if now < self._unseen_from:
            super()._engineers(now)

    def move_to(self, service: RunningService) -> None:
        """Go on with the same work in another service over the same state."""
        self._service = service

    def go_on(self, now: datetime) -> None:
        """Take the steps that are due, and post the tickets that have come in since."""
        self._people(now)
        self._post(now)

    def _act(self, one: Handling, now: datetime) -> None:
        """Take one step; what somebody else did with the ticket meanwhile is left to them."""
        try:
            super()._act(one, now)
        except CallcauseError as error:
            LOG.info("a ticket is left to others: %s", error)
