"""The catalogue: complete, consistent, and strict about what an operator writes over it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from collectors.errors import ConfigError
from collectors.kpi.catalogue import kpi_names, load_catalogue

ID_LIST = """
rrc_connection_setup_success_ratio s1_signalling_connection_success_ratio erab_setup_success_ratio_qci1
erab_setup_success_ratio_qci5 erab_accessibility_qci1 erab_add_success_ratio_qci1 volte_radio_connect_ratio
erab_setup_failures_by_cause erab_drop_ratio_qci1_cell erab_drop_ratio_qci1_network erab_retainability_qci1
ue_context_abnormal_releases_by_cause rrc_reestablishment_success_ratio rrc_reestablishment_share
intra_lte_handover_success_ratio volte_user_handover_success_ratio handover_failures_late_early_wrong_cell
esrvcc_handover_success_ratio esrvcc_share_of_calls pdcp_loss_ratio_ul_qci1 pdcp_air_loss_ratio_dl_qci1
pdcp_discard_ratio_dl_qci1 pdcp_delay_dl_qci1 ul_interference_per_prb mr_coverage_ratio rsrp_mean
dl_sinr_and_low_cqi_share pusch_rsrp_weak_share prb_utilisation cce_utilisation cell_unavailable_time
paging_discard_ratio volte_traffic rrc_connected_max erab_establishment_time_qci1 swallowed_word_sample_share
gbr_prb_share carried_over_erabs_qci1 qci1_packets_ul qci1_packets_dl sdcch_block_ratio tch_block_ratio
lte_attach_success_ratio combined_attach_success_ratio combined_tau_success_ratio
ims_pdn_connection_success_ratio dedicated_bearer_activation_success_ratio_qci1
dedicated_bearer_update_success_ratio_qci1 volte_paging_success_ratio service_request_success_ratio
x2_s1_handover_success_ratio mme_abnormal_releases_qci1 gx_rx_success_ratio ps_to_cs_success_ratio
srvcc_interruption_time sgs_paging_success_ratio csfb_fallback_success_ratio csfb_call_success_ratio
csfb_setup_delay return_to_lte_delay volte_voice_time_share s6a_success_ratio
ims_initial_registration_success_ratio ims_reregistration_success_ratio
ims_third_party_registration_success_ratio ims_registration_setup_time_mean network_initiated_deregistrations
cx_user_authorisation_success_ratio cx_multimedia_auth_success_ratio cx_server_assignment_success_ratio
cx_location_info_success_ratio sh_user_data_read_success_ratio session_establishment_success_ratio
session_answer_ratio volte_network_connect_ratio call_setup_delay session_completion_success_ratio
volte_call_drop_ratio sip_failure_mix q850_cause_mix cx_sh_rx_timeout_ratio ims_registered_users sbc_load
as_session_failure_ratio sessions_denied_403_other_network ims_dns_failure_ratio mos_score mos_good_share
mos_poor_share rtp_loss_ratio rtp_jitter one_way_delay e_model_r silence_events burst_gap_discard
conversation_start_delay ims_latency session_disconnect_delay amr_wb_codec_share media_relay_failure_ratio
"""
ALL_IDS = ID_LIST.split()

CATALOGUE = load_catalogue()


def written(folder: Path, text: str) -> Path:
    path = folder / "extra.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_catalogue_has_the_hundred_kpis_in_order_and_no_other() -> None:
    assert len(ALL_IDS) == 100
    assert list(CATALOGUE.base_ids) == ALL_IDS


def test_the_catalogue_agrees_with_the_reference_list_where_that_is_there() -> None:
    reference = Path("../shared/knowledge/kpis.csv")
    if not reference.is_file():
        pytest.skip("optional: the reference list is not beside the repository")
    with reference.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            kpi = CATALOGUE.kpi(row["id"])
            assert (kpi.name.en, kpi.name.zh, kpi.scope) == (row["name_en"], row["name_zh"], row["scope"])
            assert (kpi.unit, kpi.better, kpi.limit_origin) == (
                row["unit"],
                row["better"],
                row["limit_origin"],
            )
            assert str(kpi.min_samples or "") == row["min_samples"]
            assert ";".join(kpi.categories) == row["categories"]
            assert ";".join(kpi.read_at) == row["read_at"]
            assert kpi.catalogue_no == row["catalogue_no"]
            assert row["note"] in kpi.note
            assert len(kpi.limits) == len([part for part in row["limit"].split(";") if part])
            for limit in kpi.limits:
                assert re.search(
                    rf"{re.escape(limit.op)}{limit.limit:.1f}".replace(r".0", r"(\.0)?"), row["limit"]
                )


def test_every_kpi_says_where_its_value_comes_from_or_what_it_would_need() -> None:
    for kpi in CATALOGUE.kpis:
        if kpi.of is not None:
            continue
        assert bool(kpi.value or kpi.parts) == (kpi.source == "counters"), kpi.id
        assert bool(kpi.inputs) == (kpi.source in ("xdr", "probe")), kpi.id
        assert bool(kpi.needs) == (kpi.source == "none"), kpi.id
        assert all((kpi.name.en, kpi.name.zh)), kpi.id


def test_every_counter_that_is_wanted_has_a_rule_and_no_rule_is_idle() -> None:
    named = set(CATALOGUE.counters) | set(CATALOGUE.counter_patterns)
    assert named == set(CATALOGUE.rules)
    assert "covered_s" not in named


def test_ratios_of_counters_count_their_samples() -> None:
    for kpi in CATALOGUE.kpis:
        if kpi.source == "counters" and kpi.join == "ratio" and kpi.value:
            assert kpi.samples, kpi.id
        if kpi.min_samples and kpi.value:
            assert kpi.samples, kpi.id


@pytest.mark.parametrize(
    ("kpi_id", "values"),
    [
        ("dl_sinr_and_low_cqi_share", ("sinr", "low_cqi_share")),
        ("csfb_fallback_success_ratio", ("mo", "mt")),
        ("csfb_call_success_ratio", ("mo", "mt")),
        ("volte_network_connect_ratio", ("mo", "mt")),
        ("sbc_load", ("cpu_load", "port_use")),
        ("cce_utilisation", ("utilisation", "allocation_failure_ratio")),
    ],
)
def test_a_kpi_of_two_values_gives_one_kpi_for_each(kpi_id: str, values: tuple[str, str]) -> None:
    for name in values:
        one = CATALOGUE.kpi(f"{kpi_id}.{name}")
        assert one.of == kpi_id
        assert one.scope == CATALOGUE.kpi(kpi_id).scope


def test_each_value_takes_its_own_limit() -> None:
    assert [x.limit for x in CATALOGUE.kpi("csfb_call_success_ratio.mo").limits] == [97]
    assert [x.limit for x in CATALOGUE.kpi("csfb_call_success_ratio.mt").limits] == [98]
    assert [x.limit for x in CATALOGUE.kpi("dl_sinr_and_low_cqi_share.sinr").limits] == [0]
    low = CATALOGUE.kpi("dl_sinr_and_low_cqi_share.low_cqi_share")
    assert (low.unit, low.better, low.limits[0].op, low.limits[0].limit) == ("%", "down", ">", 20)


def test_two_levels_of_a_limit_are_kept_apart() -> None:
    limits = {x.level: (x.op, x.limit) for x in CATALOGUE.kpi("prb_utilisation").limits}
    assert limits == {"warn": (">=", 70), "alarm": (">", 90)}


@pytest.mark.parametrize("split", ["mo", "MO", "direction=mo", " value=mo ", "leg=originating"])
def test_a_split_that_names_a_value_is_that_value(split: str) -> None:
    assert CATALOGUE.target("csfb_call_success_ratio", split) == "csfb_call_success_ratio.mo"


@pytest.mark.parametrize(
    ("split", "column"),
    [(None, "sbc_load"), ("", "sbc_load"), ("  ", "sbc_load"), ("board=3", "sbc_load[board=3]")],
)
def test_another_split_is_a_column_of_its_own_and_none_is_the_whole(split: str | None, column: str) -> None:
    assert CATALOGUE.target("sbc_load", split) == column


def test_kpis_by_scope_cover_cells_and_nodes() -> None:
    assert {"tch_block_ratio", "prb_utilisation.dl", "erab_drop_ratio_qci1_cell"} <= set(CATALOGUE.cell_ids)
    assert {"sbc_load.cpu_load", "ims_initial_registration_success_ratio"} <= set(CATALOGUE.node_ids)
    assert not set(CATALOGUE.cell_ids) & set(CATALOGUE.node_ids)
    assert "erab_drop_ratio_qci1_network" not in CATALOGUE.node_ids


def test_wants_knows_counters_by_name_and_by_pattern() -> None:
    assert CATALOGUE.wants("RRC.ConnEstabAtt.sum")
    assert CATALOGUE.wants("ERAB.EstabInitFailNbr.21")
    assert not CATALOGUE.wants("RRC.ConnEstabAtt.emergency")
    assert CATALOGUE.rule("RRC.ConnEstabAtt.emergency") is None


def test_an_unknown_kpi_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'sdcch_block_ratio'"):
        CATALOGUE.kpi("sdcch_block_ration")
    assert "nothing" not in CATALOGUE


def test_condition_names_are_numbers_and_hold_values_and_samples() -> None:
    names = kpi_names()
    assert names["prb_utilisation"] is float
    assert "erab_setup_success_ratio_qci5__n" in names
    assert "dl_sinr_and_low_cqi_share.low_cqi_share" in names


def test_the_catalogue_is_read_once_until_a_file_changes(tmp_path: Path) -> None:
    assert load_catalogue() is load_catalogue()
    path = written(tmp_path, "kpis: [{id: sbc_load, min_samples: 7}]")
    first = load_catalogue(path)
    assert load_catalogue(path) is first
    path.write_text("kpis: [{id: sbc_load, min_samples: 12345}]", encoding="utf-8")
    assert load_catalogue(path).kpi("sbc_load").min_samples == 12345


def test_an_operator_changes_only_the_keys_it_gives(tmp_path: Path) -> None:
    path = written(tmp_path, "kpis:\n- id: prb_utilisation\n  limits: [{op: '>', limit: 80}]\n")
    changed = load_catalogue(path)
    kpi = changed.kpi("prb_utilisation")
    assert [(x.op, x.limit, x.level) for x in kpi.limits] == [(">", 80, "alarm")]
    assert kpi.value == CATALOGUE.kpi("prb_utilisation").value
    assert [x.limit for x in changed.kpi("prb_utilisation.ul").limits] == [80]
    assert CATALOGUE.kpi("prb_utilisation").limits[0].limit == 70


def test_an_operator_adds_a_kpi_with_its_counter(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
counters:
  X.Fail: {time: sum, objects: sum}
kpis:
- id: own_fail_ratio
  name: {en: own, zh: 自}
  scope: cell
  source: counters
  value: 100 * "X.Fail" / "RRC.ConnEstabAtt.sum"
  samples: '"RRC.ConnEstabAtt.sum"'
  join: ratio
  unit: '%'
  better: down
  limit_origin: none
  categories: [access]
""",
    )
    grown = load_catalogue(path)
    assert "own_fail_ratio" in grown
    assert "X.Fail" in grown.counters
    assert len(grown.base_ids) == 101


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("kpis:\n- id: sbc_load\n  limts: []\n", 3, "did you mean 'limits'"),
        ("kpis:\n- id: sbc_load\n  better: upwards\n", 3, "up"),
        ('kpis:\n- id: sbc_load\n  value: sum("SBC.CpuLoad")\n', 3, "'sum' is no function"),
        ("kpis:\n- id: sbc_load\n  value: SBC.CpuLoad\n", 3, "double quotes"),
        ("kpis:\n- id: sbc_load\n  value: '\"SBC.CpuLoad'\n", 3, "double quotes|not a formula|only"),
        ("kpis:\n- id: sbc_load\n  value: '\"SBC.CpuLoad\" /'\n", 3, "not a formula"),
        ("kpis:\n- id: sbc_load\n  value: '\"SBC.CpuLaod\"'\n", 3, "did you mean 'SBC.CpuLoad'"),
        ("kpis:\n- id: sbc_load\n  value: '1 + 1'\n", 3, "names no counter"),
        ("kpis:\n- id: sbc_load\n  value: '\"SBC.CpuLoad\"; 1'\n", 3, "only"),
        ("kpis:\n- id: sbc_load\n  guard: qci1_packets_u\n", 3, "did you mean 'qci1_packets_ul'"),
        ("kpis:\n- id: rtp_jitter\n  source: none\n", 3, "needs"),
        ("kpis:\n- id: rtp_jitter\n  source: counters\n", 3, "formula"),
        ("kpis:\n- id: brand_new\n", 2, "required"),
        ("kpis:\n- name: x\n", 2, "no id"),
        ("kpis:\n- id: sbc_load\n- id: sbc_load\n", 3, "twice"),
        ("kpis: 3\n", 1, "list"),
        ("counters: [a]\n", 1, "mapping"),
        ("counters:\n  X: {time: median}\n", 2, "sum"),
        ("counters:\n  X: {time: weighted_mean, weights: ['n']}\n", 2, "double quotes"),
        ("kpi: []\n", 1, "did you mean 'kpis'"),
        ("- a\n", 1, "mapping"),
        ("kpis: [\n", 2, "YAML"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_catalogue(path)
    assert caught.value.file == str(path)
    assert caught.value.line == line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_catalogue(tmp_path / "none.yaml")
