"""Whatever stands in a configuration, it is taken or refused by its key."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcause.configuration import Configuration, load_configuration, read_configuration, secrets_of
from callcause_error import UsageError

EXAMPLE = tomllib.loads((Path(__file__).parents[2] / "examples" / "callcause.toml").read_text("utf-8"))
ODD = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(),
    st.text('aé1 {}[].="\\', max_size=12),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from(["env", "file", "x"]), st.text("aB_", max_size=4), max_size=2),
)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
Place = tuple[str | int, ...]


def places(value: object, at: Place = ()) -> Iterator[Place]:
    """Every key of the example, however deep."""
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in items:
        yield (*at, key)
        yield from places(inner, (*at, key))


def changed(value: Any, at: Place, new: object) -> Any:
    if not at:
        return new
    if isinstance(value, dict):
        return {**value, at[0]: changed(value[at[0]], at[1:], new)}
    return [changed(item, at[1:], new) if number == at[0] else item for number, item in enumerate(value)]


def toml(value: object) -> str:
    """Write a value of TOML inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def document(values: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in values.items())


def test_the_example_is_the_same_when_it_is_written_inline(tmp_path: Path) -> None:
    path = tmp_path / "callcause.toml"
    path.write_text(document(EXAMPLE), "utf-8")
    _, wrong = read_configuration(path)
    assert wrong == []


@settings(max_examples=30, deadline=None, suppress_health_check=QUIET)
@given(st.sampled_from(list(places(EXAMPLE))), ODD)
def test_any_value_at_any_place_is_taken_or_refused_at_that_place(
    tmp_path: Path, at: Place, value: object
) -> None:
    path = tmp_path / "callcause.toml"
    path.write_text(document(changed(EXAMPLE, at, value)), "utf-8")
    found, wrong = read_configuration(path)
    assert isinstance(found, Configuration)
    for error in wrong:
        assert error.file == str(path)
        assert error.key is not None
        assert str(error.key).split(".")[0] == at[0]


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(st.binary(max_size=40) | st.text('[]{}="a1.\n#', max_size=40).map(str.encode))
def test_any_bytes_are_a_configuration_or_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "callcause.toml"
    path.write_bytes(content)
    try:
        load_configuration(path)
    except UsageError as error:
        told = str(error)
    else:
        return
    assert str(path) in told


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = 2024-99-99", "\x00"])
def test_what_no_reader_of_toml_takes_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "callcause.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        load_configuration(path)


def test_every_secret_of_a_configuration_is_found_by_its_key(tmp_path: Path) -> None:
    path = tmp_path / "callcause.toml"
    path.write_text(
        '[[service.tokens]]\nname = "a"\nrole = "viewer"\nsecret = {env = "A"}\n'
        '[[service.tokens]]\nname = "b"\nrole = "viewer"\nsecret = {file = "b"}\n'
        '[vault]\nenabled = true\nkeys = [{number = 1, secret = {env = "V"}}]\n',
        "utf-8",
    )
    keys = [key for key, _ in secrets_of(load_configuration(path))]
    assert {"service.tokens.0.secret", "service.tokens.1.secret", "vault.keys.0.secret"} <= set(keys)
