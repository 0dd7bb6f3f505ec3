"""No route is forgotten: each asks for a role, and whoever changes something is at least an engineer."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from callcause.service.application import ROUTERS
from callcause.service.settings import Role

OPEN = {
    "/healthz", "/readyz",  # whether the process lives says nothing of anybody
    "/ui", "/ui/login", "/ui/logout", "/ui/switch", "/ui/static/{name:path}", "/ui/{path:path}",
}  # fmt: skip
"""Paths of everybody: they lead to the page on which one says who one is."""


def roles(dependant: Dependant) -> Iterator[Role]:
    """Roles that a route asks for, wherever its dependencies ask."""
    for name in ("requires.<locals>.principal", "sees.<locals>.principal"):
        if getattr(dependant.call, "__qualname__", "") == name and dependant.call is not None:
            yield inspect.getclosurevars(dependant.call).nonlocals["role"]
    for inner in dependant.dependencies:
        yield from roles(inner)


def routes() -> list[APIRoute]:
    found = [route for router in ROUTERS for route in router.routes]
    assert all(isinstance(route, APIRoute) for route in found)
    return [route for route in found if isinstance(route, APIRoute)]


def test_every_route_but_those_before_a_login_asks_for_a_role() -> None:
    asked = {route.path: list(roles(route.dependant)) for route in routes()}
    assert {path for path, found in asked.items() if not found} == OPEN
    assert len(asked) > 80


def test_whoever_changes_something_is_at_least_an_engineer() -> None:
    changing = [route for route in routes() if route.methods - {"GET", "HEAD"} and route.path not in OPEN]
    weak = {
        route.path for route in changing if not any(r.covers(Role.engineer) for r in roles(route.dependant))
    }
    assert weak == set()
