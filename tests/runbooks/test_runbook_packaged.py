"""The packaged runbooks themselves: complete, translated, located, and each check proved by its cases."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import pytest

from runbooks.cases import check_outcome, run_cases
from runbooks.condition import Outcome
from runbooks.lint import lint
from runbooks.loader import load_runbooks
from runbooks.model import CATEGORIES, LEVELS, Cause, Check, Runbooks

BOOKS = load_runbooks()
CHECK_COUNTS = {"all": 5, "registration": 21, "access": 22, "drop": 20, "mos": 22, "csfb": 20}
CAUSE_COUNTS = {"registration": 22, "access": 27, "drop": 24, "mos": 20, "csfb": 23, "all": 6}
KNOWLEDGE = Path(os.environ.get("CALLCAUSE_TEST_KNOWLEDGE", "../shared/knowledge"))


@pytest.fixture(scope="module")
def books() -> Runbooks:
    return BOOKS


def knowledge(name: str) -> list[dict[str, str]]:
    if not (KNOWLEDGE / name).is_file():
        pytest.skip("no knowledge base: set CALLCAUSE_TEST_KNOWLEDGE to its folder")
    with (KNOWLEDGE / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_all_checks_and_causes_are_there(books: Runbooks) -> None:
    assert {c: len(books.by_category[c]) for c in CATEGORIES} == CHECK_COUNTS
    assert {c: len(books.causes_of(c)) for c in CATEGORIES} == CAUSE_COUNTS
    assert len(books.checks) == 110
    assert len(books.causes) == 122
    assert len(books.codes) == 269


def test_the_order_of_a_tree_has_no_gap(books: Runbooks) -> None:
    for category in CATEGORIES:
        assert [check.order for check in books.by_category[category]] == list(
            range(1, CHECK_COUNTS[category] + 1)
        )


def test_lint_finds_nothing_but_names_that_only_the_schemas_know(books: Runbooks) -> None:
    outside = {name for check in books.checks.values() for name in check.needs}
    findings = lint(books, {})
    assert [str(f) for f in findings if f.code != "RB001"] == []
    named = {re.findall(r"'([^']+)'", finding.message)[0] for finding in findings}
    assert {re.sub(r"^(called|calling)\.", "call.", name) for name in named} - outside - {
        f"dl_sinr_and_low_cqi_share.{name}" for name in ("low_cqi_share",)
    } == set()


@pytest.mark.parametrize("check", BOOKS.checks.values(), ids=list(BOOKS.checks))
def test_every_check_has_cases_that_hit_miss_and_lack_data(check: Check) -> None:
    assert {Outcome.HIT, Outcome.MISS, Outcome.NO_DATA} <= {case.expect for case in check.cases}
    for number in range(1, len(check.entries) + 1):
        of = {case.expect for case in check.cases if case.condition == number}
        assert {Outcome.HIT, Outcome.MISS} <= of, f"{check.id}/{number}"


def test_all_cases_pass(books: Runbooks) -> None:
    assert [str(failure) for failure in run_cases(books)] == []


def test_with_nothing_known_no_check_decides(books: Runbooks) -> None:
    assert {check_outcome(check, {}) for check in books.checks.values()} == {Outcome.NO_DATA}


@pytest.mark.parametrize("check", BOOKS.checks.values(), ids=list(BOOKS.checks))
def test_every_threshold_has_a_unit_and_an_origin(check: Check) -> None:
    for entry in check.entries:
        assert entry.origin
        assert entry.level in LEVELS
    assert all(condition.unit for condition in check.conditions)


@pytest.mark.parametrize("cause", BOOKS.causes.values(), ids=list(BOOKS.causes))
def test_every_cause_has_an_owner_a_remedy_and_a_check_that_speaks_for_it(cause: Cause) -> None:
    assert cause.departments[0].en in BOOKS.departments
    assert cause.remedy.en
    assert cause.remedy.zh
    speaking = [c for check in BOOKS.checks.values() for c in check.conditions if c.cause == cause.id]
    assert max(condition.hit for condition in speaking) >= (1 if cause.category == "all" else 2)


def test_a_decisive_hit_weighs_more_than_one_of_a_cell(books: Runbooks) -> None:
    conditions = [c for check in books.checks.values() for c in check.conditions]
    own = [c.hit for c in conditions if c.level == "own" and c.decisive]
    weak = [c.hit for c in conditions if c.level in ("cell", "node", "network") and not c.decisive]
    assert sorted(own)[len(own) // 2] > sorted(weak)[len(weak) // 2] + 2


def test_hss_and_dns_go_before_what_they_imitate(books: Runbooks) -> None:
    pairs = {(b, a) for entry in books.precedence for b in entry.before for a in entry.after}
    assert ("reg-hss-unavailable-or-overloaded", "reg-aka-failure") in pairs
    assert ("acc-ims-dns-failure", "acc-cscf-as-fault") in pairs
    assert ("acc-rrc-failure", "acc-no-100-trying") in pairs
    assert ("mos-uplink-weak-coverage", "mos-high-uplink-loss-cell") in pairs
    assert ("drop-missing-neighbour", "all-complaint-cluster") in pairs


def test_intermediate_causes_and_those_that_give_way_are_marked(books: Runbooks) -> None:
    marked = {cause.id for cause in books.causes.values() if cause.intermediate}
    assert marked == {
        "mos-high-uplink-loss-cell",
        "mos-high-downlink-loss-cell",
        "acc-poor-access-cell",
        "csfb-not-registered",
    }
    giving = {cause.id for cause in books.causes.values() if cause.gives_way_to == "registration"}
    assert giving == {"acc-caller-not-registered", "acc-callee-not-registered", "csfb-not-registered"}


def test_the_registration_tree_also_runs_for_csfb(books: Runbooks) -> None:
    assert {run.category for run in books.also_runs["registration"]} == {"csfb", "access"}


def test_the_catch_all_checks_wait_for_the_whole_tree(books: Runbooks) -> None:
    waits = set(books.names["drop_hit"].hits_of)
    tree = {check.id for check in books.by_category["drop"] if check.conditions}
    assert waits == tree - {"DRP-20"}


def test_codes_are_read_by_vendor_and_code(books: Runbooks) -> None:
    names = {(c.vendor, c.code): c.name_en for c in books.codes if c.protocol == "DIAMETER"}
    assert names[10415, "5003"] != names[0, "5003"]
    assert {check for code in books.codes for check in code.check_ids} <= set(books.checks)
    assert {d for code in books.codes for d in code.departments} <= set(books.departments)


def test_every_gap_names_a_check_and_what_it_would_need(books: Runbooks) -> None:
    assert len(books.unanswerable) >= 20
    assert all(gap.check in books.checks and gap.would_need for gap in books.unanswerable)


def test_each_check_says_what_the_knowledge_base_says(books: Runbooks) -> None:
    for row in knowledge("checks.csv"):
        check = books.checks[row["id"]]
        assert (check.question.en, check.question.zh) == (row["question_en"], row["question_zh"])
        assert " ".join(check.rule.split()).startswith(" ".join(row["rule"].split()))
        assert set(filter(None, row["needs"].split(";"))) <= set(check.needs)
        assert set(filter(None, row["causes_on_hit"].split(";"))) <= set(check.causes)


def test_each_threshold_of_the_knowledge_base_is_there_with_its_origin(books: Runbooks) -> None:
    missing = []
    for row in knowledge("checks.csv"):
        there = {(str(e.condition), e.origin) for e in books.checks[row["id"]].entries}
        for text, origin in zip(
            row["threshold"].split(";"), row["threshold_origin"].split(";"), strict=False
        ):
            if text and not any(_same_limits(text, have) and origin == of for have, of in there):
                missing.append(f"{row['id']}: {text}")
    assert missing == []


def _same_limits(text: str, have: str) -> bool:
    """Compare the limits; names of slices and of the other leg are written apart here."""
    limits = re.findall(r"(==|!=|<=|>=|<|>|\bnot in\b|\bin\b)\s*([^ ]+)", re.sub(r" and ", " ", text))
    ours = re.findall(r"(==|!=|<=|>=|<|>|\bnot in\b|\bin\b)\s*([^ ]+)", re.sub(r" and ", " ", have))

    def number(pair: tuple[str, str]) -> tuple[str, str | float]:
        try:
            return pair[0], float(pair[1])
        except ValueError:
            return pair

    slices = {("==", "s1u"), ("==", "uplink")}
    return [number(p) for p in limits if p not in slices] == [number(p) for p in ours]


def test_each_cause_is_that_of_the_knowledge_base(books: Runbooks) -> None:
    for row in knowledge("causes.csv"):
        cause = books.causes[row["id"]]
        assert (cause.title.en, cause.title.zh) == (row["title_en"], row["title_zh"])
        assert (cause.remedy.en, cause.remedy.zh) == (row["remedy_en"], row["remedy_zh"])
        assert [d.en for d in cause.departments] == row["department_en"].split(";")
        assert [d.zh for d in cause.departments] == row["department_zh"].split(";")
        assert (cause.is_fault, cause.family) == (row["is_fault"], row["family"])
