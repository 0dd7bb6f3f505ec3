"""The HTTP interface: routes, bounds, errors, and its OpenAPI document at /openapi.json."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from callcause.service.authentication import Authentication
from callcause.service.limits import BodyLimit, RateLimit
from callcause.service.problem import add_handlers
from callcause.service.routes import (
    alerts,
    cases,
    clusters,
    evidence,
    life,
    metrics,
    status,
    tickets,
    vault,
    warnings,
)
from callcause.service.service import Service
from callcause.service.settings import ServiceSettings
from callcause.tmf621.routes import routers as trouble_tickets
from callcause.web.pages import ROUTERS as WEB_PAGES

ROUTERS: tuple[APIRouter, ...] = (
    status.router,
    metrics.router,
    cases.router,
    evidence.router,
    life.router,  # before tickets: it takes every path below /tickets
    clusters.router,
    warnings.router,
    vault.router,
    tickets.router,
    alerts.router,
    *trouble_tickets,
    *WEB_PAGES,
)
"""Every router; one line adds one."""


def make_application(service: Service) -> FastAPI:
    """Return the application over a service; its routes find both in `request.app.state`."""
    settings = service.configuration.service
    application = FastAPI(
        title="callcause",
        version=version("callcause"),
        description="From VoLTE complaints and alerts to their network cause.",
        docs_url=None,
        redoc_url=None,
    )
    application.state.service = service
    application.state.authentication = Authentication(settings)
    for router in ROUTERS:
        application.include_router(router)
    add_handlers(application)
    _bound(application, settings)
    return application


def _bound(application: FastAPI, settings: ServiceSettings) -> None:
    application.add_middleware(BodyLimit, limit=settings.max_body_kib * 1024)
    if settings.loopback and not settings.authenticates:
        # Nobody is asked who they are, so a page in a browser must not reach us under a name of its own.
        application.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"])
    application.add_middleware(RateLimit, per_minute=settings.requests_per_minute, free=status.FREE)
