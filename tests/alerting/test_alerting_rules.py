"""Every alert fires and stays quiet under promtool; the Alertmanager configuration under amtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from presence import absent

from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.model import Kpi
from dashboards.alerting.alertmanager import alertmanager_config
from dashboards.alerting.rules import Alert, alerts, camel, kpi_alerts, reading, rule_file
from dashboards.exposition.families import FAMILIES
from dashboards.exposition.survey import alarm_limits, limited
from dashboards.exposition.units import exposed_unit, limit_family, value_family
from runbooks.loader import load_runbooks

CATALOGUE = load_catalogue()
ALERTS = {alert.name: alert for alert in alerts(CATALOGUE)}
PLACE = 'scope="cell", entity="E1", region="R1"'

# Series of the alerts that are not about a KPI: those under which they fire, and those under which they
# are quiet.
OTHERS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "CallcauseMassComplaints": (
        {'callcause_cluster_tickets{cluster="C1", key="cell", entity="E1", region="R1"}': "7x90"},
        {'callcause_cluster_tickets{cluster="C1", key="cell", entity="E1", region="R1"}': "4x90"},
    ),
    "CallcauseComplaintBurst": (
        {'callcause_complaints_recent{category="drop", region="R1"}': "12x90"},
        {'callcause_complaints_recent{category="drop", region="R1"}': "2x90"},
    ),
    "CallcauseEarlyWarning": (
        {'callcause_warnings{state="published", type="drop", region="R1"}': "1x90"},
        {'callcause_warnings{state="rejected", type="drop", region="R1"}': "1x90"},
    ),
    "CallcauseTicketsOverdue": (
        {'callcause_tickets_overdue{clock="reply", department="D", region="R1"}': "2x90"},
        {'callcause_tickets_overdue{clock="reply", department="D", region="R1"}': "0x90"},
    ),
    "CallcauseCalibrationDrift": (
        {
            'callcause_calibration_error_ratio{category="drop"}': "0.2x90",
            'callcause_feedback_tickets{category="drop"}': "400x90",
        },
        {
            'callcause_calibration_error_ratio{category="drop"}': "0.2x90",
            'callcause_feedback_tickets{category="drop"}': "20x90",
        },
    ),
    "CallcauseSourceSilent": (
        {'callcause_collector_up{kind="snmp", source="s", target="t"}': "0x90"},
        {'callcause_collector_up{kind="snmp", source="s", target="t"}': "0x1 1x88"},
    ),
    "CallcausePeriodsMissing": (
        {'callcause_missing_periods{element="eNB-1"}': "1x90"},
        {'callcause_missing_periods{element="eNB-1"}': "0x90"},
    ),
    "CallcauseIngestLag": (
        {'callcause_ingest_lag_seconds{kind="counters"}': "9000x90"},
        {'callcause_ingest_lag_seconds{kind="counters"}': "900x90"},
    ),
    "CallcauseSeriesDropped": (
        {'callcause_dropped_series{family="callcause_kpi_ratio"}': "5x90"},
        {'callcause_dropped_series{family="callcause_kpi_ratio"}': "0x90"},
    ),
}


def constant(series: dict[str, float]) -> dict[str, str]:
    return {name: f"{value}x90" for name, value in series.items()}


def kpi_series(
    kpi: Kpi, *, beyond: bool = True, z: float | None = None, enough: bool = True
) -> dict[str, str]:
    """Series of one KPI of one entity, all as they must be to fire unless an argument says otherwise."""
    limit = alarm_limits(kpi)[0]
    bound = limit.limit * exposed_unit(kpi.unit).factor
    bad = bound + (-1 if limit.op.startswith("<") else 1) * max(abs(bound) * 0.1, 0.001)
    good = bound + (1 if limit.op.startswith("<") else -1) * max(abs(bound) * 0.1, 0.001)
    place = f'kpi="{kpi.id}", {PLACE}'
    worse = -9.0 if kpi.better == "up" else 9.0
    return constant(
        {
            f'{limit_family(kpi.unit)}{{kpi="{kpi.id}", op="{limit.op}"}}': bound,
            f"{value_family(kpi.unit)}{{{place}}}": bad if beyond else good,
            f"callcause_kpi_robust_z{{{place}}}": worse if z is None else z,
            f"callcause_kpi_samples{{{place}}}": float(kpi.min_samples or 1) if enough else 1.0,
        }
    )


def cases() -> list[tuple[str, str, dict[str, str], bool]]:
    """Alert, name of the case, series, whether it fires."""
    found: list[tuple[str, str, dict[str, str], bool]] = []
    for kpi in limited(CATALOGUE):
        name = f"Callcause{camel(kpi.id)}"
        found.append((name, "fires", kpi_series(kpi), True))
        found.append((name, "stays quiet within its limit", kpi_series(kpi, beyond=False), False))
        found.append((name, "stays quiet within its baseline", kpi_series(kpi, z=0.5), False))
        if kpi.min_samples and kpi.min_samples > 1:
            found.append((name, "stays quiet with few samples", kpi_series(kpi, enough=False), False))
        if f"{name}Lasting" in ALERTS:
            series = f'callcause_kpi_over_limit_unbroken_seconds{{kpi="{kpi.id}", {PLACE}}}'
            found.append((f"{name}Lasting", "fires", {series: "18000x90"}, True))
            found.append((f"{name}Lasting", "stays quiet after four hours", {series: "14400x90"}, False))
    for name, (fires, quiet) in OTHERS.items():
        found.append((name, "fires", fires, True))
        found.append((name, "stays quiet", quiet, False))
    return found


def tool(name: str) -> str:
    if shutil.which(name) is None:
        absent(f"{name} is not installed (Debian packages prometheus and prometheus-alertmanager)")
    return name


def unit_test(group: list[tuple[str, str, dict[str, str], bool]]) -> dict[str, Any]:
    """One promtool test for cases of the same name: they are about different alerts and do not meet."""
    series = {name: values for _, _, given, _ in group for name, values in given.items()}
    return {
        "interval": "5m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})',
                "eval_time": "100m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
            for alert, _, _, fires in group
        ],
    }


def test_every_alert_fires_and_stays_quiet(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(rule_file(CATALOGUE), encoding="utf-8")
    groups: dict[str, list[tuple[str, str, dict[str, str], bool]]] = {}
    for case in cases():
        groups.setdefault(case[1], []).append(case)
    tests = [unit_test(group) for group in groups.values()]
    content = {"rule_files": ["rules.yaml"], "evaluation_interval": "5m", "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(content, width=1000), encoding="utf-8")
    command = [tool("promtool"), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_two_departments_that_are_late_are_two_alerts(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(rule_file(CATALOGUE), encoding="utf-8")
    series = {
        f'callcause_tickets_overdue{{clock="reply", department="{name}", region="R1"}}': "2x90"
        for name in ("IMS core", "Transport")
    }
    expr = 'count by (department, holder) (ALERTS{alertname="CallcauseTicketsOverdue", alertstate="firing"})'
    expected = [
        {"labels": f'{{department="Front office", holder="{name}"}}', "value": 1}
        for name in ("IMS core", "Transport")
    ]
    test = {
        "interval": "5m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expr, "eval_time": "100m", "exp_samples": expected}],
    }
    content = {"rule_files": ["rules.yaml"], "evaluation_interval": "5m", "tests": [test]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(content, width=1000), encoding="utf-8")
    command = [tool("promtool"), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_no_alert_is_without_both_cases() -> None:
    both = {name: {fires for alert, _, _, fires in cases() if alert == name} for name in ALERTS}
    assert [name for name, found in both.items() if found != {True, False}] == []


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_has_all_that_on_call_needs(name: str) -> None:
    rule = ALERTS[name].rule("http://callcause.example")
    assert {"severity", "department", "scope"} <= set(rule["labels"])
    assert all(rule["labels"].values())
    notes = rule["annotations"]
    for name_of_note in ("summary", "description"):
        assert re.search("[a-z]{3}", notes[name_of_note])
        assert re.search("[\u4e00-\u9fff]", notes[f"{name_of_note}_zh"])
    assert notes["runbook_url"].startswith("http://callcause.example/ui/runbooks/")
    assert notes["runbook_url"].rpartition("/")[2] in {*load_runbooks().by_category, "all"}


def test_the_value_of_an_alert_is_written_in_the_unit_of_its_limit(tmp_path: Path) -> None:
    share, delay = (
        CATALOGUE.kpi("erab_drop_ratio_qci1_cell"),
        next(k for k in limited(CATALOGUE) if k.unit == "ms"),
    )
    (tmp_path / "rules.yaml").write_text(rule_file(CATALOGUE), encoding="utf-8")
    tests = []
    for kpi, value, written in ((share, 0.0523, "5.23%"), (delay, 30.0, "30s")):
        alert = ALERTS[f"Callcause{camel(kpi.id)}"]
        series = kpi_series(kpi, beyond=True)
        series[f'{value_family(kpi.unit)}{{kpi="{kpi.id}", {PLACE}}}'] = f"{value}x90"
        notes = alert.rule("http://127.0.0.1:8470")["annotations"]
        filled = {
            name: text.replace("{{ $labels.entity }}", "E1").replace(reading(kpi), written)
            for name, text in notes.items()
        }
        assert "{{" not in "".join(filled.values())
        labels = {**alert.rule("")["labels"], "entity": "E1", "region": "R1"}
        tests.append(
            {
                "interval": "5m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": [
                    {
                        "eval_time": "30m",
                        "alertname": alert.name,
                        "exp_alerts": [{"exp_labels": labels, "exp_annotations": filled}],
                    }
                ],
            }
        )
    content = {"rule_files": ["rules.yaml"], "evaluation_interval": "5m", "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(content, width=1000), encoding="utf-8")
    command = [tool("promtool"), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_departments_are_those_of_the_cause_catalogue() -> None:
    known = set(yaml.safe_load(Path("runbooks/causes.yaml").read_text(encoding="utf-8"))["departments"])
    assert {alert.department for alert in ALERTS.values()} <= known


def test_names_are_unique_and_every_metric_is_one_that_is_exposed() -> None:
    every = alerts(CATALOGUE)
    assert len({alert.name for alert in every}) == len(every)
    for alert in every:
        for metric in re.findall(r"callcause_[a-z0-9_]+", alert.expr):
            assert metric in FAMILIES, (alert.name, metric)


def test_the_rule_file_is_one_that_prometheus_reads(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(rule_file(CATALOGUE), encoding="utf-8")
    done = subprocess.run(
        [tool("promtool"), "check", "rules", str(tmp_path / "rules.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_alertmanager_configuration_is_one_that_amtool_accepts(tmp_path: Path) -> None:
    (tmp_path / "am.yaml").write_text(
        alertmanager_config(token_file="/etc/callcause/token"), encoding="utf-8"
    )
    done = subprocess.run(
        [tool("amtool"), "check-config", str(tmp_path / "am.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_network_alert_silences_nodes_and_cells_and_a_node_alert_cells() -> None:
    rules = yaml.safe_load(alertmanager_config())["inhibit_rules"]
    assert [(r["source_matchers"], r["target_matchers"]) for r in rules] == [
        (['scope="network"'], ['scope=~"node|cell|gsm_cell"']),
        (['scope="node"'], ['scope=~"cell|gsm_cell"']),
    ]


def test_every_kpi_alert_asks_for_limit_baseline_and_samples() -> None:
    def guard(alert: Alert) -> bool:
        kpi = CATALOGUE.kpi(alert.labels["kpi"])
        return not kpi.min_samples or "callcause_kpi_samples" in alert.expr

    for alert in kpi_alerts(CATALOGUE):
        if not alert.name.endswith("Lasting"):
            assert "robust_z" in alert.expr
            assert "callcause_kpi_limit" in alert.expr
            assert guard(alert), alert.name
