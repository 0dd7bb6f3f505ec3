"""Boards from the catalogues: whole, committed, linked, published without overwriting people."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_stand_in import TOKEN, State, grafana

from callcause_error import UsageError
from collectors.kpi.catalogue import load_catalogue
from dashboards.alerting.rules import rule_file
from dashboards.exposition.families import FAMILIES
from dashboards.exposition.survey import alarm_limits
from dashboards.exposition.units import UNITS, baseline_family, limit_family, value_family
from dashboards.grafana.boards import all_boards
from dashboards.grafana.document import document, text
from dashboards.grafana.provisioning import COMMITTED, differences, files, write
from dashboards.grafana.publish import GrafanaError, GrafanaServer, digest, publish

CATALOGUE = load_catalogue()
BOARDS = {board.name: board for board in all_boards(CATALOGUE)}
WANTED = {
    "network", "registration", "access", "drop", "mos", "csfb", "cell", "nodes", "complaints", "tickets",
    "warnings", "service", "quality",
}  # fmt: skip


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in document(BOARDS[name])["panels"] if panel["type"] != "row"]


def test_every_board_that_people_need_is_there() -> None:
    assert set(BOARDS) == WANTED


def test_the_committed_boards_are_what_the_catalogue_gives() -> None:
    assert differences(CATALOGUE, COMMITTED) == [], "run: callcause dashboards build"


def test_building_twice_changes_nothing(tmp_path: Path) -> None:
    assert write(CATALOGUE, tmp_path)
    assert write(CATALOGUE, tmp_path) == []
    (tmp_path / "boards" / "callcause-drop.json").write_text("{}")
    assert differences(CATALOGUE, tmp_path) == ["boards/callcause-drop.json"]


@pytest.mark.parametrize("name", sorted(WANTED))
def test_titles_are_in_both_languages_and_panels_fit_the_grid(name: str) -> None:
    board = document(BOARDS[name])
    assert re.search("[A-Za-z]+.* · .*[\u4e00-\u9fff]", board["title"])
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels(name):
        assert " · " in panel["title"], panel["title"]
        place = panel["gridPos"]
        assert 0 <= place["x"] <= 24 - place["w"]


@pytest.mark.parametrize("name", sorted(WANTED))
def test_panels_do_not_lie_over_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in document(BOARDS[name])["panels"]:
        place = panel["gridPos"]
        squares = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & squares, panel["title"]
        taken |= squares


@pytest.mark.parametrize("name", sorted(WANTED))
def test_queries_only_ask_for_metrics_and_labels_that_are_exposed(name: str) -> None:
    asked = [*BOARDS[name].queries(), *(v.query for v in BOARDS[name].variables)]
    for expr in asked:
        for metric, selector in re.findall(r"(callcause_[a-z0-9_]+)(?:\{([^}]*)\})?", expr):
            assert metric in FAMILIES, expr
            for label in re.findall(r"(\w+)\s*[=!]", selector):
                assert label in FAMILIES[metric].labels, expr


def test_every_family_is_on_a_board_or_in_a_rule() -> None:
    asked = rule_file(CATALOGUE) + " ".join(json.dumps(document(board)) for board in BOARDS.values())
    placed = [kpi for kpi in map(CATALOGUE.kpi, CATALOGUE.ids()) if kpi.scope != "call"]
    units = {kpi.unit for kpi in placed}
    limited = {kpi.unit for kpi in placed if alarm_limits(kpi)}
    of_single_calls = {
        f(unit) for unit in UNITS for f in (value_family, baseline_family) if unit not in units
    }
    of_no_limit = {limit_family(unit) for unit in UNITS if unit not in limited}
    used = set(re.findall(r"callcause_[a-z0-9_]+", asked))
    assert set(FAMILIES) - used - of_single_calls - of_no_limit == set()


def test_a_kpi_panel_shows_the_limit_of_the_catalogue() -> None:
    titled = {panel["title"].split(" · ")[0]: panel for panel in panels("drop")}
    kpi = CATALOGUE.kpi("erab_drop_ratio_qci1_cell")
    steps = titled[kpi.name.en]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[1]["value"] == pytest.approx(kpi.limits[0].limit / 100)
    assert [step["color"] for step in steps] == ["green", "red"]


def test_a_series_of_a_cell_opens_its_page_and_a_ticket_its_own() -> None:
    urls = [
        link["url"]
        for name in WANTED
        for panel in panels(name)
        for link in panel["fieldConfig"]["defaults"].get("links", [])
    ]
    assert any("/ui/cells/${__field.labels.entity}" in url for url in urls)
    assert any("/ui/tickets/${__field.labels.ticket}" in url for url in urls)
    assert all(url.startswith("${web}/ui/") for url in urls)


def test_planned_work_alarms_and_incidents_are_annotations_of_every_board() -> None:
    for board in BOARDS.values():
        names = [one["name"] for one in document(board)["annotations"]["list"]]
        assert [name.split(" · ")[0] for name in names][-3:] == ["Planned work", "Alarms", "Incidents"]


def test_one_mounted_directory_holds_source_folder_boards_and_contact_point() -> None:
    made = files(CATALOGUE)
    provider = yaml.safe_load(made["dashboards/callcause.yaml"])["providers"][0]
    assert provider["options"]["path"] == "/etc/grafana/provisioning/boards"
    assert yaml.safe_load(made["datasources/callcause.yaml"])["datasources"][0]["type"] == "prometheus"
    assert (
        yaml.safe_load(made["alerting/callcause.yaml"])["contactPoints"][0]["receivers"][0]["type"]
        == "webhook"
    )
    assert sum(name.startswith("boards/") for name in made) == len(WANTED)


def test_the_text_of_a_board_is_the_same_every_time() -> None:
    assert text(BOARDS["cell"]) == text({b.name: b for b in all_boards(load_catalogue())}["cell"])


# --- publishing

BOARD = {"uid": "callcause-x", "title": "X", "panels": [{"id": 1, "title": "p"}], "tags": ["callcause"]}
CHANGED = {**BOARD, "title": "Y"}


def outcomes(url: str, board: dict[str, Any], **how: bool) -> list[str]:
    return [one.outcome for one in publish(GrafanaServer(url, TOKEN), [board], **how)]


def by_hand(state: State) -> None:
    state.boards["callcause-x"] = {**state.boards["callcause-x"], "title": "edited by a person"}


def test_publishing_twice_writes_once() -> None:
    with grafana() as (url, state):
        assert outcomes(url, BOARD) == ["created"]
        writes = state.writes
        assert outcomes(url, BOARD) == ["unchanged"]
        assert state.writes == writes


def test_a_board_of_ours_is_updated() -> None:
    with grafana() as (url, state):
        outcomes(url, BOARD)
        assert outcomes(url, CHANGED) == ["updated"]
        assert state.boards["callcause-x"]["title"] == "Y"


def test_a_board_that_a_person_changed_is_left_alone_unless_forced() -> None:
    with grafana() as (url, state):
        outcomes(url, BOARD)
        by_hand(state)
        assert outcomes(url, CHANGED) == ["edited"]
        assert state.boards["callcause-x"]["title"] == "edited by a person"
        assert outcomes(url, CHANGED, force=True) == ["overwritten"]
        assert state.boards["callcause-x"]["title"] == "Y"


def test_a_dry_run_shows_the_difference_and_writes_nothing() -> None:
    with grafana() as (url, state):
        outcomes(url, BOARD)
        writes = state.writes
        [one] = publish(GrafanaServer(url, TOKEN), [CHANGED], dry_run=True)
        assert (one.outcome, state.writes) == ("updated", writes)
        assert '- "title": "X"' in one.difference
        assert '+ "title": "Y"' in one.difference


def test_a_wrong_token_is_refused_without_showing_it() -> None:
    with grafana() as (url, _), pytest.raises(GrafanaError) as caught:
        publish(GrafanaServer(url, "glsa_wrong"), [BOARD])
    assert "401" in str(caught.value)
    assert "glsa_wrong" not in str(caught.value)


def test_a_dead_server_and_a_wrong_address_are_named() -> None:
    with pytest.raises(GrafanaError, match="did not answer"):
        GrafanaServer("http://127.0.0.1:9", "x", timeout_s=1).health()
    with pytest.raises(UsageError, match="an address such as"):
        GrafanaServer("grafana:3000", "x")


def test_health_and_an_answer_without_content_are_read() -> None:
    with grafana() as (url, _):
        server = GrafanaServer(url, TOKEN)
        assert server.health()["database"] == "ok"
        assert server._call(lambda: server._face.dashboard.delete_dashboard("callcause-x")) is None


def test_the_digest_ignores_what_grafana_adds() -> None:
    assert digest(BOARD) == digest({**json.loads(json.dumps(BOARD)), "id": 7, "version": 3, "tags": []})
    assert digest(BOARD) != digest(CHANGED)
