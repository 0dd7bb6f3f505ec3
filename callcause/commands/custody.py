"""`callcause audit verify` and `callcause vault rotate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from callcause.terminal import say

audit_app = typer.Typer(help="The audit log.", no_args_is_help=True)
vault_app = typer.Typer(help="The vault of clear numbers.", no_args_is_help=True)
ConfigOption = Annotated[Path, typer.Option("--config", help="TOML configuration of the service.")]


@audit_app.command()
def verify(
    config: ConfigOption,
    head: Annotated[
        str | None, typer.Option("--head", help="Hash of the last entry as somebody kept it.")
    ] = None,
) -> None:
    """Check the audit log from its first entry; exit 1 at the first that was edited or is gone."""
    from callcause.configuration import load_configuration
    from callcause.loop.audit_log import check
    from callcause.state import Database
    from callcause.state.audit_head import Head

    database = Database.open(load_configuration(config).state)
    try:
        file = database.audit_head
        kept = file.read() if file else None
        number, last, fault = database.read(lambda session: check(session, head, kept))
    finally:
        database.close()
    if fault is not None:
        say(f"entry {fault.number}: {fault.reason}")
        raise typer.Exit(1)
    if file and number:
        file.keep(Head(number, last))
    say(f"{number} entries, the chain holds")
    typer.echo(last)


@vault_app.command()
def rotate(config: ConfigOption) -> None:
    """Seal every number again with the newest key; exit 1 where some could not be opened."""
    import asyncio

    counts = asyncio.run(_rotate(config))
    say(f"{counts['rotated']} numbers sealed again, {counts['failed']} could not be opened")
    if counts["failed"]:
        raise typer.Exit(1)


async def _rotate(config: Path) -> dict[str, int]:
    import getpass

    from callcause.configuration import load_configuration
    from callcause.loop.vault import Vault
    from callcause.state import Database

    settings = load_configuration(config)
    database = Database.open(settings.state)
    try:
        return await Vault(database, settings.vault).rotate(getpass.getuser())
    finally:
        database.close()
