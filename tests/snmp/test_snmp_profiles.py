"""What an agent answers becomes samples or counts, whatever it is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.snmp.profile import load_profiles, readings
from collectors.snmp.trap_map import load_trap_map, text_of

VALUES = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.binary(max_size=12), st.text(max_size=12),
    st.sampled_from([b"1e300", b"nan", b"-inf", b"12.5 dB", b"", "1.3.6.1", b"99999999999999999999999"]),
)  # fmt: skip
COLUMN = "1.3.6.1.2.1.2.2.1.14"


@given(st.dictionaries(st.integers(1, 9).map(str), VALUES, max_size=6))
@settings(deadline=None, max_examples=80)
def test_any_value_of_an_agent_ends_as_a_sample_or_in_a_count(rows: dict[str, Any]) -> None:
    profile = load_profiles().joined(["if-mib"])
    counts: Counter[str] = Counter()
    tables = {column: dict(rows) for column in profile.columns}
    found = readings(profile, {}, tables, {}, counts)
    kept = sum(len(column.values) for column in found.values())
    assert kept + counts["no_value"] + counts["not_a_number"] == counts["varbinds"]


@pytest.mark.parametrize(("value", "number"), [(b"0.42", 0.42), (b" -41 dBm", -41.0), ("7", 7.0), (3, 3.0)])
def test_numbers_written_as_text_are_numbers(value: Any, number: float) -> None:
    profile = load_profiles().joined(["microwave-ceragon"])
    column = "1.3.6.1.4.1.2281.10.5.1.1.2"
    found = readings(profile, {}, {column: {"1": value}}, {}, Counter())
    assert found["radio_rsl_dbm"].values.tolist() == [number]


def test_the_type_of_a_node_comes_from_its_profiles_or_from_the_settings() -> None:
    profiles = load_profiles()
    assert profiles.joined(["if-mib", "kamailio-icscf"]).part.node_type == "icscf"
    assert profiles.joined(["if-mib"]).part.node_type == "other"
    assert profiles.joined(["if-mib"], "mme").part.node_type == "mme"


@given(st.dictionaries(st.text(max_size=20), VALUES, max_size=4))
@settings(deadline=None, max_examples=60)
def test_any_values_of_a_notification_are_read(binds: dict[str, Any]) -> None:
    meaning = load_trap_map().meaning("1.3.6.1.6.3.1.1.5.3")
    assert meaning is not None
    assert meaning.severity(binds) == "major"
    assert isinstance(meaning.instance(binds) + meaning.details(binds), str)
    assert all(text_of(value).isprintable() for value in binds.values())
