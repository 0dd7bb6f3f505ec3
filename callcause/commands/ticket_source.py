"""Where the terminal finds tickets: a running service, a store, or a file of results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from callcause_error import CallcauseError, UsageError, did_you_mean

TOKEN = "CALLCAUSE_TOKEN"  # noqa: S105 - the name of the variable, not its value
"""Environment variable with the bearer token: a token on a command line stands in every process list."""
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A ticket with its diagnosis; what only a service knows is empty elsewhere."""

    ticket_id: str
    result: Mapping[str, Any] | None
    life: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
    questions: Mapping[str, Any] = field(default_factory=dict)
    reply: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)


def of_service(url: str, ticket_id: str) -> Shown:
    """Ask a running service."""
    place = f"/tickets/{quote(ticket_id)}"
    with _client(url) as client:
        life = _get(client, f"{place}/life")
        found = _get(client, place)
        result = found if "causes" in found else None
        events = _get(client, f"{place}/events")["events"]
        if result is None:
            return Shown(ticket_id, None, life, events)
        return Shown(
            ticket_id, result, life, events, _get(client, f"{place}/questions"),
            _get(client, f"{place}/reply-text"), _get(client, f"{place}/evidence"),
        )  # fmt: skip


def queue_of_service(url: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Ask a running service for its queue; what is None is not asked."""
    with _client(url) as client:
        given = {name: value for name, value in asked.items() if value is not None}
        rows: list[dict[str, Any]] = _get(client, "/queue", given)["tickets"]
        return rows


def of_results(path: Path, ticket_id: str) -> Shown:
    """Find a ticket in what `callcause diagnose --format json` wrote."""
    results = results_of(path)
    known = {str(one["ticket_id"]): one for one in results}
    if ticket_id not in known:
        raise UsageError("no such ticket", file=str(path), key=ticket_id, hint=did_you_mean(ticket_id, known))
    return Shown(ticket_id, known[ticket_id])


def results_of(path: Path) -> list[dict[str, Any]]:
    """Read a file of results."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be read as results: {error}", file=str(path)) from error
    if not isinstance(found, list) or not all(isinstance(one, dict) and "ticket_id" in one for one in found):
        raise UsageError("expected the JSON of `callcause diagnose --format json`", file=str(path))
    return found


def _client(url: str) -> httpx.Client:
    token = os.environ.get(TOKEN)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        return httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise UsageError(f"no address of a service: {error}", key="--url") from error


def _get(client: httpx.Client, path: str, asked: Mapping[str, Any] | None = None) -> Any:
    try:
        answer = client.get(path, params=asked)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        hint = "is it running? `callcause serve`; another address: --url"
        raise CallcauseError(
            f"the service does not answer: {error}", key=str(client.base_url), hint=hint
        ) from error
    if answer.is_success:
        return answer.json()
    try:
        told = answer.json()
    except ValueError:
        told = {}
    hint = f"set {TOKEN} to a token of the service" if answer.status_code == 401 else told.get("hint")
    detail = told.get("detail") or f"HTTP status {answer.status_code}"
    raise CallcauseError(f"the service refuses: {detail}", key=path, hint=hint)
