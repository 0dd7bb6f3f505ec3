"""The command line: `callcause --help`. Exit statuses follow the outside contract.

A command imports what it needs when it runs, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from callcause.commands import board_shelf, custody, pseudonym_keys, runbook_shelf
from callcause.form import Form, Language
from callcause.terminal import fail
from callcause_error import CallcauseError, UsageError

app = typer.Typer(
    name="callcause",
    help="From VoLTE complaint tickets and network files to ranked, explained causes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.add_typer(runbook_shelf.app, name="runbooks")
app.add_typer(board_shelf.app, name="dashboards")
app.add_typer(custody.audit_app, name="audit")
app.add_typer(custody.vault_app, name="vault")
app.add_typer(pseudonym_keys.pseudonyms_app, name="pseudonyms")
config_app = typer.Typer(help="The configuration of the service.", no_args_is_help=True)
app.add_typer(config_app, name="config")

StoreOption = Annotated[Path, typer.Option("--store", help="Folder of the store; made when it is not there.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML configuration.")]
RunbooksOption = Annotated[
    list[Path] | None,
    typer.Option("--runbooks", help="Folder with the operator's own runbooks, laid over ours."),
]


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write into.")],
    cells: Annotated[int, typer.Option(min=3, help="Cells of the network.")] = 60,
    days: Annotated[int, typer.Option(min=1, help="Days of history.")] = 8,
    tickets: Annotated[int, typer.Option(min=1, help="Complaint tickets.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed; the same seed writes the same bytes.")] = 1,
    variant: Annotated[
        str, typer.Option(help="plain, harder, strained (some cells at their limits), or perturbed (drawn).")
    ] = "plain",
    loop: Annotated[
        bool,
        typer.Option(
            "--loop",
            help="A month of a province: DAYS with complaints, daily counts of half a year before them.",
        ),
    ] = False,
    customers: Annotated[
        Path | None, typer.Option("--customers", help="With --loop: CSV with month, region, customers.")
    ] = None,
) -> None:
    """Write a network's files as real systems write them, its complaints, and apart from them truth.csv."""
    from callcause.commands import simulating

    if loop:
        simulating.month(folder, cells, days, tickets, seed, variant, customers)
    else:
        simulating.run(folder, cells=cells, days=days, tickets=tickets, seed=seed, variant=variant)


@app.command()
def rehearse(
    folder: Annotated[Path, typer.Argument(help="Folder that `callcause simulate --loop` wrote.")],
    work: Annotated[Path, typer.Option("--work", help="New folder for store, state, log and report.")],
    slot: Annotated[float, typer.Option("--slot", min=1, help="Minutes between two looks.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of departments and customers.")] = 1,
    database: Annotated[
        str, typer.Option("--database", help="Empty PostgreSQL database; else SQLite in the work folder.")
    ] = "",
) -> None:
    """Go through a simulated month with the real service, and print what came of it."""
    from callcause.commands import rehearsing

    rehearsing.run(folder, work, slot, seed, database)


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    store: StoreOption,
    config: ConfigOption = None,
    unmapped: Annotated[
        Path | None,
        typer.Option("--unmapped", help="Write the unmapped counters as a ready map here, not to stderr."),
    ] = None,
) -> None:
    """Read files and folders, recognise each format by its content, store it once."""
    from callcause.commands import ingesting

    raise typer.Exit(ingesting.run(store, paths, config, unmapped))


@app.command()
def diagnose(
    store: StoreOption,
    tickets: Annotated[Path | None, typer.Argument(help="Ticket table; without it all in the store.")] = None,
    ticket: Annotated[str | None, typer.Option("--ticket", help="Only this ticket.")] = None,
    form: Annotated[Form, typer.Option("--format", help="table, json or html.")] = Form.table,
    output: Annotated[Path | None, typer.Option("--output", help="File (html: file or folder).")] = None,
    runbooks: RunbooksOption = None,
    config: ConfigOption = None,
) -> None:
    """Say for each ticket which network cause is behind it, how sure, what proves it, who must act."""
    from callcause.commands import diagnosing

    diagnosing.run(store, tickets, ticket, form, output, tuple(runbooks or ()), config)


@app.command()
def evaluate(
    results: Annotated[Path, typer.Argument(help="JSON of `callcause diagnose --format json`.")],
    truth: Annotated[Path, typer.Option("--truth", help="truth.csv: ticket_id,cause_id.")],
) -> None:
    """Print top-1, top-3, calibration error and wrong blame, per category and in all."""
    from callcause.commands import evaluating

    evaluating.run(truth, results)


def kpi_names(begun: str) -> list[str]:
    """KPI ids for shell completion."""
    from collectors.kpi.catalogue import load_catalogue

    return [name for name in load_catalogue().ids() if name.startswith(begun)]


SourceOption = Annotated[Path | None, typer.Option("--store", help="Diagnose from this store.")]
ResultsOption = Annotated[
    Path | None, typer.Option("--results", help="JSON of `callcause diagnose --format json`.")
]
UrlOption = Annotated[
    str,
    typer.Option(
        "--url", envvar="CALLCAUSE_URL", help="A running service; its token comes from CALLCAUSE_TOKEN."
    ),
]
LanguageOption = Annotated[Language, typer.Option("--lang", help="en or zh.")]
SERVICE = "http://127.0.0.1:8470"


@app.command()
def ticket(
    ticket_id: Annotated[str, typer.Argument(metavar="TICKET", help="Id of the ticket.")],
    store: SourceOption = None,
    results: ResultsOption = None,
    url: UrlOption = SERVICE,
    lang: LanguageOption = Language.en,
) -> None:
    """Show one ticket as the page does, from a running service, a store, or a file of results."""
    from callcause.commands import showing

    showing.ticket(ticket_id, store, results, url, lang.value)


@app.command()
def tickets(
    store: SourceOption = None,
    results: ResultsOption = None,
    url: UrlOption = SERVICE,
    state: Annotated[str | None, typer.Option("--state", help="Only this state.")] = None,
    category: Annotated[str | None, typer.Option("--category", help="Only this category.")] = None,
    department: Annotated[str | None, typer.Option("--department", help="Only of this department.")] = None,
    cause: Annotated[str | None, typer.Option("--cause", help="Only with this first cause.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 50,
    lang: LanguageOption = Language.en,
) -> None:
    """List tickets: the queue of a running service, or those of a store or of a file of results."""
    from callcause.commands import showing

    asked = {"state": state, "category": category, "department": department, "cause": cause}
    showing.tickets(store, results, url, asked, limit, lang.value)


@app.command()
def worst(
    store: StoreOption,
    kpi: Annotated[
        str, typer.Option("--kpi", help="KPI id of the catalogue.", autocompletion=kpi_names)
    ] = "erab_drop_ratio_qci1_cell",
    at: Annotated[
        str | None, typer.Option("--at", help="RFC 3339 time; without it the last stored hour.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many cells.")] = 20,
) -> None:
    """List the worst cells of a KPI with limit, baseline and evidence."""
    from callcause.commands import diagnosing

    diagnosing.worst(store, kpi, at, top)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo network goes.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Seed of the network.")] = 7,
) -> None:
    """Simulate a small faulty network, ingest it, diagnose its tickets, show the table and the report."""
    from callcause.commands import simulating

    simulating.demo(folder, seed)


@app.command()
def serve(
    config: ConfigOption = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve a small simulated network with faults, made anew.")
    ] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where that network goes.")] = Path("demo-live"),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where the demo listens.")] = 8470,
) -> None:
    """Collect, take tickets and alerts in, diagnose them and answer, until SIGTERM."""
    if demo == (config is not None):
        raise UsageError("expected either --config FILE or --demo", key="--config")
    if config is None:
        from callcause.commands import living

        living.run(folder, port)
    else:
        from callcause.commands import serving

        serving.run(config)


@config_app.command()
def check(file: Annotated[Path, typer.Argument(help="TOML configuration.")]) -> None:
    """Check a configuration: every wrong key with its place and a suggestion."""
    from callcause.commands import serving

    raise typer.Exit(serving.check(file))


@app.command()
def backup(
    config: Annotated[Path, typer.Option("--config", help="TOML configuration of the service.")],
    folder: Annotated[Path, typer.Argument(help="New folder for the backup.")],
) -> None:
    """Back up the store and the state database while the service runs."""
    from callcause.commands import backup as work

    typer.echo(work.backup(config, folder), err=True)


@app.command()
def restore(
    config: Annotated[Path, typer.Option("--config", help="TOML configuration of the service.")],
    folder: Annotated[Path, typer.Argument(help="Folder of a backup.")],
) -> None:
    """Bring a backup back to where the configuration points; nothing is overwritten."""
    from callcause.commands import backup as work

    typer.echo(work.restore(config, folder), err=True)


@app.command()
def calibrate(
    config: Annotated[Path, typer.Option("--config", help="TOML configuration of the service.")],
    approve: Annotated[Path | None, typer.Option("--approve", help="Write the weights to this file.")] = None,
) -> None:
    """Estimate priors and weights from closed tickets; show before and after; change nothing unapproved."""
    from callcause.commands import calibrating

    calibrating.calibrate(config, approve)


@app.command()
def replay(
    ticket: Annotated[str, typer.Argument(help="Id of a ticket.")],
    config: Annotated[Path, typer.Option("--config", help="TOML configuration of the service.")],
    result: Annotated[
        int | None, typer.Option("--result", help="Number of a result; else the newest.")
    ] = None,
) -> None:
    """Make a past verdict again from its stored evidence; exit status 1 where it is not the same bytes."""
    from callcause.commands import calibrating

    raise typer.Exit(calibrating.replay(config, ticket, result))


@app.command()
def erase(
    config: Annotated[Path, typer.Option("--config", help="TOML configuration of the service.")],
    why: Annotated[str, typer.Option("--why", help="Reason; the audit log keeps it.")],
    number: Annotated[
        bool, typer.Option("--number", help="By clear number, read from standard input.")
    ] = False,
    pseudonym: Annotated[str | None, typer.Option("--pseudonym", help="By pseudonym.")] = None,
    ticket: Annotated[str | None, typer.Option("--ticket", help="The subscriber of this ticket.")] = None,
) -> None:
    """Erase one subscriber from the store, the state database, the evidence and the vault."""
    from callcause.commands import erasing

    erasing.run(config, why, number=number, pseudonym=pseudonym, ticket=ticket)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder to write into.")],
    config: Annotated[Path, typer.Option("--config", help="TOML configuration of the service.")],
    start: Annotated[str, typer.Option("--from", help="First day.")],
    end: Annotated[str, typer.Option("--to", help="Day after the last.")],
    goal: Annotated[float, typer.Option(help="Goal of the timely rate.")] = 0.9,
    measure: Annotated[str | None, typer.Option(help="When a measure began: volume before, after.")] = None,
    customers: Annotated[Path | None, typer.Option(help="CSV: month, region, customers.")] = None,
) -> None:
    """Write the service-quality report of a period as Markdown and HTML, in English and Chinese."""
    from callcause.commands import reporting

    reporting.run(config, folder, start, end, goal, measure, customers)


def main() -> None:
    """Run the command line; every error of ours ends as one message and its exit status."""
    try:
        app()
    except CallcauseError as error:
        sys.exit(fail(error))


if __name__ == "__main__":
    main()
