"""`callcause runbooks lint | list | show | test`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from callcause.terminal import out, say
from runbooks.cases import run_cases
from runbooks.lint import lint as lint_runbooks
from runbooks.loader import load_runbooks
from runbooks.text import listing
from runbooks.text import show as show_text

app = typer.Typer(help="Check and show the runbooks.", no_args_is_help=True)
Overlays = Annotated[list[Path] | None, typer.Option("--runbooks", help="Operator's own runbooks over ours.")]


@app.command()
def lint(runbooks: Overlays = None) -> None:
    """Check the runbooks; exit status 1 when there are findings."""
    # Both read much; the other commands here do without.
    from collectors.kpi.catalogue import load_catalogue
    from diagnosis.evidence import names

    findings = lint_runbooks(load_runbooks(*(runbooks or ())), names(load_catalogue()))
    for finding in findings:
        out.print(str(finding), markup=False, highlight=False)
    say(f"{len(findings)} findings")
    raise typer.Exit(1 if findings else 0)


@app.command("list")
def list_(runbooks: Overlays = None) -> None:
    """List runbooks and checks."""
    out.print(listing(load_runbooks(*(runbooks or ()))), markup=False, highlight=False)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Id of a check, a cause or a category.")],
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    runbooks: Overlays = None,
) -> None:
    """Show one check, cause or category in words."""
    out.print(show_text(load_runbooks(*(runbooks or ())), name, language), markup=False, highlight=False)


@app.command()
def test(folder: Annotated[Path, typer.Argument(help="Folder with runbooks whose cases are run.")]) -> None:
    """Run the cases of an operator's runbooks; exit status 1 when one fails."""
    failures = run_cases(load_runbooks(folder))
    for failure in failures:
        out.print(str(failure), markup=False, highlight=False)
    say(f"{len(failures)} failed cases")
    raise typer.Exit(1 if failures else 0)
