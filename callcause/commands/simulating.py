"""`callcause simulate` and `callcause demo`."""

from __future__ import annotations

import shutil
from pathlib import Path

from callcause.commands import diagnosing, ingesting
from callcause.evaluation import evaluate
from callcause.simulator import simulate
from callcause.simulator.month import simulate_month
from callcause.terminal import out, progress, say
from callcause_error import UsageError

DEMO_CELLS, DEMO_DAYS, DEMO_TICKETS = 60, 8, 40


def run(folder: Path, *, cells: int, days: int, tickets: int, seed: int, variant: str = "plain") -> None:
    """Write a simulated network."""
    with progress("simulate"):
        simulate(folder, cells=cells, days=days, tickets=tickets, seed=seed, variant=variant)
    say(f"network, tickets.csv and truth.csv are in {folder}")


def month(
    folder: Path, cells: int, days: int, tickets: int, seed: int, variant: str, customers: Path | None
) -> None:
    """Write a simulated month of a province."""
    with progress("simulate"):
        simulate_month(folder, cells, days, tickets, seed, variant, customers)
    say(f"network, tickets.csv, history.csv, customers.csv and the truth are in {folder}")


def demo(folder: Path, seed: int) -> None:
    """Show the whole way on a small network; the folder is made anew."""
    _clear(folder)
    run(folder / "files", cells=DEMO_CELLS, days=DEMO_DAYS, tickets=DEMO_TICKETS, seed=seed)
    store = folder / "store"
    files = folder / "files"
    ingesting.run(store, [files / "network", files / "tickets.csv"], None, folder / "unmapped.yaml")
    batch = diagnosing.diagnosis_of(store, None, None, (), None)
    results = folder / "results.json"
    batch.write_json(results)
    page = diagnosing.write_html(store, batch, folder / "report")
    diagnosing.print_table(batch)
    out.print(evaluate(files / "truth.csv", results).table(), markup=False, highlight=False)
    out.print(f"results: {results}\nreport:  {page.resolve().as_uri()}", markup=False, highlight=False)


def _clear(folder: Path) -> None:
    """Remove an earlier demo; any other folder with something in it is not ours to remove."""
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / "files" / "truth.csv").is_file()):
        raise UsageError("is no earlier demo and would be removed; name another folder", file=str(folder))
    shutil.rmtree(folder)
