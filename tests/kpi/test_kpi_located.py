"""Errors in YAML files are told with their line, whatever is wrong with the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from collectors.errors import ConfigError
from collectors.kpi.located import LocatedYaml

TEXT = """# a comment
name: x
limits:
  - low: 1
    high: 2
  - low: 3
nested: {deep: {deeper: 1}}
"""


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")
    low: int
    high: int = 0


def located(folder: Path, text: str | bytes) -> LocatedYaml:
    path = folder / "file.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return LocatedYaml(path)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2), (("name",), 2), (("limits",), 4), (("limits", 0, "high"), 5), (("limits", 1), 6),
        (("limits", 7), 4), (("nested", "deep", "deeper"), 7), (("nested", "other"), 7), (("none",), 2),
    ],
)  # fmt: skip
def test_a_value_stands_on_its_line_or_that_of_the_nearest_above(
    tmp_path: Path, path: tuple[object, ...], line: int
) -> None:
    assert located(tmp_path, TEXT).line(path) == line


@pytest.mark.parametrize(
    ("data", "key", "line", "hint"),
    [
        ({"low": "x", "high": 2}, "limits.0.low", 4, None),
        ({"low": 1, "hihg": 2}, "limits.0.hihg", 4, "high"),
        ({}, "limits.0.low", 4, None),
    ],
)
def test_what_does_not_fit_a_model_is_told_with_key_line_and_remedy(
    tmp_path: Path, data: dict[str, object], key: str, line: int, hint: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        located(tmp_path, TEXT).validated(Limits, data, ("limits", 0))
    error = caught.value
    assert (error.key, error.line) == (key, line)
    assert Path(str(error.file)).name == "file.yaml"
    assert hint is None or hint in str(error.hint)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1, 2\nb: 3\n", 2), ("- 1\n- 2\n", 1), ("just words", 1), ("", 1), ("a: b: c\n", 1),
        ("a: &x [*x]\nb: !!python/object:os.system {}\n", 2), ("a: 1\n\tb: 2\n", 2),
    ],
)  # fmt: skip
def test_what_is_no_mapping_of_yaml_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        located(tmp_path, text)
    assert caught.value.line == line


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 3000, b"a: 2024-99-99\n"])
def test_bytes_that_are_no_text_or_no_value_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        located(tmp_path, content)
    assert "file.yaml" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        LocatedYaml(tmp_path / "gone.yaml")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text("ab:-[]{}&*!|>'\"#\n\t 1", max_size=60).map(str.encode))
def test_any_bytes_are_a_mapping_or_a_named_error(tmp_path: Path, content: bytes) -> None:
    try:
        read = located(tmp_path, content)
    except ConfigError:
        return
    assert isinstance(read.data, dict)
    assert all(read.line((key,)) >= 1 for key in read.data)
