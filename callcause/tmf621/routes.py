"""`/tmf-api/troubleTicket/v5` and `/v4`: the same tickets in the attributes of each version."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from callcause.loop.settings import LoopSettings
from callcause.service import ticket_rows as rows
from callcause.service.authentication import Principal, requires
from callcause.service.problem import Problem
from callcause.service.service import Service
from callcause.service.settings import Role
from callcause.service.tally import tally_received
from callcause.service.ticket_record import check
from callcause.state.base import utc_now
from callcause.state.trouble_ticket import Subscription
from callcause.tmf621 import desk, hub
from callcause.tmf621.documents import CREATE, HUB, PATCH
from callcause.tmf621.errors import TmfRoute
from callcause.tmf621.incoming import changed, offered
from callcause.tmf621.rendering import BASE, Shown, version_4, version_5
from callcause.tmf621.selection import FILTERS, fields, only, selection
from callcause.tmf621.version4 import as_version_5

Viewer = Annotated[Principal, Depends(requires(Role.viewer))]
Engineer = Annotated[Principal, Depends(requires(Role.engineer))]
Admin = Annotated[Principal, Depends(requires(Role.admin))]
Fields = Annotated[str | None, Query(description="comma-separated attributes of the first level")]
Document = dict[str, Any]
_MERGE = ("application/merge-patch+json", "application/json")


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _loop(service: Service) -> LoopSettings:
    return service.configuration.loop


async def _body(request: Request, api: str) -> tuple[bytes, object]:
    raw = await request.body()
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise Problem(400, "the body is no JSON") from None
    return raw, as_version_5(found) if api == "v4" else found


def _out(found: Shown, api: str, wanted: frozenset[str] | None = None) -> Document:
    document = version_5(found)
    return only(version_4(document) if api == "v4" else document, wanted)


def make_router(api: str) -> APIRouter:
    """Return the router of one version, `v5` or `v4`."""
    router = APIRouter(prefix=f"{BASE}/{api}", tags=[f"TMF621 {api}"], route_class=TmfRoute)
    _tickets(router, api)
    _writing(router, api)
    _hub(router, api)
    return router


def _tickets(router: APIRouter, api: str) -> None:
    listing = {"parameters": [_filter(name) for name in FILTERS]}

    @router.get("/troubleTicket", openapi_extra=listing, operation_id=f"listTroubleTicket_{api}")
    async def list_tickets(
        request: Request, who: Viewer, fields: Fields = None, offset: str = "0", limit: str = "100",
        sort: str | None = None,
    ) -> JSONResponse:  # fmt: skip
        """List trouble tickets: filtered by attributes, a page of them, only the wanted attributes."""
        service, wanted = _service(request), selection(request.query_params.multi_items())
        found, total = await service.database.reading(lambda s: desk.listed(s, wanted))
        headers = {"X-Total-Count": str(total), "X-Result-Count": str(len(found))}
        status = 206 if wanted.offset + len(found) < total else 200
        return JSONResponse([_out(one, api, wanted.fields) for one in found], status, headers)

    @router.get("/troubleTicket/{ticket_id:path}", operation_id=f"retrieveTroubleTicket_{api}")
    async def retrieve(request: Request, ticket_id: str, who: Viewer, fields: Fields = None) -> JSONResponse:
        """Give one trouble ticket."""
        found = await _service(request).database.reading(lambda s: desk.find(s, ticket_id))
        return JSONResponse(_out(found, api, _wanted(fields)), headers={"ETag": desk.version_of(found)})


def _writing(router: APIRouter, api: str) -> None:
    @router.post(
        "/troubleTicket", status_code=201, openapi_extra={"requestBody": CREATE[api]},
        operation_id=f"createTroubleTicket_{api}",
    )  # fmt: skip
    async def create(
        request: Request, who: Engineer, fields: Fields = None,
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> JSONResponse:  # fmt: skip
        """Take in a trouble ticket; it is diagnosed like any other."""
        service = _service(request)
        raw, body = await _body(request, api)
        found = await _create(service, raw, body, who, idempotency_key, api)
        document = _out(found, api, _wanted(fields))
        headers = {"Location": document["href"], "ETag": desk.version_of(found)}
        return JSONResponse(document, 201, headers)

    @router.patch(
        "/troubleTicket/{ticket_id:path}", openapi_extra={"requestBody": PATCH[api]},
        operation_id=f"patchTroubleTicket_{api}",
    )  # fmt: skip
    async def patch(
        request: Request, ticket_id: str, who: Engineer, fields: Fields = None,
        if_match: Annotated[str | None, Header()] = None,
    ) -> JSONResponse:  # fmt: skip
        """Change a trouble ticket by a merge-patch; a status goes through the steps of the loop."""
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind not in _MERGE:
            raise Problem(415, f"expected {' or '.join(_MERGE)}")
        _, body = await _body(request, api)
        found = await _change(_service(request), ticket_id, body, who, if_match)
        return JSONResponse(_out(found, api, _wanted(fields)), headers={"ETag": desk.version_of(found)})

    @router.delete(
        "/troubleTicket/{ticket_id:path}", status_code=204, operation_id=f"deleteTroubleTicket_{api}"
    )
    async def delete(request: Request, ticket_id: str, who: Admin) -> Response:
        """Take a closed trouble ticket out of this interface, where the policy allows it."""
        service = _service(request)
        policy = service.configuration.tmf621.delete
        await service.database.writing(lambda s: desk.delete(s, ticket_id, policy))
        service.hub.wake()
        return Response(status_code=204)


def _hub(router: APIRouter, api: str) -> None:
    @router.post("/hub", status_code=201, openapi_extra={"requestBody": HUB}, operation_id=f"createHub_{api}")
    async def subscribe(request: Request, who: Engineer) -> JSONResponse:
        """Subscribe a listener to events."""
        service = _service(request)
        _, body = await _body(request, "v5")
        hosts = service.configuration.tmf621.callback_hosts
        row = await service.database.writing(lambda s: hub.subscribe(s, body, api, who.name, hosts))
        return JSONResponse(hub.described(row, entire=True), 201, {"Location": f"{BASE}/{api}/hub/{row.id}"})

    @router.get("/hub/{listener}", operation_id=f"retrieveHub_{api}")
    async def one(request: Request, listener: str, who: Engineer) -> JSONResponse:
        """Give one listener."""
        row = await _service(request).database.reading(lambda s: _listener(s, listener, api))
        return JSONResponse(hub.described(row, entire=row.who == who.name))

    @router.delete("/hub/{listener}", status_code=204, operation_id=f"deleteHub_{api}")
    async def unsubscribe(request: Request, listener: str, who: Engineer) -> Response:
        """End a subscription; what was not delivered is dropped with it."""
        await _service(request).database.writing(lambda s: s.delete(_listener(s, listener, api)))
        return Response(status_code=204)


async def _create(
    service: Service, raw: bytes, body: object, who: Principal, key: str | None, api: str
) -> Shown:
    intake, ingest = service.intake, service.configuration.ingest
    keyed = desk.asked(who.name, f"{BASE}/{api}", key, raw, intake.pseudonymiser.pseudonym)
    new = offered(body, intake.pseudonymiser, who.name, utc_now().isoformat())
    checked = await asyncio.to_thread(
        check, [new.record], intake.pseudonymiser, ingest.zone, ingest.country_code
    )
    if checked.errors:
        raise Problem(400, "attributes are wrong", errors=checked.errors)
    record = checked.records[0]
    sealed = intake.vault.sealed([new.record], checked.records) if intake.vault else []

    def take_in(session: Session) -> rows.TakenIn:
        taken = rows.take_in(session, [record], desk.SOURCE, who.name, hear=intake.on_taken)
        if intake.vault and not taken.other:
            intake.vault.keep(session, sealed)
        return taken

    found, is_new = await service.database.writing(
        lambda s: desk.create(s, record, new.columns, new.document, take_in, keyed)
    )
    if is_new:
        tally_received(service.counters, [record])
        service.counters.add("tickets_taken_in", {"source": desk.SOURCE}, 1)
        service.tickets.wake()
        service.hub.wake()
    return found


async def _change(
    service: Service, ticket_id: str, body: object, who: Principal, if_match: str | None
) -> Shown:
    wanted = changed(body, service.intake.pseudonymiser, who.name, utc_now().isoformat())
    causes = service.loop.causes() if "confirmedCause" in wanted.steps else None
    found, counts = await service.database.writing(
        lambda s: desk.change(s, ticket_id, wanted, who.name, if_match, _loop(service), causes)
    )
    for name, labels in counts:
        service.counters.add(name, labels)
    service.hub.wake()
    return found


def _listener(session: Session, ident: str, api: str) -> Subscription:
    row = session.get(Subscription, ident) if "\x00" not in ident else None
    if row is None or row.api != api:
        raise Problem(404, "no such listener")
    return row


def _wanted(text: str | None) -> frozenset[str] | None:
    return fields(text)


def _filter(name: str) -> Document:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}


routers = (make_router("v5"), make_router("v4"))
