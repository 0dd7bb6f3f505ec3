"""All faults, in random order, in several labs at a time: a line of JSON for each play, a table at the end.

`python tests/lab/lab_all.py [--rounds N] [--equal-rounds M] [--labs L] [--faults NAME ...] [--results FILE]`
plays every fault N times with staggered and M times with equal timers; 1 where a fault was not named right.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from lab_faults import BY_NAME, FAULTS
from lab_namespace import missing_parts
from lab_network import EQUAL, STAGGERED
from lab_run import LabRun
from lab_table import in_time, table

SETTLE_S = 1.0
LOOKED_AT_AGAIN_S = 32.0
"""So long open and decided verdicts are looked at again when evidence comes."""
PLAYS_WORTH_A_LAB = 10
LAST = ("caller_never_registered", "callee_not_registered")
"""Need records that reach back longer than a registration lasts, so they are played last."""


def order(names: list[str], chance: random.Random) -> list[str]:
    """Shuffle, but keep for the end what needs a history."""
    shuffled = chance.sample(names, len(names))
    return sorted(shuffled, key=lambda name: name in LAST)


class Plays:
    """What is still to be played, by timer setting, and the answers as they come."""

    def __init__(self, wanted: dict[str, list[str]], out: TextIO) -> None:
        self._waiting: dict[str, queue.SimpleQueue[str]] = {t: queue.SimpleQueue() for t in wanted}
        for timers, names in wanted.items():
            for name in names:
                self._waiting[timers].put(name)
        self.answers: list[dict[str, Any]] = []
        self._out, self._writing = out, threading.Lock()

    def of(self, timers: str) -> Iterator[str]:
        """Yield the plays of a setting; several labs share them."""
        while True:
            try:
                yield self._waiting[timers].get_nowait()
            except queue.Empty:
                return

    def keep(self, answer: dict[str, Any]) -> None:
        """Write an answer down at once."""
        with self._writing:
            self.answers.append(answer)
            self._out.write(json.dumps(answer, ensure_ascii=False) + "\n")
            self._out.flush()
            print(line(answer), file=sys.stderr, flush=True)

    def keep_later(self, answer: dict[str, Any], now: dict[str, Any]) -> None:
        """Write down how a ticket's verdict stands at the end of the lab."""
        later = {name: answer[name] for name in ("fault", "timers", "lab", "ticket")} | {"later": now}
        with self._writing:
            self.answers.append(later)
            self._out.write(json.dumps(later, ensure_ascii=False) + "\n")
            self._out.flush()


def line(answer: dict[str, Any]) -> str:
    """Return one play in short, for who watches."""
    where = f"{answer['lab']} {answer['fault']}"
    if "error" in answer:
        return f"ERROR {where}: {answer['error']}"
    told = answer["with"]
    node = (told["node"] or {}).get("id", "-") if told.get("node") else "-"
    mark = "right" if answer["right"] else "WRONG"
    cause = f"{told['verdict']} {told.get('cause') or ''}".strip()
    return f"{mark} {where}: {answer['ticket']} {cause} {node} {answer['seconds']} s, phone {answer['phone']}"


def play(lab: str, timers: str, plays: Plays, root: Path) -> None:
    """Play in one lab what is to be played with a timer setting."""
    try:
        with LabRun(root / lab, timers) as run:
            print(f"{lab}: core up in {run.started['up_s']} s", file=sys.stderr, flush=True)
            told = []
            for name in plays.of(timers):
                answer = {"fault": name, "timers": timers, "lab": lab, **run.ask({"play": name})}
                plays.keep(answer)
                told += [answer] if "ticket" in answer else []
                time.sleep(SETTLE_S)
            time.sleep(LOOKED_AT_AGAIN_S)
            for answer in told:
                plays.keep_later(answer, run.ask({"again": answer["ticket"], "fault": answer["fault"]}))
    except (RuntimeError, OSError) as error:
        plays.keep({"fault": "(the lab itself)", "timers": timers, "lab": lab, "error": str(error)})


def labs_for(wanted: dict[str, list[str]], labs: int) -> Iterable[tuple[str, str]]:
    """Share the labs out over the timer settings, by how much each has to play; at least one each."""
    total = sum(map(len, wanted.values()))
    for timers, names in wanted.items():
        share = min(round(labs * len(names) / total), -(-len(names) // PLAYS_WORTH_A_LAB))
        for number in range(max(1, share) if names else 0):
            yield f"{timers}-{number + 1}", timers


def play_all(wanted: dict[str, list[str]], labs: int, root: Path, out: TextIO) -> list[dict[str, Any]]:
    """Play everything, several labs at a time; return the answers."""
    plays = Plays(wanted, out)
    threads = []
    for lab, timers in labs_for(wanted, labs):
        threads.append(threading.Thread(target=play, args=(lab, timers, plays, root)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return plays.answers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="plays of each fault, staggered timers")
    parser.add_argument("--equal-rounds", type=int, default=1, help="plays of each fault, equal timers")
    parser.add_argument("--labs", type=int, default=2, help="labs that run at a time")
    parser.add_argument("--faults", nargs="*", default=[fault.name for fault in FAULTS])
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--results", type=Path, default=None, help="file for a line of JSON for each play")
    parser.add_argument("--keep", type=Path, default=None, help="folder in which the runs stay")
    given = parser.parse_args()
    unknown = [name for name in given.faults if name not in BY_NAME]
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)}; known are {', '.join(BY_NAME)}")
    return given


def main() -> int:
    """Play, print the table; 1 where a fault was not named right."""
    given = _arguments()
    lacking = missing_parts()
    if lacking:
        print(f"the lab cannot run here, it lacks: {lacking}", file=sys.stderr)
        return 2
    chance = random.Random(given.seed)
    rounds = {STAGGERED.name: given.rounds, EQUAL.name: given.equal_rounds}
    wanted = {timers: order(given.faults * times, chance) for timers, times in rounds.items() if times}
    with tempfile.TemporaryDirectory(prefix="lab-") as own:
        results = given.results or Path(own) / "results.jsonl"
        with results.open("a", encoding="utf-8") as out:
            answers = play_all(wanted, given.labs, given.keep or Path(own), out)
    print(table(answers))
    return 0 if all(in_time(answer) for answer in answers if "later" not in answer) else 1


if __name__ == "__main__":
    sys.exit(main())
