from __future__ import annotations

import pytest
from runbook_samples import check, condition, runbooks

from runbooks.cases import check_outcome, run_cases
from runbooks.condition import Outcome
from runbooks.errors import RunbookError
from runbooks.loader import load_runbooks
from runbooks.text import listing, show

BOOKS = load_runbooks()


def test_a_check_is_shown_with_its_conditions_weights_and_origins() -> None:
    text = show(BOOKS, "DRP-04", "en")
    assert "Is coverage weak?" in text
    assert "1. call.rsrp_last < -110 dBm (own, HIT +3.5, MISS -3) [field-source:S33]" in text
    assert "-> drop-weak-coverage: Weak coverage" in text


def test_a_check_is_shown_in_chinese() -> None:
    text = show(BOOKS, "DRP-04", "zh")
    assert "是否弱覆盖？" in text
    assert "判定条件" in text
    assert "弱覆盖" in text


def test_a_check_tells_what_the_records_cannot_answer() -> None:
    assert "The firmware version of the customer's phone" in show(BOOKS, "REG-02", "en")


def test_a_routing_check_shows_where_it_leads() -> None:
    assert "-> drop-transport-fault" in show(BOOKS, "DRP-03", "en")


def test_where_a_check_applies_is_shown() -> None:
    assert "Applies when: call.leg == mo" in show(BOOKS, "ACC-02", "en")
    assert "Applies when: call.esrvcc_flag == true" in show(BOOKS, "DRP-10", "en")


def test_a_cause_is_shown_with_owner_remedy_and_its_checks() -> None:
    text = show(BOOKS, "reg-hss-unavailable-or-overloaded", "en")
    assert "Department: HSS user data; IMS core" in text
    assert "Checks that speak for it: REG-19" in text
    assert "Goes before: reg-ims-subscription-missing" in text
    assert "归属部门: HSS用户数据; IMS核心网" in show(BOOKS, "reg-hss-unavailable-or-overloaded", "zh")


def test_a_category_shows_all_its_checks() -> None:
    text = show(BOOKS, "drop", "en")
    assert all(f"# {check.id} " in text for check in BOOKS.by_category["drop"])


def test_an_unknown_id_is_refused_with_a_suggestion() -> None:
    with pytest.raises(RunbookError) as wrong:
        show(BOOKS, "drop-missing-neighbor", "en")
    assert wrong.value.hint == "did you mean 'drop-missing-neighbour'?"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_everything_can_be_shown(lang: str) -> None:
    for name in (*BOOKS.checks, *BOOKS.causes):
        assert show(BOOKS, name, lang).startswith(f"# {name}")


def test_the_list_has_one_line_per_check_in_tree_order() -> None:
    lines = listing(BOOKS).splitlines()
    ids = [line.split()[1] for line in lines if line.lstrip()[:1].isdigit()]
    assert ids == [check.id for tree in BOOKS.by_category.values() for check in tree]
    assert lines[0].startswith(f"runbooks {BOOKS.version}: 110 checks, 122 causes")
    assert "是否弱覆盖？" in listing(BOOKS, "zh")


def test_a_failing_case_is_reported_with_its_place() -> None:
    books = runbooks([check(cases=[{"name": "wrong", "given": {"call.rsrp_last": -111}, "expect": "MISS"}])])
    (failure,) = run_cases(books)
    assert (failure.check, failure.expected, failure.got) == ("DRP-X1", Outcome.MISS, Outcome.HIT)
    assert str(failure).endswith("DRP-X1: wrong: expected MISS, got HIT")


def test_a_case_with_a_value_of_the_wrong_kind_fails_with_the_reason() -> None:
    books = runbooks([check(cases=[{"name": "word", "given": {"call.rsrp_last": "low"}, "expect": "MISS"}])])
    assert "is no number" in str(run_cases(books)[0])


def test_a_case_of_a_condition_that_is_not_there_fails() -> None:
    books = runbooks([check(cases=[{"name": "far", "given": {}, "expect": "MISS", "condition": 3}])])
    assert "no condition 3" in str(run_cases(books)[0])


def test_one_hit_is_enough_and_unknown_is_never_a_miss() -> None:
    both = runbooks([check(conditions=[condition(), condition(when="x > 1")])]).checks["DRP-X1"]
    assert check_outcome(both, {"call.rsrp_last": -120.0}) is Outcome.HIT
    assert check_outcome(both, {"call.rsrp_last": -100.0}) is Outcome.NO_DATA
    assert check_outcome(both, {"call.rsrp_last": -100.0, "x": 0.0}) is Outcome.MISS


def test_a_check_that_does_not_apply_says_so() -> None:
    whole = runbooks([check(applies_when="call.leg == mo")]).checks["DRP-X1"]
    assert check_outcome(whole, {"call.leg": "mt", "call.rsrp_last": -120.0}) is Outcome.NOT_APPLICABLE
    assert check_outcome(whole, {"call.rsrp_last": -120.0}) is Outcome.HIT
    single = runbooks([check(conditions=[condition(applies_when="call.leg == mo")])]).checks["DRP-X1"]
    assert check_outcome(single, {"call.leg": "mt"}) is Outcome.NOT_APPLICABLE


def test_a_condition_may_be_sql() -> None:
    raw = {k: v for k, v in condition(sql='"call.rsrp_last" + 10 < -100').items() if k != "when"}
    assert run_cases(runbooks([check(conditions=[raw])])) == []
