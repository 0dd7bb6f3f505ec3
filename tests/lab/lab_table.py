"""The table of a proof: how often each fault was named right, and how long that took.

`python tests/lab/lab_table.py RESULTS.jsonl ...` reads what `lab_all.py --results` wrote.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lab_faults import BY_NAME, Fault
from lab_network import EQUAL, STAGGERED

LIMIT_S = 30.0
HEAD = (
    *(
        "fault",
        "the phone saw",
        "cause at rank one",
        "node",
        "staggered",
        "equal",
        "longest s",
        "still right",
    ),
    "without its source",
)


def in_time(play: dict[str, Any]) -> bool:
    """Tell whether a play counts as right: cause and node named, soon enough after the failed attempt."""
    return bool(play.get("right")) and play["seconds"] <= LIMIT_S


def _phone(plays: Sequence[dict[str, Any]]) -> str:
    """Return the answer that the phone met most often, with staggered timers where they were played."""
    met = [play for play in plays if "phone" in play]
    told = [play for play in met if play["timers"] == STAGGERED.name] or met
    answers = Counter(f"{play['phone'][0]} {play['phone'][1]}".strip() for play in told)
    return answers.most_common(1)[0][0] if answers else "-"


def _seen(plays: Sequence[dict[str, Any]], timers: str) -> str:
    mine = [play for play in plays if play["timers"] == timers and "later" not in play]
    return f"{sum(map(in_time, mine))}/{len(mine)}" if mine else "-"


def _longest(plays: Sequence[dict[str, Any]]) -> str:
    right = [play["seconds"] for play in plays if play.get("right")]
    return f"{max(right):.1f}" if right else "-"


def _later(plays: Sequence[dict[str, Any]]) -> str:
    """Return how many verdicts are right at the end of the lab, after all evidence came."""
    later = [play["later"] for play in plays if "later" in play]
    return f"{sum(bool(stand.get('right')) for stand in later)}/{len(later)}" if later else "-"


def _without(plays: Sequence[dict[str, Any]]) -> str:
    """Return each verdict without a source and how often it was met."""
    met: dict[str, Counter[str]] = {}
    for play in plays:
        for source, told in play.get("without", {}).items():
            met.setdefault(source, Counter())[told["verdict"]] += 1
    return "; ".join(
        f"{source}: " + ", ".join(f"{verdict} {n}/{seen.total()}" for verdict, n in sorted(seen.items()))
        for source, seen in sorted(met.items())
    )


def _row(fault: Fault, plays: Sequence[dict[str, Any]]) -> str:
    cause = fault.cause if fault.is_fault else "`no_fault`"
    node = fault.node.node_id if fault.node else "-"
    cells = [fault.name, _phone(plays), cause, node, _seen(plays, STAGGERED.name), _seen(plays, EQUAL.name)]
    return "| " + " | ".join([*cells, _longest(plays), _later(plays), _without(plays)]) + " |"


def table(answers: Iterable[dict[str, Any]]) -> str:
    """Return a Markdown table, a row for each fault that was played, and a line with the sums."""
    plays: dict[str, list[dict[str, Any]]] = {}
    for answer in answers:
        plays.setdefault(answer["fault"], []).append(answer)
    lines = ["| " + " | ".join(HEAD) + " |", "| " + " | ".join("---" for _ in HEAD) + " |"]
    lines += [_row(fault, plays[name]) for name, fault in BY_NAME.items() if name in plays]
    every = [play for played in plays.values() for play in played if "later" not in play]
    right = sum(map(in_time, every))
    wrong = sorted({play["fault"] for play in every if not in_time(play)})
    lines += [
        "",
        f"{right} of {len(every)} plays right" + (f"; not always: {', '.join(wrong)}" if wrong else ""),
    ]
    return "\n".join(lines)


def main(files: Sequence[str]) -> int:
    """Print the table of some result files."""
    lines = [line for name in files for line in Path(name).read_text(encoding="utf-8").splitlines()]
    print(table(json.loads(line) for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
