"""All faults, in random order, with both timer settings: a table, and a failure where a verdict is wrong.

`python tests/lab/lab_all.py [--timers staggered|equal|both] [--rounds N] [--faults NAME ...] [--seed S]`
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lab_faults import BY_NAME, FAULTS
from lab_namespace import missing_parts
from lab_network import TIMERS
from lab_run import LabRun

SETTLE_S = 1.0
LAST = ("caller_never_registered", "callee_not_registered")
"""Need records that reach back longer than a registration lasts, so they are played last."""


def order(names: list[str], chance: random.Random) -> list[str]:
    """Shuffle, but keep for the end what needs a history."""
    first = [name for name in names if name not in LAST]
    chance.shuffle(first)
    return first + [name for name in names if name in LAST]


def line(timers: str, answer: dict[str, Any]) -> str:
    """Return a row of the table."""
    if "error" in answer:
        return f"| {answer['fault']} | {timers} | error: {answer['error']} | | | | |"
    told, node = answer["with"], answer["with"]["node"] or {}
    without = ", ".join(f"{source}: {seen['verdict']}" for source, seen in answer["without"].items())
    phone = f"{answer['phone'][0]} {answer['phone'][1]}"
    mark = "right" if answer["right"] else "WRONG"
    cause = f"{told['verdict']} {told.get('cause') or ''}".strip()
    cells = (
        answer["fault"],
        timers,
        phone,
        cause,
        node.get("id", "-"),
        mark,
        str(answer["seconds"]),
        without,
    )
    return "| " + " | ".join(cells) + " |"


def play(timers: str, names: list[str], chance: random.Random, rounds: int) -> Counter[tuple[str, bool]]:
    """Play every fault `rounds` times in one lab."""
    found: Counter[tuple[str, bool]] = Counter()
    with tempfile.TemporaryDirectory(prefix="lab-") as root, LabRun(Path(root), timers) as run:
        print(f"core up in {run.started['up_s']} s", file=sys.stderr)
        for _ in range(rounds):
            for name in order(names, chance):
                answer = {"fault": name, **run.ask({"play": name})}
                print(line(timers, answer), flush=True)
                found[name, bool(answer.get("right"))] += 1
                time.sleep(SETTLE_S)
    return found


def main() -> int:
    """Run, print the table; 1 where a fault was not named right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timers", choices=[*TIMERS, "both"], default="both")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--faults", nargs="*", default=[fault.name for fault in FAULTS])
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    lacking = missing_parts()
    if lacking:
        print(f"the lab cannot run here, it lacks: {lacking}", file=sys.stderr)
        return 2
    unknown = [name for name in given.faults if name not in BY_NAME]
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)}; known are {', '.join(BY_NAME)}")
    chance = random.Random(given.seed)
    print("| fault | timers | the phone saw | verdict | node | | s | without |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    found: Counter[tuple[str, bool]] = Counter()
    for timers in TIMERS if given.timers == "both" else [given.timers]:
        found += play(timers, given.faults, chance, given.rounds)
    wrong = sorted({name for name, right in found if not right})
    print(f"\n{sum(n for (_, ok), n in found.items() if ok)} of {found.total()} right", flush=True)
    if wrong:
        print(f"not always right: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
