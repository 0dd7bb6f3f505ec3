"""`callcause evaluate`."""

from __future__ import annotations

from pathlib import Path

from callcause.evaluation import evaluate
from callcause.terminal import out


def run(truth: Path, results: Path) -> None:
    """Print how right the results are."""
    out.print(evaluate(truth, results).table(), markup=False, highlight=False)
