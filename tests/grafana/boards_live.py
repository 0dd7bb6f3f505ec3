"""`make boards-live`: asks every query of boards and rules in a living network, names those without answer.

It ends with 1 where any is left after the patience.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS), str(TESTS / "grafana")]

from asked import Asked, of_boards, of_rules, wrong  # noqa: E402
from living import PATIENCE_S, LivingNetwork, living_network  # noqa: E402
from service.conftest import KEY  # noqa: E402

from collectors.kpi.catalogue import load_catalogue  # noqa: E402


def remembering(network: LivingNetwork) -> Callable[..., httpx.Response]:
    """Ask each thing once a round: many panels ask for the same series."""
    known: dict[object, httpx.Response] = {}

    def ask(path: str, **params: str) -> httpx.Response:
        key = (path, tuple(sorted(params.items())))
        if key not in known:
            known[key] = network.ask(path, **params)
        return known[key]

    return ask


def without_answer(network: LivingNetwork, patience_s: float) -> tuple[int, dict[Asked, str]]:
    """Ask everything until all has an answer or the patience is over: number of queries, what is wrong."""
    catalogue, end = load_catalogue(), time.monotonic() + patience_s
    while True:
        ask = remembering(network)
        asked = [*of_boards(catalogue, ask), *of_rules(catalogue)]
        found = {place: told for place in _different(asked) if (told := wrong(place, ask))}
        if not found or time.monotonic() > end:
            return len(asked), found
        time.sleep(5)


def _different(asked: Sequence[Asked]) -> list[Asked]:
    return list({(one.place, one.expr): one for one in asked}.values())


def main() -> int:
    """Run it; the answer is the exit status."""
    os.environ.setdefault("CALLCAUSE_PSEUDONYM_KEY", KEY)
    with tempfile.TemporaryDirectory() as folder, living_network(Path(folder)) as network:
        number, found = without_answer(network, PATIENCE_S)
    for one, told in sorted(found.items(), key=lambda item: item[1]):
        print(f"{told}: {one.place}")
    print(f"{number} queries, {len(found)} without an answer", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
