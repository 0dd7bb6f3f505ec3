"""One directory that Grafana reads at its start: data source, folder, boards, contact point.

Mount it at `/etc/grafana/provisioning`. The committed copy is `dashboards/grafana/provisioned`; a test
says that it is what this module writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from collectors.kpi.catalogue import Catalogue
from dashboards.grafana.boards import all_boards
from dashboards.grafana.document import text

COMMITTED = Path(__file__).parent / "provisioned"
MOUNT = "/etc/grafana/provisioning"
FOLDER = "callcause"


def files(catalogue: Catalogue) -> dict[str, str]:
    """Return the text of every file of the directory, by its path below it."""
    found = {f"boards/{board.uid}.json": text(board) for board in all_boards(catalogue)}
    found["dashboards/callcause.yaml"] = _yaml(_provider())
    found["datasources/callcause.yaml"] = _yaml(_source())
    found["alerting/callcause.yaml"] = _yaml(_contact())
    return found


def write(catalogue: Catalogue, folder: Path) -> list[Path]:
    """Write the directory; returns the files that changed."""
    changed = []
    for name, content in files(catalogue).items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            changed.append(path)
    return changed


def differences(catalogue: Catalogue, folder: Path) -> list[str]:
    """Return the files of a directory that are not what the catalogue gives, or that it does not know."""
    wanted = files(catalogue)
    there = {
        str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in folder.rglob("*.*") if p.is_file()
    }
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)


def _provider() -> dict[str, Any]:
    options = {"path": f"{MOUNT}/boards", "foldersFromFilesStructure": False}
    provider = {
        "name": "callcause",
        "orgId": 1,
        "folder": FOLDER,
        "folderUid": FOLDER,
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": True,
        "updateIntervalSeconds": 30,
        "options": options,
    }
    return {"apiVersion": 1, "providers": [provider]}


def _source() -> dict[str, Any]:
    source = {
        "name": "callcause Prometheus",
        "uid": "callcause-prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": "${CALLCAUSE_PROMETHEUS_URL}",
        "isDefault": True,
        "jsonData": {"timeInterval": "60s", "httpMethod": "POST"},
    }
    return {"apiVersion": 1, "datasources": [source]}


def _contact() -> dict[str, Any]:
    receiver = {
        "uid": "callcause",
        "type": "webhook",
        "settings": {
            "url": "${CALLCAUSE_URL}/alertmanager",
            "httpMethod": "POST",
            "authorization_scheme": "Bearer",
            "authorization_credentials": "${CALLCAUSE_TOKEN}",
        },
    }
    return {"apiVersion": 1, "contactPoints": [{"orgId": 1, "name": "callcause", "receivers": [receiver]}]}
