"""`callcause dashboards`: the boards for Grafana and the rules for Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Boards for Grafana, rules for Prometheus and Alertmanager.", no_args_is_help=True)
Web = Annotated[str, typer.Option("--web", help="Address of callcause's web page, for links.")]
HERE = "http://127.0.0.1:8470"


@app.command()
def build(
    output: Annotated[Path, typer.Argument(help="Folder that Grafana mounts at /etc/grafana/provisioning.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; 1 where a file differs.")] = False,
) -> None:
    """Write the provisioning folder: data source, folder, boards, contact point."""
    from callcause.commands import boards

    if check:
        different = boards.check(output)
        typer.echo("\n".join(different))
        raise typer.Exit(1 if different else 0)
    typer.echo(f"{boards.build(output)} files changed in {output}", err=True)


@app.command()
def rules(
    output: Annotated[Path, typer.Argument(help="Folder to write into.")],
    web: Web = HERE,
    token_file: Annotated[
        str | None, typer.Option("--token-file", help="File that Alertmanager reads.")
    ] = None,
) -> None:
    """Write the Prometheus rules and the Alertmanager configuration."""
    from callcause.commands import boards

    for path in boards.rules(output, web, token_file):
        typer.echo(path)


@app.command()
def publish(
    url: Annotated[str, typer.Option("--url", help="Address of Grafana.")],
    token_env: Annotated[
        str, typer.Option("--token-env", help="Variable that holds the service account token.")
    ] = "GRAFANA_TOKEN",  # noqa: S107 - the name of a variable
    web: Web = HERE,
    force: Annotated[bool, typer.Option("--force", help="Also over boards that a person changed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> None:
    """Bring the boards to Grafana over its HTTP API; a board that a person changed is left alone."""
    from rich.console import Console

    from callcause.commands import boards

    done = boards.send(url, token_env, web, force=force, dry_run=dry_run, out=Console())
    raise typer.Exit(0 if done else 1)
