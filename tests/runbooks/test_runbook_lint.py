"""Each lint code with runbooks that earn it, and with nothing else found in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from runbook_samples import cases, cause, check, condition, name, precedence, runbooks, write

from runbooks.lint import lint
from runbooks.loader import load_runbooks
from runbooks.model import Runbooks, Unanswerable

KNOWN = {
    "call.rsrp_last": "float",
    "call.leg": "enum",
    "call.t_end": "datetime",
    "neighbour.is_defined": "boolean",
    "prb_utilisation": "number",
    "dl_sinr_and_low_cqi_share": "number",
}
CASES = cases()


def codes(books: Runbooks) -> set[str]:
    return {finding.code for finding in lint(books, KNOWN)}


def with_conditions(*conditions: dict[str, Any], **changes: Any) -> Runbooks:
    return runbooks([check(conditions=list(conditions), **changes)])


def hit(**given: Any) -> dict[str, Any]:
    return {"name": "hit", "given": given, "expect": "HIT"}


def test_good_runbooks_have_no_finding() -> None:
    assert lint(runbooks(), KNOWN) == []


BROKEN: list[tuple[str, Runbooks]] = [
    ("RB001", with_conditions(condition(), condition(when="call.rsrp_lst < 1"), needs=["call"])),
    ("RB002", with_conditions(condition(), condition(cause="drop-b"))),
    ("RB002", with_conditions(condition(against={"drop-b": -1}))),
    ("RB003", runbooks(causes=[cause(), cause(id="drop-b")])),
    ("RB004", with_conditions(condition(origin=""))),
    ("RB004", with_conditions(condition(origin="somebody"))),
    ("RB005", runbooks([check(question={"en": "Weak?", "zh": "Weak?"})])),
    ("RB005", runbooks([check(question={"en": "弱", "zh": "弱"})])),
    ("RB005", runbooks(causes=[cause(remedy={"en": "", "zh": "弱"})])),
    ("RB005", runbooks(causes=[cause(title={"en": "a", "zh": ""})])),
    ("RB006", runbooks([check(cases=CASES[:2])])),
    ("RB006", runbooks([check(cases=CASES[1:])])),
    ("RB006", with_conditions(condition(), condition(when="call.rsrp_last < -130"))),
    ("RB007", runbooks([check(), check(id="DRP-X2")])),
    (
        "RB008",
        with_conditions(condition(), condition(when="call.leg < 3"), needs=["call.leg", "call.rsrp_last"]),
    ),
    ("RB010", runbooks(orders=[precedence(after=["drop-c"], before=["drop-a"])])),
    ("RB011", runbooks(orders=[precedence(after=["reg-*"])])),
    (
        "RB012",
        runbooks(
            [check(conditions=[condition(), condition(cause="drop-b")])],
            [cause(), cause(id="drop-b")],
            [precedence(), precedence(id="b-first", before=["drop-b"], after=["drop-a"])],
        ),
    ),
    ("RB013", runbooks(causes=[cause(departments=[{"en": "Transprot", "zh": "传输"}])])),
    ("RB013", runbooks(causes=[cause(departments=[{"en": "Transport", "zh": "运输"}])])),
    ("RB014", runbooks([check(cases=[*CASES, {"name": "wrong", "given": {}, "expect": "HIT"}])])),
    (
        "RB014",
        runbooks([check(cases=[*CASES, {"name": "no such", "given": {}, "expect": "HIT", "condition": 7}])]),
    ),
    ("RB015", runbooks([check(needs=[])])),
    ("RB016", runbooks(names=[name()])),
    ("RB017", runbooks([check(runs_after=["DRP-99"])])),
    ("RB018", with_conditions(condition(hit=-1))),
    ("RB018", with_conditions(condition(miss=1))),
    ("RB018", with_conditions(condition(against={"drop-a": 1}))),
    ("RB021", with_conditions(condition(), condition())),
    (
        "RB022",
        runbooks(
            [check(), check(id="DRP-X2", order=2, conditions=[condition(cause="reg-a")])],
            [cause(), cause(id="reg-a", category="registration")],
        ),
    ),
]


@pytest.mark.parametrize(("code", "books"), BROKEN, ids=[f"{code}-{n}" for n, (code, _) in enumerate(BROKEN)])
def test_each_code_is_found_where_it_belongs_and_alone(code: str, books: Runbooks) -> None:
    allowed = {"RB001": {"RB006", "RB014"}, "RB008": {"RB006", "RB014"}}.get(code, set())
    assert code in codes(books)
    assert codes(books) - allowed == {code}


def test_a_check_without_conditions_and_routes_is_rb019() -> None:
    books = runbooks([check(), check(id="DRP-X2", order=2, conditions=[], cases=[])])
    assert "RB019" in codes(books)


def test_a_word_that_a_derived_name_never_has_is_rb009() -> None:
    spec = name(name="segment", type="word", values=["ue", "s1u"])
    assert codes(with_second("segment == sbc", spec, hits="sbc", misses="ue")) == {"RB009"}


def test_a_check_that_waits_for_itself_is_rb020() -> None:
    spec = name(name="tree_hit", hits_of=["DRP-X1"])
    assert codes(with_second("tree_hit == false", spec, hits=False, misses=True)) == {"RB020"}


def with_second(when: str, spec: dict[str, Any], hits: object, misses: object) -> Runbooks:
    """Runbooks whose only check has a second condition, over the derived name of `spec`."""
    low = {"call.rsrp_last": -110, spec["name"]: misses}
    fitting = [
        CASES[0],
        {"name": "all kept", "given": low, "expect": "MISS"},
        CASES[2],
        hit(**{spec["name"]: hits}),
    ]
    return runbooks([check(conditions=[condition(), condition(when=when)], cases=fitting)], names=[spec])


def test_comparisons_that_exclude_each_other_are_rb023() -> None:
    for text in (
        "call.rsrp_last < -110 and call.rsrp_last > -100",
        "call.rsrp_last == 1 and call.rsrp_last in 2,3",
    ):
        assert "RB023" in codes(with_conditions(condition(), condition(when=text)))
    assert "RB023" not in codes(
        with_conditions(condition(when="call.rsrp_last < -110 and call.rsrp_last > -130"))
    )


def test_gaps_and_hits_of_must_name_checks() -> None:
    gap = Unanswerable(check="DRP-00", asks="What?", would_need="More.")
    books = runbooks().model_copy(update={"unanswerable": (gap,)})
    assert codes(books) == {"RB017"}


def test_names_of_the_other_leg_baselines_and_split_kpis_are_known() -> None:
    texts = (
        "called.rsrp_last < -110",
        "prb_utilisation__base > 50",
        "dl_sinr_and_low_cqi_share.low_cqi_share > 20",
    )
    found = [
        lint(
            with_conditions(
                condition(when=text), needs=["call.rsrp_last", "prb_utilisation", "dl_sinr_and_low_cqi_share"]
            ),
            KNOWN,
        )
        for text in texts
    ]
    assert [{f.code for f in findings} - {"RB006", "RB014"} for findings in found] == [set(), set(), set()]


def test_a_datetime_cannot_be_compared() -> None:
    assert "RB008" in codes(with_conditions(condition(when="call.t_end == 1"), needs=["call.t_end"]))


def test_names_of_sql_conditions_are_checked() -> None:
    sql = {k: v for k, v in condition(sql='"call.rsrp_last" < -110 and nonsense > 1').items() if k != "when"}
    finding = next(f for f in lint(with_conditions(condition(), sql), KNOWN) if f.code == "RB001")
    assert "'nonsense'" in finding.message


def test_a_finding_stands_where_the_entry_stands(tmp_path: Path) -> None:
    text = (
        "runbook: drop\n"
        "checks:\n"
        "  - id: DRP-21\n"
        "    order: 21\n"
        "    scope: call\n"
        "    question: {en: Weak?, zh: 弱？}\n"
        "    rule: low\n"
        "    conditions:\n"
        "      - when: call.rsrp_lst < -110\n"
        "        cause: drop-weak-coverage\n"
        "        hit: 3\n"
        "        origin: manual\n"
        "    cases:\n"
        "      - {name: a, given: {call.rsrp_lst: -111}, expect: HIT}\n"
        "      - {name: b, given: {call.rsrp_lst: -110}, expect: MISS}\n"
        "      - {name: c, expect: NO_DATA}\n"
    )
    books = load_runbooks(write(tmp_path, "mine.yaml", text))
    found = [f for f in lint(books, KNOWN) if f.file == "mine.yaml"]
    assert [str(f) for f in found] == [
        "mine.yaml:9: RB001 DRP-21/1: unknown name 'call.rsrp_lst'; did you mean 'call.rsrp_last'?",
        "mine.yaml:9: RB015 DRP-21/1: call.rsrp_lst is not among the needs of the check",
    ]


def test_every_code_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "runbook-lint.md").read_text(encoding="utf-8")
    source = (Path(__file__).parents[2] / "runbooks").glob("lint*.py")
    raised = {
        code for path in source for code in re.findall(r'"(RB\d{3})"', path.read_text(encoding="utf-8"))
    }
    assert raised == set(re.findall(r"\| (RB\d{3}) \|", page))
    assert len(raised) == 23
