"""Maps as data: what ships, what an operator adds, where an error is."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.errors import ConfigError
from collectors.kpi.catalogue import load_catalogue
from collectors.prometheus import load_maps
from collectors.prometheus.exposition import parse
from collectors.readings.inputs import computable

CANONICAL = {
    "kamailio-icscf": {
        "cx_uar_timeouts", "cx_lir_timeouts", "diameter_timeouts", "dns_failures", "replies_503",
    },
    "kamailio-scscf": {
        "cx_mar_timeouts", "cx_sar_timeouts", "registrations_accepted", "registrations_rejected", "uptime_s",
    },
    "kamailio-pcscf": {"registered_contacts", "dns_failures", "uptime_s"},
    "rtpengine": {"one_way_streams", "uptime_s"},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CANONICAL))
def test_a_shipped_map_gives_the_canonical_counters_of_its_node(name: str) -> None:
    assert CANONICAL[name] <= set(load_maps()[name].rules)


def test_only_kpis_whose_inputs_an_exporter_has_are_computed() -> None:
    maps, catalogue = load_maps(), load_catalogue()
    known = {name: computable(maps[name].part, catalogue) for name in maps.names()}
    assert known["kamailio-icscf"] == known["kamailio-scscf"] == ("cx_sh_rx_timeout_ratio",)
    assert known["kamailio-pcscf"] == ("ims_registered_users",)
    assert known["pyhss"] == ("cx_sh_rx_timeout_ratio",)
    # Neither results nor attempts are exported there.
    assert known["open5gs-mme"] == known["open5gs-smf"] == known["open5gs-hss"] == known["kamailio"] == ()


def test_a_partly_known_kpi_is_told_under_a_split_only() -> None:
    maps = load_maps()
    assert [s.split for s in maps["rtpengine"].part.splits] == ["seen_by=relay"]
    assert [s.split for s in maps["kamailio-scscf"].part.splits] == ["registration=initial_and_again"]


def test_minus_one_as_unlimited_is_no_value_and_counted(third_party_data: Path) -> None:
    found = parse((third_party_data / "prom_grafana/open5gs/open5gs_metrics_0.prom").read_text())
    columns = load_maps()["open5gs-smf"].columns(found, 0.0)
    assert "virtual_memory_limit_bytes" not in columns
    assert found.counts["no_value"] == 1
    assert columns["ues_active"].values.tolist() == [2.0]


def test_the_recorded_kamailio_exporter_is_understood(third_party_data: Path) -> None:
    found = parse((third_party_data / "prom_grafana/kamailio_exporter/kamailio_metrics.prom").read_text())
    columns = load_maps()["kamailio"].columns(found, 0.0)
    assert columns["uptime_s"].values.tolist() == [2352.0]
    assert columns["transactions_2xx"].values.tolist() == [2214.0]
    assert {"dns_failures", "replies_5xx", "register_requests"} <= set(columns)


OWN = """name: vendor-scscf
extends: kamailio-scscf
node_type: scscf
samples:
  session_attempts: {counter: [vendor_sessions]}
  session_successes: {counter: ['vendor_sessions_ok{leg="mo"}']}
inputs:
  SC.AttSession: {add: [session_attempts]}
  SC.SuccSession: {add: [session_successes]}
"""


def test_an_operator_adds_a_map_of_his_own(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    own = load_maps(tmp_path)["vendor-scscf"]
    assert computable(own.part, load_catalogue()) == (
        "session_establishment_success_ratio",
        "cx_sh_rx_timeout_ratio",
    )
    assert "cx_mar_timeouts" in own.rules


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("vendor_sessions]", "vendor sessions]"), 5, "is no selector"),
        (("SC.AttSession", "SC.AtSession"), 8, "did you mean 'SC.AttSession'"),
        (("add: [session_attempts]", "add: [session_attemps]"), 8, "did you mean 'session_attempts'"),
        (("extends: kamailio-scscf", "extends: kamailio-scsf"), 2, "did you mean 'kamailio-scscf'"),
        (("extends: kamailio-scscf", "extends: vendor-scscf"), 2, "circle"),
        (("node_type: scscf", "node_type: scsf"), 3, "did you mean 'scscf'"),
        (("samples:", "sample:"), 5, "did you mean 'samples'"),
        (("{counter: [vendor_sessions]}", "{counter: [a], gauge: [b]}"), 5, "exactly one"),
    ],
)
def test_an_error_in_a_map_names_file_line_and_remedy(
    tmp_path: Path, change: tuple[str, str], line: int, message: str
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace(*change))
    with pytest.raises(ConfigError, match=f"(?s)own.yaml:{line}.*{message}"):
        load_maps(tmp_path)


def test_an_unknown_map_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'rtpengine'"):
        load_maps()["rtpengin"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load_maps(tmp_path / "nowhere")
