"""`callcause rehearse`: the real service through a simulated month, and what came of it."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

from callcause.commands import ingesting, reporting
from callcause.commands.calibrating import Learned, learned
from callcause.configuration import load_configuration
from callcause.rehearsal.drive import Drive
from callcause.rehearsal.findings import findings
from callcause.rehearsal.learning import closed, taught
from callcause.rehearsal.moment import SharedMoment
from callcause.rehearsal.month import Month, read_month
from callcause.rehearsal.report import text
from callcause.rehearsal.running import RunningService
from callcause.state import Database
from callcause.terminal import out, say
from callcause_error import UsageError
from runbooks.loader import load_runbooks

GOAL = 0.9
NOT_DEPARTMENTS = {"User", "By registration result"}
FRONT_OFFICE = "Front office"


def run(folder: Path, work: Path, slot_min: float, seed: int, database: str) -> None:
    """Go through the month and print the report; everything that arises lies in `work`."""
    month = read_month(folder)
    if work.exists() and any(work.iterdir()):
        raise UsageError("is not empty", file=str(work), hint="name a new folder with --work")
    work = work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    say("the network's files go into the store")
    logging.getLogger("collectors").setLevel(logging.ERROR)
    ingesting.run(work / "store", [folder / "network"], None, work / "unmapped.yaml")
    moment = SharedMoment(work / "moment")
    moment.move_to(month.begin)
    service = RunningService(work, moment, database)
    drive = Drive(service, month, departments(), timedelta(minutes=slot_min), seed)
    weights, half, known = _first_half(service, drive, month)
    _second_half(service, drive, month, weights)
    learnt = taught(service.config, weights, half, known)
    state = Database.open(load_configuration(service.config).state)
    try:
        found = state.read(lambda session: findings(session, month))
    finally:
        state.close()
    _write_report(service.config, work, month)
    told = text(month, found, learnt, drive.counts)
    (work / "rehearsal.txt").write_text(told, "utf-8")
    out.print(told, markup=False, highlight=False)


def departments() -> dict[str, tuple[str, ...]]:
    """Return who can handle each cause, by the runbooks; what is nobody's is the front office's."""
    return {
        name: tuple(
            dict.fromkeys(FRONT_OFFICE if d.en in NOT_DEPARTMENTS else d.en for d in cause.departments)
        )
        for name, cause in load_runbooks().causes.items()
    }


def _first_half(
    service: RunningService, drive: Drive, month: Month
) -> tuple[Path | None, Learned | None, frozenset[str]]:
    """Go to the middle of the month, calibrate there, and approve the weights.

    Returns the weights, what they say of held-back tickets, and the tickets that they could have seen.
    """
    service.configure()
    service.start()
    try:
        drive.before()
        drive.until(month.begin + (month.end - month.begin) / 2)
    finally:
        service.stop()
    known = closed(service.config)
    if not known:
        return None, None, known
    say(f"half way: {len(known)} tickets have a confirmed cause")
    weights = service.folder / "weights.json"
    half = learned(service.config)
    weights.write_text(half.weights.model_dump_json(indent=1) + "\n", "utf-8")
    return weights, half, known


def _second_half(service: RunningService, drive: Drive, month: Month, weights: Path | None) -> None:
    """Go on with the approved weights to the end of the month, and until every ticket is closed."""
    service.configure(weights)
    service.start()
    try:
        drive.until(month.end)
        drive.end()
    finally:
        service.stop()


def _write_report(config: Path, work: Path, month: Month) -> None:
    """Write the service-quality report of the month as `callcause report` does."""
    begin, end = month.begin.isoformat(), month.end.isoformat()
    reporting.run(config, work / "report", begin, end, GOAL, None, month.folder / "customers.csv")
