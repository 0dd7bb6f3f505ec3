"""The proof's own bookkeeping: what is counted as right, and how labs share the plays."""

from __future__ import annotations

import io
import random
from typing import Any

from lab_all import LAST, Plays, labs_for, line, order
from lab_faults import FAULTS
from lab_table import table


def answer(fault: str, timers: str, *, right: bool = True, seconds: float = 3.0) -> dict[str, Any]:
    told = {"verdict": "cause", "cause": "c", "node": None}
    return {
        "fault": fault,
        "timers": timers,
        "lab": "lab-1",
        "ticket": "LAB-0001",
        "phone": [500, "x", 0.1],
        "right": right,
        "seconds": seconds,
        "with": told,
        "without": {"hep": {"verdict": "cannot_tell"}},
    }


def rows_of(text: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if row[:1] == "|"]
    return {row[0]: row for row in cells[2:]}


def test_a_miss_and_a_lab_that_broke_count_as_not_right() -> None:
    answers = [
        answer("hss_dead", "staggered"),
        answer("hss_dead", "staggered", right=False, seconds=31.0),
        answer("hss_dead", "equal", seconds=7.25),
        {"fault": "hss_dead", "timers": "equal", "lab": "lab-1", "error": "gone"},
        {"fault": "hss_dead", "timers": "equal", "lab": "lab-1", "later": {"right": True}},
    ]
    made = table(answers)
    assert rows_of(made)["hss_dead"][4:8] == ["1/2", "1/2", "7.2", "1/1"]
    assert made.endswith("2 of 4 plays right; not always: hss_dead")


def test_a_right_verdict_that_came_late_is_a_miss() -> None:
    made = table([answer("hss_dead", "staggered", seconds=30.1), answer("hss_dead", "staggered")])
    assert rows_of(made)["hss_dead"][4] == "1/2"
    assert rows_of(made)["hss_dead"][1] == "500 x"


def test_a_lab_that_did_not_start_is_told() -> None:
    made = table([{"fault": "(the lab itself)", "timers": "equal", "lab": "lab-1", "error": "gone"}])
    assert "0 of 1 plays right; not always: (the lab itself)" in made


def test_the_verdict_without_a_source_is_told_with_how_often_it_was_met() -> None:
    blind = answer("wrong_sim_key", "staggered")
    blind["without"] = {"hep": {"verdict": "cause"}}
    made = table([blind, answer("wrong_sim_key", "equal"), answer("wrong_sim_key", "equal")])
    assert rows_of(made)["wrong_sim_key"][8] == "hep: cannot_tell 2/3, cause 1/3"


def test_faults_that_need_a_history_are_played_last() -> None:
    names = [fault.name for fault in FAULTS]
    assert {*order(names * 3, random.Random(1))[-3 * len(LAST) :]} == {*LAST}


def test_labs_are_shared_out_by_what_there_is_to_play() -> None:
    wanted = {"staggered": ["a"] * 300, "equal": ["a"] * 99}
    assert [timers for _, timers in labs_for(wanted, 4)] == ["staggered"] * 3 + ["equal"]
    assert [timers for _, timers in labs_for({"staggered": ["a"], "equal": ["a"]}, 9)] == [
        "staggered",
        "equal",
    ]


def test_two_labs_play_nothing_twice_and_every_answer_is_a_line() -> None:
    out = io.StringIO()
    plays = Plays({"equal": ["a", "b", "c"]}, out)
    one, other = plays.of("equal"), plays.of("equal")
    assert [next(one), next(other), *one, *other] == ["a", "b", "c"]
    plays.keep(answer("hss_dead", "equal"))
    plays.keep_later(plays.answers[0], {"right": False})
    assert len(out.getvalue().splitlines()) == len(plays.answers) == 2
    assert line(plays.answers[0]).startswith("right lab-1 hss_dead: LAB-0001 cause c")
