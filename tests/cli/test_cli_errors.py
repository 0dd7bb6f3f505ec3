"""An error of ours names its place and a suggestion, and ends with the exit status of the contract."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from callcause_error import CallcauseError, UsageError, did_you_mean
from collectors.errors import BadFile


def test_an_error_names_file_line_key_and_suggestion_in_this_order() -> None:
    error = CallcauseError(
        "unknown key", file="a.yaml", line=3, key="treshold", hint="did you mean 'threshold'?"
    )
    assert str(error) == "a.yaml:3: treshold: unknown key; did you mean 'threshold'?"


def test_what_is_not_known_is_left_out() -> None:
    assert str(CallcauseError("broken")) == "broken"
    assert str(CallcauseError("broken", file="x")) == "x: broken"


def test_wrong_use_ends_with_two_and_failure_while_running_with_four() -> None:
    assert UsageError("no").exit_status == 2
    assert CallcauseError("no").exit_status == 4


def test_a_near_word_is_suggested_and_a_far_one_is_not() -> None:
    assert did_you_mean("treshold", ["threshold", "baseline"]) == "did you mean 'threshold'?"
    assert did_you_mean("zzz", ["threshold"]) is None


@given(st.text(), st.lists(st.text(), max_size=5))
def test_a_suggestion_is_always_one_of_the_known_words(word: str, known: list[str]) -> None:
    answer = did_you_mean(word, known)
    assert answer is None or any(repr(item) in answer for item in known)


def test_an_error_crosses_from_a_worker_process_whole() -> None:
    error = BadFile("truncated", "the file ends too early", file="a.xml", line=7)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.code, again.line) == (BadFile, str(error), "truncated", 7)
