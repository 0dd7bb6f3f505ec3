"""Reading exposition text and the selectors of maps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.prometheus.exposition import parse
from collectors.prometheus.selector import parse_selector, quoted

TEXT = """# HELP jobs Jobs by state
# TYPE jobs counter
jobs{state="done"} 12
jobs{state="failed"} 3
# HELP broken_nameGlued text without a space after the name
# TYPE load gauge
load 0.5 1795338000000
"""


def test_samples_are_found_by_name_with_their_labels() -> None:
    found = parse(TEXT)
    assert [(s.labels["state"], s.value) for s in found.series["jobs"]] == [("done", 12.0), ("failed", 3.0)]
    assert found.series["load"][0].value == 0.5
    assert found.counts["samples"] == 3


def test_a_help_line_of_a_metric_that_is_not_there_is_counted_and_harms_nothing() -> None:
    assert parse(TEXT).counts["malformed_help"] == 1


def test_a_broken_sample_line_is_left_out_and_counted() -> None:
    found = parse(TEXT + 'jobs{state="lost" 4\nlate nonsense\n')
    assert found.counts["bad_lines"] == 2
    assert found.counts["samples"] == 3


def test_the_recorded_kamailio_exporter_has_one_malformed_help_line(third_party_data: Path) -> None:
    text = (third_party_data / "prom_grafana/kamailio_exporter/kamailio_metrics.prom").read_text()
    found = parse(text)
    assert found.counts["malformed_help"] == 1
    assert found.counts["bad_lines"] == 0
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert found.counts["samples"] == len(lines)


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=60)
def test_any_text_is_read_without_an_error(text: str) -> None:
    found = parse(text)
    assert found.counts["samples"] >= 0


@given(st.sampled_from(TEXT.splitlines()), st.integers(0, 60), st.characters())
@settings(deadline=None, max_examples=60)
def test_a_changed_character_never_escapes_as_an_error(line: str, place: int, character: str) -> None:
    parse(TEXT + line[:place] + character + line[place + 1 :] + "\n")


@pytest.mark.parametrize(
    ("selector", "labels", "holds"),
    [
        ("a", {}, True),
        ('a{x="1"}', {"x": "1"}, True),
        ('a{x="1"}', {}, False),
        ('a{x!="1"}', {}, True),
        ('a{x=~"1|2", y="z"}', {"x": "2", "y": "z"}, True),
        ('a{x=~"1"}', {"x": "11"}, False),
        ('a{x!~"1.*"}', {"x": "2"}, True),
        ('a{x="say \\"hi\\""}', {"x": 'say "hi"'}, True),
    ],
)
def test_selectors_hold_as_in_promql(selector: str, labels: dict[str, str], holds: bool) -> None:
    assert parse_selector(selector).holds(labels) is holds


@pytest.mark.parametrize("text", ["", "1a", "a{", "a{x}", 'a{x="1" y="2"}', 'a{x=~"("}', "a b"])
def test_a_wrong_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_selector(text)


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=60)
def test_a_quoted_label_value_is_read_back(value: str) -> None:
    assert parse_selector(f"a{{x={quoted(value)}}}").matchers[0].value == value
