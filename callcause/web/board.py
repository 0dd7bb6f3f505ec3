"""Links from a page to a board in Grafana at the moment that the page is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from fastapi import Request

from callcause.web.reader import service_of

BEFORE, AFTER = timedelta(hours=6), timedelta(hours=2)
BOARDS = frozenset({"cell", "nodes", "tickets", "network", "complaints", "warnings"})
"""Names of the boards that pages link to; their uids are `callcause-<name>`."""


def board_url(grafana: str, name: str, at: datetime | None, **variables: str) -> str:
    """Return the address of a board around a moment, or as it is now; empty without a configured Grafana."""
    if not grafana:
        return ""
    if name not in BOARDS:
        raise KeyError(name)
    given = {f"var-{key}": value for key, value in variables.items()}
    if at is not None:
        given |= {"from": str(_ms(at - BEFORE)), "to": str(_ms(at + AFTER))}
    return f"{grafana.rstrip('/')}/d/{quote(f'callcause-{name}')}" + (f"?{urlencode(given)}" if given else "")


def boards_of(request: Request) -> Callable[..., str]:
    """Give `board(name, at, **variables)` for the templates of this request."""
    grafana = service_of(request).configuration.web.grafana_url

    def board(name: str, at: datetime | None, **variables: str) -> str:
        return board_url(grafana, name, at, **variables)

    return board


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
