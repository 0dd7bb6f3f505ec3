"""`callcause erase`: one subscriber out of the store, the state database, the evidence and the vault."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import typer

from callcause.configuration import Configuration, load_configuration
from callcause.loop.erasure import erase_everywhere
from callcause.state import Database
from callcause.state.ticket import Ticket
from callcause.terminal import say
from callcause_error import UsageError
from collectors.records import load_pseudonymiser
from collectors.store import Store
from collectors.store.erasure import Erased


def run(config: Path, why: str, *, number: bool, pseudonym: str | None, ticket: str | None) -> None:
    """Erase, and say what was changed. The clear number is read from the terminal or a pipe, never shown."""
    if number + (pseudonym is not None) + (ticket is not None) != 1:
        raise UsageError("name the subscriber in one way: --number, --pseudonym or --ticket")
    if len(why.strip()) < 5:
        raise UsageError("an erasure needs a reason", key="why")
    settings = load_configuration(config)
    database = Database.open(settings.state)
    try:
        names = _names(settings, database, _read_number() if number else None, pseudonym, ticket)
        counts = asyncio.run(_erase(settings, database, names, why))
    finally:
        database.close()
    _tell(counts)


async def _erase(
    settings: Configuration, database: Database, names: Collection[str], why: str
) -> dict[str, Any]:
    async def in_store(given: Collection[str]) -> tuple[Erased, frozenset[str]]:
        with Store.open(settings.store.path) as store:
            return store.erase(given)

    return await erase_everywhere(database, in_store, names, getpass.getuser(), why)


def _names(
    settings: Configuration, database: Database, number: str | None, pseudonym: str | None, ticket: str | None
) -> list[str]:
    if number is not None:
        found = load_pseudonymiser().names_of(number, settings.ingest.country_code)
        if not found or found == [number]:
            raise UsageError("expected a telephone number of a subscriber", key="number")
        return found
    if pseudonym is not None:
        return [pseudonym]
    row = database.read(lambda session: session.get(Ticket, ticket))
    if row is None or row.customer is None:
        raise UsageError("no such ticket, or it has no subscriber any more", key="ticket")
    return [row.customer]


def _read_number() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Number", hide_input=True)).strip()
    return sys.stdin.readline().strip()


def _tell(counts: dict[str, Any]) -> None:
    store = counts["store"]
    rows = ", ".join(f"{n} {kind}" for kind, n in store["rows"].items()) or "none"
    removed = ", ".join(f"{n} {kind}" for kind, n in store["removed"].items()) or "none"
    say(f"rows of the store without the subscriber: {rows}; removed: {removed}")
    say(f"tickets: {counts['tickets']}, named in {counts['named_in']} of others")
    say(f"evidence emptied: {counts['evidence']}; sealed numbers destroyed: {counts['numbers']}")
