"""`callcause pseudonyms`: the key of pseudonyms, changed with an overlap in which both are known."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from callcause.terminal import say

pseudonyms_app = typer.Typer(help="The key that pseudonyms depend on.", no_args_is_help=True)
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="TOML configuration; its audit log tells of the change.")
]


@pseudonyms_app.command()
def rotate(
    config: ConfigOption = None,
    days: Annotated[float, typer.Option("--days", help="How long the former key is known too.")] = 90.0,
) -> None:
    """Make a new key; the former one stays known for some days. Restart the service afterwards."""
    from collectors.records.key import rotate_key

    until = rotate_key(days)
    _audit(config, "pseudonyms.rotate", {"former_key_until": until.isoformat()})
    say(f"new key made; the former one is known until {until.isoformat()}; restart the service")


@pseudonyms_app.command()
def retire(config: ConfigOption = None) -> None:
    """Destroy the former key now: what only it could find is found no more."""
    from collectors.records.key import retire_key

    if not retire_key():
        say("there is no former key")
        raise typer.Exit(1)
    _audit(config, "pseudonyms.retire", {})
    say("the former key is gone; restart the service")


@pseudonyms_app.command()
def status() -> None:
    """Say whether a former key is known, and until when."""
    from collectors.records.key import load_keys

    keys = load_keys()
    if keys.previous is None:
        say("one key, no former one")
    else:
        span = f"until {keys.until.isoformat()}" if keys.until else "while it is set"
        say(f"a former key is known, {span}")


def _audit(config: Path | None, action: str, detail: dict[str, Any]) -> None:
    if config is None:
        return
    from callcause.configuration import load_configuration
    from callcause.loop.audit_log import append
    from callcause.state import Database

    database, who = Database.open(load_configuration(config).state), getpass.getuser()
    try:
        database.write(lambda s: append(s, datetime.now(UTC), who, action, "pseudonym key", detail))
    finally:
        database.close()
