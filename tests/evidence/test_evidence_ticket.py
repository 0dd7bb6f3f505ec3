"""The ticket itself: what is missing, and what is out of scope."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_scene import CELL, Scene


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({}, 0),
        ({"msisdn": None}, 1),
        ({"place_text": None}, 1),
        ({"place_text": None, "ecgi": CELL}, 0),
        ({"place_text": "  "}, 1),
        ({"msisdn": None, "occurred_at": None, "place_text": None}, 3),
    ],
)
def test_required_fields_that_are_missing(scene: Scene, fields: dict[str, Any], missing: int) -> None:
    assert scene(fields)["missing_required"] == missing


@pytest.mark.parametrize(
    ("text", "expected"), [("这个月话费多扣了", True), ("通话中突然断了", False), (None, None)]
)
def test_a_text_out_of_scope(scene: Scene, text: str | None, expected: bool | None) -> None:
    assert scene({"description": text})["out_of_scope_text"] is expected
