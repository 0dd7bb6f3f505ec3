"""The KPI course is drawn from its values and nothing else."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.report.course import HEIGHT, WIDTH, Course, course_svg

START = datetime(2024, 3, 10, tzinfo=UTC)
NAN = math.nan


def course(
    values: list[float], low: list[float] | None = None, high: list[float] | None = None, **more: object
) -> Course:
    count = len(values)
    fields: dict[str, object] = {
        "kpi_id": "erab_drop_ratio_qci1_cell",
        "title_en": "Drop ratio",
        "title_zh": "掉线率",
        "entity": "460-00-1-1",
        "unit": "%",
        "times": [START + timedelta(hours=i) for i in range(count)],
        "values": values,
        "low": low or [NAN] * count,
        "high": high or [NAN] * count,
        "limit": None,
        "complaint_at": START + timedelta(hours=1),
    }
    return Course(**{**fields, **more})


def test_a_course_without_values_says_so_in_words() -> None:
    assert "no values" in course_svg(course([NAN, NAN]))


def test_a_gap_breaks_the_line_into_two() -> None:
    svg = course_svg(course([1.0, 2.0, NAN, 2.0, 1.0]))
    assert svg.count('class="line"') == 2


def test_a_single_value_is_a_dot_and_not_a_line() -> None:
    svg = course_svg(course([NAN, 3.0, NAN]))
    assert svg.count('class="dot"') == 1
    assert 'class="line"' not in svg


def test_the_band_is_drawn_only_where_both_edges_are_known() -> None:
    svg = course_svg(course([1.0] * 4, low=[0.0, 0.0, NAN, 0.0], high=[2.0, 2.0, 2.0, 2.0]))
    assert svg.count('class="band"') == 2


def test_the_limit_is_inside_the_picture_even_far_from_the_values() -> None:
    svg = course_svg(course([1.0, 1.1], limit=50.0))
    y = float(re.search(r'class="limit"[^>]*y1="([\d.]+)"', svg).group(1))
    assert 0 <= y <= HEIGHT


def test_the_complaint_is_marked() -> None:
    assert 'class="mark"' in course_svg(course([1.0, 2.0]))


def test_an_entity_name_cannot_break_out_of_the_picture() -> None:
    svg = course_svg(course([1.0], entity='"><script>alert(1)</script>'))
    assert "<script>" not in svg


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e9, 1e9), st.just(NAN)), min_size=1, max_size=40))
def test_every_coordinate_stays_inside_the_picture(values: list[float]) -> None:
    svg = course_svg(course(values))
    for x, y in re.findall(r"[ML]([\d.e+-]+) ([\d.e+-]+)", svg):
        assert -1 <= float(x) <= WIDTH + 1
        assert -1 <= float(y) <= HEIGHT + 1
