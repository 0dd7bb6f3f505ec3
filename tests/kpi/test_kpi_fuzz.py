"""Whatever an operator's catalogue file holds, only a ConfigError that names the file comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.errors import ConfigError
from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.expression import compile_expression

FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KEYS = [
    "id",
    "value",
    "samples",
    "optional",
    "parts",
    "limits",
    "join",
    "unit",
    "values",
    "guard",
    "source",
    "combine",
]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(
    ["sbc_load", "counters", '"SBC.CpuLoad"', '100 * "RRU.PrbTotUl"', "ratio", "%", "mo"]
)  # fmt: skip
names = scalars | st.sampled_from(KEYS)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
entries = st.fixed_dictionaries({"id": st.sampled_from(["sbc_load", "prb_utilisation", "new_kpi"])}).flatmap(
    lambda base: st.dictionaries(st.sampled_from(KEYS[1:]), trees, max_size=4).map(
        lambda more: {**base, **more}
    )
)


def loads_or_refuses(folder: Path, content: bytes) -> None:
    path = folder / "own.yaml"
    path.write_bytes(content)
    raised: str | None = str(path)
    try:
        load_catalogue(path)
    except ConfigError as error:
        raised = error.file
    assert raised == str(path)


@FUZZ
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    loads_or_refuses(tmp_path, content)


@FUZZ
@given(tree=trees | st.dictionaries(st.sampled_from(["kpis", "counters"]), trees, max_size=2))
def test_any_tree_is_taken_or_refused_by_name(tmp_path: Path, tree: Any) -> None:
    loads_or_refuses(tmp_path, yaml.safe_dump(tree, allow_unicode=True).encode())


@FUZZ
@given(found=st.lists(entries, min_size=1, max_size=2))
def test_any_entry_is_taken_or_refused_by_name(tmp_path: Path, found: list[dict[str, Any]]) -> None:
    loads_or_refuses(tmp_path, yaml.safe_dump({"kpis": found}, allow_unicode=True).encode())


def test_a_file_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("kpis: " + "[" * 3000, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_catalogue(tmp_path / "own.yaml")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="\"abc.1 +-*/(),_\\;'x", max_size=25) | st.text(max_size=25))
def test_any_formula_compiles_or_is_refused_with_a_reason(text: str) -> None:
    try:
        outcome: object = compile_expression(text).counters
    except ValueError as error:
        outcome = str(error)
    assert outcome
