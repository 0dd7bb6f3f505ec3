"""Settings of the diagnosis."""

from __future__ import annotations

import polars as pl
import pytest

from callcause_error import UsageError
from diagnosis.evidence_settings import EvidenceSettings
from diagnosis.settings import DiagnosisSettings, load_settings
from diagnosis.workspace import Workspace
from runbooks.loader import load_runbooks


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError) as error:
        load_settings({"causes_show": 5}, file="callcause.toml")
    assert "causes_show" in str(error.value)
    assert "causes_shown" in str(error.value)
    assert error.value.exit_status == 2


def test_a_value_out_of_range_names_its_key() -> None:
    with pytest.raises(UsageError, match="good_record_min"):
        load_settings({"good_record_min": -1})


@pytest.mark.parametrize(
    ("thresholds", "near"),
    [({"DRP-044": {"call.rsrp_last": -1}}, "DRP-04"), ({"DRP-04": {"call.rsrp": -1}}, "call.rsrp_last")],
)
def test_a_limit_of_nothing_is_refused(thresholds: dict[str, dict[str, float]], near: str) -> None:
    with pytest.raises(UsageError, match=near):
        load_settings({"thresholds": thresholds}).limits(load_runbooks())


def test_a_region_stands_beside_the_limits_of_the_operator() -> None:
    settings = load_settings(
        {
            "thresholds": {"DRP-04": {"call.rsrp_last": -112}},
            "regions": {"0871": {"thresholds": {"DRP-04": {"call.rsrp_last": -115}}}},
        }
    )
    assert settings.limits(load_runbooks()) == {
        "DRP-04": {"": {"call.rsrp_last": -112.0}, "0871": {"call.rsrp_last": -115.0}}
    }


def test_without_overrides_there_are_no_limits() -> None:
    assert DiagnosisSettings().limits(load_runbooks()) == {}


def test_a_limit_inside_a_derived_value_can_be_set_for_operator_and_region() -> None:
    values = {"evidence": {"radio_rsrp_dbm": -118}, "regions": {"0871": {"evidence": {"lossy_percent": 2}}}}
    settings = load_settings(values)
    assert settings.evidence == {"radio_rsrp_dbm": -118}
    assert settings.regions["0871"].evidence == {"lossy_percent": 2}


@pytest.mark.parametrize(
    "where", [{"evidence": {"radio_rsrp": 1}}, {"regions": {"a": {"evidence": {"x": 1}}}}]
)
def test_an_unknown_limit_of_a_derived_value_is_refused_with_its_key(where: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="no limit of a derived value"):
        load_settings(where)


def test_the_limit_of_a_region_decides_for_its_tickets_only() -> None:
    settings = EvidenceSettings(regional={"0871": {"radio_rsrp_dbm": -120.0}})
    frame = pl.DataFrame({"ticket.region": ["0871", "0888", None]})
    work = Workspace(None, settings, frame)
    assert frame.select(work.limit("radio_rsrp_dbm").alias("limit"))["limit"].to_list() == [-120, -110, -110]
    assert frame.select(work.limit("lossy_percent").alias("limit"))["limit"][0] == 1.0
