"""Maps, profiles and the catalogue with any value at any place are taken, or refused with their file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import collectors
from callcause_error import CallcauseError
from collectors.kpi.catalogue import load_catalogue
from collectors.pm import counter_map
from collectors.prometheus import node_map
from collectors.snmp.profile import load_profiles
from collectors.snmp.trap_map import load_trap_map

HOME = Path(collectors.__file__).parent
SHIPPED: dict[str, tuple[Callable[..., Any], str]] = {
    "prometheus maps": (node_map.load_maps, "prometheus/maps/*.yaml"),
    "snmp profiles": (load_profiles, "snmp/profiles/*.yaml"),
    "trap maps": (load_trap_map, "snmp/trap_maps/*.yaml"),
    "counter maps": (counter_map.load_maps, "pm/maps/*.yaml"),
    "catalogue": (load_catalogue, "kpi/catalogue.yaml"),
}
ODD = st.sampled_from(
    [
        None, True, -1, 0, 1.5, float("inf"), float("nan"), 10**30, "", "x", "(", "a{", "'", "1/0", "x" * 300,
        "1.3.6.1", "__import__('os')", [], [1], [[]], [{}], {}, {"a": 1}, {"x": {}},
    ]
)  # fmt: skip
Place = tuple[Any, ...]


def places(value: object, at: Place = ()) -> Iterator[Place]:
    """Every key and index of a document."""
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
        return {key: changed(item, at[1:], new) if key == at[0] else item for key, item in value.items()}
    return [changed(item, at[1:], new) if number == at[0] else item for number, item in enumerate(value)]


@pytest.mark.parametrize("kind", SHIPPED)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_at_any_place_is_taken_or_refused_by_its_file(
    tmp_path: Path, kind: str, data: st.DataObject
) -> None:
    load, pattern = SHIPPED[kind]
    shipped = data.draw(st.sampled_from(sorted(HOME.glob(pattern))))
    document = yaml.safe_load(shipped.read_text("utf-8"))
    at = data.draw(st.sampled_from(list(places(document))))
    # A file of its own each time: what was read once is kept.
    path = tmp_path / uuid4().hex / shipped.name
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(changed(document, at, data.draw(ODD)), allow_unicode=True), "utf-8")
    try:
        load(path)
    except CallcauseError as error:
        told = str(error)
    else:
        return
    assert path.name in told
