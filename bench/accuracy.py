"""Accuracy on seeds that no weight was set from: simulate, ingest, diagnose, evaluate; in all and by group.

    python bench/accuracy.py --seeds 101-105 --cells 150 --tickets 200

Every step is the installed command, so that the figures are those of a user.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from callcause.evaluation import evaluate

COMMAND = Path(sys.executable).parent / "callcause"
KEY = "accuracy-bench-key-0123456789abcdef"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="101-103", help="one seed, a list 1,5,9 or a range 101-105")
    parser.add_argument("--cells", type=int, default=150)
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--tickets", type=int, default=200)
    parser.add_argument("--variant", default="plain", help="plain, harder or perturbed")
    parser.add_argument(
        "--keep", type=Path, help="folder for the files of each seed (default: a temporary one)"
    )
    parser.add_argument("--confusions", type=int, default=15, help="how many confusions to list")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


def seeds_of(text: str) -> list[int]:
    """Seeds named by a list or a range."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def step(name: str, *words: str | Path, allowed: tuple[int, ...] = (0,)) -> float:
    """Run one command; return its seconds. Ends the bench when it fails."""
    environment = {**os.environ, "CALLCAUSE_PSEUDONYM_KEY": os.environ.get("CALLCAUSE_PSEUDONYM_KEY", KEY)}
    began = time.perf_counter()
    done = subprocess.run(
        [COMMAND, name, *map(str, words)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in allowed:
        sys.exit(f"callcause {name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return time.perf_counter() - began


def one_seed(seed: int, options: argparse.Namespace, folder: Path) -> tuple[Path, Path, dict[str, float]]:
    """Truth and results of one seed, with the seconds of each step."""
    files, store, results = folder / "files", folder / "store", folder / "results.json"
    sizes = ("--cells", options.cells, "--days", options.days, "--tickets", options.tickets, "--seed", seed)
    kind = ("--variant", options.variant)
    seconds = {"simulate": step("simulate", files, *map(str, sizes), *kind)}
    # Exit 3: the cut file and the two spoiled rows are quarantined, as they should be.
    paths = (files / "network", files / "tickets.csv")
    seconds["ingest"] = step("ingest", "--store", store, *paths, allowed=(0, 3))
    seconds["diagnose"] = step("diagnose", "--store", store, "--format", "json", "--output", results)
    return files / "truth.csv", results, seconds


def pooled(pairs: list[tuple[int, Path, Path]], folder: Path) -> tuple[Path, Path]:
    """One truth and one result file over all seeds; ticket ids get the seed in front."""
    truth_rows, answers = [], []
    for seed, truth, results in pairs:
        with truth.open(encoding="utf-8", newline="") as file:
            truth_rows += [row | {"ticket_id": f"{seed}/{row['ticket_id']}"} for row in csv.DictReader(file)]
        for item in json.loads(results.read_text(encoding="utf-8")):
            answers.append(item | {"ticket_id": f"{seed}/{item['ticket_id']}"})
    all_truth, all_results = folder / "truth.csv", folder / "results.json"
    with all_truth.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(truth_rows[0]))
        writer.writeheader()
        writer.writerows(truth_rows)
    all_results.write_text(json.dumps(answers), encoding="utf-8")
    return all_truth, all_results


def main() -> None:
    """Run all seeds and print the figures."""
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        pairs = []
        for seed in seeds_of(options.seeds):
            truth, results, seconds = one_seed(seed, options, home / f"seed-{seed}")
            pairs.append((seed, truth, results))
            score = evaluate(truth, results).scores["all"]
            times = "  ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
            shares = f"top-1 {100 * (score.top1 or 0):.1f} %  top-3 {100 * (score.top3 or 0):.1f} %"
            print(f"seed {seed}: {shares}  {times}")
        evaluation = evaluate(*pooled(pairs, home))
        sizes = f"{options.cells} cells, {options.tickets} tickets each"
        print(f"\nall seeds ({options.seeds}; {options.variant} networks; {sizes})")
        print(evaluation.table())
        wrong = Counter(
            (o.truth, o.causes[0][0] if o.verdict != "cannot_tell" and o.causes else o.verdict)
            for o in evaluation.outcomes if not o.right(1)
        )  # fmt: skip
        print("\nmost frequent confusions (truth -> said)")
        for (truth_id, said), count in sorted(wrong.items(), key=lambda kv: (-kv[1], kv[0]))[
            : options.confusions
        ]:
            print(f"{count:4d}  {truth_id} -> {said}")
        if options.json:
            options.json.write_text(json.dumps(evaluation.as_dict(), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
