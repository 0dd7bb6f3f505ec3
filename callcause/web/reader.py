"""Reads of the record store for pages: a store of its own for each question, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fastapi import FastAPI, Request

from callcause.service.problem import Problem
from callcause.service.service import Service
from callcause.web.kept import Kept
from collectors.kpi.catalogue import Catalogue, load_catalogue
from collectors.store import Store
from runbooks.model import Runbooks

T = TypeVar("T")
AT_ONCE = 2
"""Pages that read the store together; further ones wait, so that they do not starve the diagnosis."""


def service_of(request: Request) -> Service:
    """Return the service behind the page."""
    found: Service = request.app.state.service
    return found


def kept_of(application: FastAPI) -> Kept:
    """Return the answers that an application keeps."""
    state = application.state
    if not hasattr(state, "web_kept"):
        state.web_kept = Kept()
    found: Kept = state.web_kept
    return found


async def ask(request: Request, question: Callable[[Store], T]) -> T:
    """Ask the store on a thread; it may be read while another thread writes it."""
    state = request.app.state
    if not hasattr(state, "web_turns"):
        state.web_turns = asyncio.Semaphore(AT_ONCE)
    path = service_of(request).configuration.store.path

    def work() -> T:
        with Store.open(path, catalogue=catalogue()) as store:
            return question(store)

    async with state.web_turns:
        return await asyncio.to_thread(work)


def catalogue() -> Catalogue:
    """Return the KPI catalogue."""
    return load_catalogue()


def runbooks_of(request: Request) -> Runbooks:
    """Return the runbooks that the engine walks; Problem 503 while they are being loaded."""
    service = service_of(request)
    if not service.diagnostician.runbook_version:
        raise Problem(503, "the runbooks are being loaded", headers={"Retry-After": "2"})
    return service.diagnostician.runbooks


__all__ = ["ask", "catalogue", "kept_of", "runbooks_of", "service_of"]
