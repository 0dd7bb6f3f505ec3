"""`callcause dashboards`: build, check and publish boards and rules."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from callcause_error import UsageError
from collectors.kpi.catalogue import load_catalogue
from dashboards.alerting.alertmanager import alertmanager_config
from dashboards.alerting.rules import rule_file
from dashboards.grafana import provisioning
from dashboards.grafana.boards import all_boards
from dashboards.grafana.document import document
from dashboards.grafana.publish import GrafanaServer, publish


def build(folder: Path) -> int:
    """Write the provisioning directory; returns the number of files that changed."""
    return len(provisioning.write(load_catalogue(), folder))


def check(folder: Path) -> list[str]:
    """Return the files of a provisioning directory that differ from the catalogue."""
    return provisioning.differences(load_catalogue(), folder)


def rules(folder: Path, web: str, token_file: str | None) -> list[Path]:
    """Write the Prometheus rules and the Alertmanager configuration into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "callcause.rules.yaml": rule_file(load_catalogue(), web),
        "alertmanager.yaml": alertmanager_config(web, token_file),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def send(url: str, token_env: str, web: str, *, force: bool, dry_run: bool, out: Console) -> bool:
    """Publish every board; prints a line for each, with a dry run the difference too.

    Returns whether all of them are now as built (an edited board that was left alone is not).
    """
    token = os.environ.get(token_env, "")
    if not token:
        raise UsageError("the token of Grafana is not set", key=token_env)
    server = GrafanaServer(url, token)
    server.health()
    boards = [document(board, web) for board in all_boards(load_catalogue())]
    done = publish(server, boards, force=force, dry_run=dry_run)
    for one in done:
        out.print(f"{one.outcome:<12}{one.uid}", highlight=False)
        if dry_run and one.difference:
            out.print(one.difference, highlight=False, markup=False)
    return all(one.outcome != "edited" for one in done)
