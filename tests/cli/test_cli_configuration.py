"""The configuration: the example is valid, and what is wrong is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcause.configuration import load_configuration
from callcause_error import UsageError
from runbooks.loader import load_runbooks

EXAMPLE = Path(__file__).parents[2] / "examples" / "callcause.toml"


def write(folder: Path, text: str) -> Path:
    path = folder / "callcause.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_commented_example_is_valid_and_its_limits_name_real_checks() -> None:
    settings = load_configuration(EXAMPLE)
    limits = settings.diagnosis.limits(load_runbooks())
    assert limits["MOS-07"]["0871"]["pdcp_loss_ratio_ul_qci1"] == 3.0


def test_without_a_file_the_defaults_hold() -> None:
    assert load_configuration(None).ingest.country_code == "86"


def test_an_unknown_section_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"diagnosys.*did you mean 'diagnosis'"):
        load_configuration(write(tmp_path, "[diagnosys]\n"))


def test_a_wrong_value_names_its_dotted_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"diagnosis\.causes_shown"):
        load_configuration(write(tmp_path, "[diagnosis]\ncauses_shown = 1\n"))


def test_a_broken_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_configuration(write(tmp_path, "[diagnosis\n"))


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_configuration(tmp_path / "none.toml")


def test_a_limit_of_an_unknown_check_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    settings = load_configuration(write(tmp_path, "[diagnosis.thresholds.MOS-077]\nx = 1.0\n"))
    with pytest.raises(UsageError, match="MOS-07"):
        settings.diagnosis.limits(load_runbooks())
