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
from dashboards.grafana.spec import Panel
from runbooks.loader import load_runbooks

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
    assert any(url.endswith("/ui/cells/${__field.labels.entity}?at=${__value.time}") for url in urls)
    assert any("/ui/tickets/${__data.fields.ticket}" in url for url in urls)
    assert all(url.startswith("${web}/ui/") for url in urls)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_link_asks_for_what_its_kind_of_panel_knows(name: str) -> None:
    """In a table labels are columns; the value of a single number has no time."""
    for board, panel in zip(_specs(name), panels(name), strict=True):
        for link in panel["fieldConfig"]["defaults"].get("links", []):
            asked = re.findall(r"__(?:field\.labels|data\.fields)\.(\w+)", link["url"])
            told = {
                label for query in board.queries for label in re.findall(r"\w+", _labels_left(query.expr))
            }
            assert set(asked) <= told, (panel["title"], asked, told)
            assert ("__field.labels." not in link["url"]) or panel["type"] != "table", panel["title"]
            assert ("__value.time" not in link["url"]) or panel["type"] == "timeseries", panel["title"]


def _specs(name: str) -> list[Panel]:
    return [panel for row in BOARDS[name].rows for panel in row.panels]


def _labels_left(expr: str) -> str:
    """Labels that the answer to a query has: those it sums by, else those of its family."""
    summed = re.search(r"\bby \(([^)]*)\)", expr)
    if summed:
        return summed[1]
    family = next(name for name in re.findall(r"callcause_[a-z0-9_]+", expr) if name in FAMILIES)
    return " ".join(FAMILIES[family].labels)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_panel_says_what_it_counts_in_both_languages_with_a_unit_and_a_legend(name: str) -> None:
    for panel in panels(name):
        english, _, chinese = panel["description"].partition("\n\n")
        assert re.search("[a-z]{3}", english), panel["title"]
        assert re.search("[\u4e00-\u9fff]", chinese), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        if panel["type"] in ("timeseries", "bargauge"):
            assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_legend_of_ids_is_shown_in_words(name: str) -> None:
    known = {"{{kpi}}": set(CATALOGUE.ids()), "{{cause}}": set(load_runbooks().causes)}
    for panel in panels(name):
        legends = {target.get("legendFormat") for target in panel["targets"]}
        for legend in legends & set(known):
            said = {
                one["matcher"]["options"]: one["properties"][0]["value"]
                for one in panel["fieldConfig"]["overrides"]
            }
            assert said, panel["title"]
            assert set(said) <= known[legend], panel["title"]
            assert all(re.search(" · .*[\u4e00-\u9fff]", words) for words in said.values())


def test_a_table_hides_what_prometheus_adds_to_every_series() -> None:
    [table] = [panel for panel in panels("tickets") if panel["type"] == "table"]
    hidden = table["transformations"][0]["options"]["excludeByName"]
    assert hidden == dict.fromkeys(("Time", "Value", "__name__", "instance", "job"), True)


def test_the_board_of_one_cell_leads_to_its_page_at_the_time_it_shows() -> None:
    urls = [link.get("url") for link in document(BOARDS["cell"])["links"]]
    assert "${web}/ui/cells/$cell?at=${__to}" in urls


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


def test_a_dry_run_lists_the_panels_of_a_new_board_and_names_those_that_come_go_or_change() -> None:
    several = {**BOARD, "panels": [{"id": n, "title": title} for n, title in enumerate("pqr", 1)]}
    other = {
        **BOARD,
        "panels": [{"id": 1, "title": "p"}, {"id": 2, "title": "q", "x": 1}, {"id": 3, "title": "s"}],
    }
    with grafana() as (url, _):
        [new] = publish(GrafanaServer(url, TOKEN), [several], dry_run=True)
        assert new.difference.splitlines() == ["+ panel p", "+ panel q", "+ panel r"]
        outcomes(url, several)
        [changed] = publish(GrafanaServer(url, TOKEN), [other], dry_run=True)
        assert changed.difference.splitlines()[:3] == ["- panel r", "+ panel s", "~ panel q"]
        assert '+   "x": 1' in changed.difference


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
