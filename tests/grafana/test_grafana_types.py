"""The committed boards against Grafana's own types: npm's @grafana/schema of the release line, by tsc."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from presence import absent

from dashboards.grafana.provisioning import COMMITTED

HERE = Path(__file__).parent
TSC, SCHEMA = HERE / "node_modules/typescript/bin/tsc", HERE / "node_modules/@grafana/schema"
BOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (COMMITTED / "boards").glob("*.json")
}
PANELS = {"timeseries": "TimeSeries", "stat": "Stat", "table": "Table", "bargauge": "BarGauge"}
"""Panel types, as the files of their options are named."""
PLAIN = """
// Text stands for a member of a text enumeration of the schema, a number for one of a number enumeration.
type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : unknown extends T ? T : T extends (infer U)[] ? Plain<U>[] : { [K in keyof T]: Plain<T[K]> };
// What the Prometheus plugin adds to an annotation; it is not part of the package.
type Query = DataQuery & { expr: string };
type Event = Plain<AnnotationQuery<Query>> & { titleFormat: string; textFormat: string };
type Board = Omit<Plain<Dashboard>, 'annotations'> & { annotations: { list: Event[] } };
"""


@pytest.fixture(scope="module")
def _installed() -> None:
    if shutil.which("node") is None or not TSC.exists() or not SCHEMA.exists():
        absent("no node, or not installed: npm ci --ignore-scripts in tests/grafana")


def program(boards: Mapping[str, Any]) -> str:
    """A program that assigns every board, and the options and fields of every panel, to their types."""
    lines = ["import type { AnnotationQuery, Dashboard, DataQuery } from '@grafana/schema';"]
    for type_, name in PANELS.items():
        path = f"@grafana/schema/dist/esm/raw/composable/{type_}/panelcfg/x/{name}PanelCfg_types.gen.d.ts"
        lines.append(f"import type * as {type_} from '{path}';")
    lines.append(PLAIN)
    for number, board in enumerate(boards.values()):
        lines.append(f"export const board{number}: Board = {json.dumps(board, ensure_ascii=False)};")
        lines += [_panel(f"panel{number}_{panel['id']}", panel) for panel in board["panels"]]
    return "\n".join(lines) + "\n"


def fields_of(panel: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = panel.get("fieldConfig", {}).get("defaults", {})
    return found


def _panel(name: str, panel: Mapping[str, Any]) -> str:
    if panel["type"] == "row":
        return ""
    options = json.dumps(panel.get("options", {}), ensure_ascii=False)
    custom = json.dumps(fields_of(panel).get("custom", {}), ensure_ascii=False)
    made = f"export const {name}: Plain<Partial<{panel['type']}.Options>> = {options};"
    if panel["type"] in ("timeseries", "table"):
        made += f"\nexport const {name}_custom: Plain<Partial<{panel['type']}.FieldConfig>> = {custom};"
    return made


def checked(folder: Path, boards: Mapping[str, Any]) -> str:
    """What tsc says about them; nothing where all is well."""
    (folder / "boards.ts").write_text(program(boards), encoding="utf-8")
    (folder / "node_modules").symlink_to(HERE / "node_modules", target_is_directory=True)
    options = {
        "strict": True, "noEmit": True, "skipLibCheck": True, "types": [], "target": "es2022",
        "module": "esnext", "moduleResolution": "bundler",
        "preserveSymlinks": True,
    }  # fmt: skip
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["boards.ts"]}))
    done = subprocess.run(
        ["node", str(TSC), "-p", str(folder), "--pretty", "false"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (done.returncode == 0) == (done.stdout.strip() == ""), done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("_installed")
def test_every_committed_board_fits_the_types_of_grafana(tmp_path: Path) -> None:
    assert len(BOARDS) > 10
    assert checked(tmp_path, BOARDS)[:3000] == ""


@pytest.mark.usefixtures("_installed")
def test_a_board_with_wrong_values_is_told(tmp_path: Path) -> None:
    board = json.loads(json.dumps(BOARDS["callcause-drop"]))
    drawn = next(panel for panel in board["panels"] if "thresholds" in fields_of(panel))
    drawn["gridPos"]["w"] = "wide"
    drawn["fieldConfig"]["defaults"]["thresholds"]["mode"] = "absolutely"
    drawn["options"] = {"legend": {"displayMode": "listed"}}
    board["templating"]["list"][0]["hide"] = 7
    told = checked(tmp_path, {"callcause-drop": board})
    for wrong in ('"absolutely"', "'string' is not assignable to type 'number'", "'7'", '"listed"'):
        assert wrong in told, told
