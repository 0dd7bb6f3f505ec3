"""Makes what the first reader of a process would wait for: the report, compiled functions, footers."""

from __future__ import annotations

import asyncio
import logging

from callcause.service.desk import wait_for_any
from callcause.service.service import Service
from callcause.web.kept import Kept
from callcause.web.reader import catalogue
from callcause.web.worst import USUAL, newest_list
from collectors.store import Store

LOG = logging.getLogger(__name__)
LOOK_S = 10.0
"""How often it is looked whether the store has hours by now."""
WARM = "the pages are warm"


async def warm(service: Service, kept: Kept, look_s: float = LOOK_S) -> None:
    """Once the store holds hours, rank the worst cells of the newest, and end; or with the service.

    No page needs it, so a failure is told and ends it too.
    """
    while not service.stopping.is_set():
        try:
            await service.reports.now()
            if await asyncio.to_thread(_ranked, service, kept):
                LOG.info(WARM)
                return
        except Exception:  # the boundary of the task
            LOG.exception("the pages are not warmed")
            return
        await wait_for_any(look_s, service.stopping)


def _ranked(service: Service, kept: Kept) -> bool:
    with Store.open(service.configuration.store.path, catalogue=catalogue()) as store:
        return newest_list(store, kept, USUAL)["at"] is not None
