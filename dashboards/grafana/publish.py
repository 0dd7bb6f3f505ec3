"""Publishing boards over Grafana's HTTP API: idempotent, and never over what a person changed.

What was published is remembered in a tag of the board, `callcause:<digest>`: when the board's content no
longer has that digest, a person edited it, and it is left alone unless forced. API: Grafana's OpenAPI
document, calls `GET /api/health`, `GET` and `POST /api/folders`, `GET /api/dashboards/uid/{uid}`, `POST
/api/dashboards/db`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException
from grafana_api.grafana_face import GrafanaFace

from callcause_error import CallcauseError, UsageError

FOLDER = "callcause"
TAG = "callcause:"
Outcome = Literal["created", "updated", "unchanged", "edited", "overwritten"]
_NOT_CONTENT = ("id", "version", "tags", "iteration", "schemaVersion")
NOT_FOUND = 404


class GrafanaError(CallcauseError):
    """Grafana refused a call or did not answer; never holds the token."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was, or with a dry run would be, done with a board; `difference` as a unified diff."""

    uid: str
    outcome: Outcome
    difference: str


class GrafanaServer:
    """The calls that publishing needs, over the grafana-api package.

    Its release 1.0.3 cannot read an answer without content (204) and knows no health call: both are dealt
    with here.
    """

    def __init__(self, url: str, token: str, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("an address such as http://grafana:3000 is expected", key="url")
        prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        face = GrafanaFace(
            token,
            host=parts.hostname,
            port=parts.port,
            protocol=parts.scheme,
            url_path_prefix=prefix,
            timeout=timeout_s,
        )
        face.api.s.hooks["response"].append(_content_of_204)
        self._face = face

    def health(self) -> dict[str, Any]:
        """Ask whether Grafana and its database are well."""
        found: dict[str, Any] = self._call(lambda: self._face.api.GET("/health"))
        return found

    def board(self, uid: str) -> dict[str, Any] | None:
        """Return the stored board, None where there is none."""
        answer = self._call(lambda: self._face.dashboard.get_dashboard(uid), missing=True)
        return None if answer is None else dict(answer["dashboard"])

    def save(self, board: Mapping[str, Any], message: str) -> None:
        """Store a board in our folder."""
        body = {"dashboard": dict(board), "folderUid": FOLDER, "overwrite": True, "message": message}
        self._call(lambda: self._face.dashboard.update_dashboard(body))

    def ensure_folder(self) -> None:
        """Make our folder where it is not there."""
        if self._call(lambda: self._face.folder.get_folder(FOLDER), missing=True) is None:
            self._call(lambda: self._face.folder.create_folder(FOLDER, uid=FOLDER))

    def _call(self, work: Any, *, missing: bool = False) -> Any:
        try:
            return work()
        except GrafanaClientError as error:
            if missing and error.status_code == NOT_FOUND:
                return None
            raise GrafanaError(f"Grafana refused: {error.message}", key=str(error.status_code)) from error
        except GrafanaException as error:
            raise GrafanaError(f"Grafana failed: {error.message}", key=str(error.status_code)) from error
        except (requests.RequestException, ValueError) as error:
            raise GrafanaError(f"Grafana did not answer ({type(error).__name__})") from error


def _content_of_204(response: requests.Response, *_: object, **__: object) -> requests.Response:
    if response.status_code == requests.codes.no_content or not response.content:
        response._content = b"null"
    return response


def digest(board: Mapping[str, Any]) -> str:
    """Digest of what a board shows: without its id, version and tags."""
    return hashlib.sha256(_text(board).encode()).hexdigest()[:16]


def publish(
    server: GrafanaServer, boards: Iterable[Mapping[str, Any]], *, force: bool = False, dry_run: bool = False
) -> list[Published]:
    """Bring boards to Grafana; returns what was done with each. With `dry_run` nothing is written."""
    if not dry_run:
        server.ensure_folder()
    return [_publish(server, board, force=force, dry_run=dry_run) for board in boards]


def _publish(server: GrafanaServer, board: Mapping[str, Any], *, force: bool, dry_run: bool) -> Published:
    uid = str(board["uid"])
    there = server.board(uid)
    outcome = _outcome(there, board, force)
    difference = _difference(there or {}, board) if outcome != "unchanged" else ""
    if not dry_run and outcome in ("created", "updated", "overwritten"):
        tags = [*board.get("tags", []), TAG + digest(board)]
        server.save({**board, "tags": tags, "id": None}, f"callcause {digest(board)}")
    return Published(uid, outcome, difference)


def _outcome(there: Mapping[str, Any] | None, board: Mapping[str, Any], force: bool) -> Outcome:
    if there is None:
        return "created"
    if digest(there) == digest(board):
        return "unchanged"
    ours = TAG + digest(there) in there.get("tags", [])
    if ours:
        return "updated"
    return "overwritten" if force else "edited"


def _text(board: Mapping[str, Any]) -> str:
    content = {key: value for key, value in board.items() if key not in _NOT_CONTENT}
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)


def _difference(there: Mapping[str, Any], board: Mapping[str, Any]) -> str:
    """Name the panels that come, go or change; of a board that is there, then tell each line."""
    before, after = _panels(there), _panels(board)
    lines = [f"- panel {title}" for title in before if title not in after]
    lines += [f"+ panel {title}" for title in after if title not in before]
    lines += [f"~ panel {title}" for title in after if before.get(title, after[title]) != after[title]]
    if there:
        was, is_now = (_text(x).splitlines() for x in (there, board))
        lines += difflib.unified_diff(was, is_now, "grafana", "callcause", lineterm="", n=1)
    return "\n".join(lines)


def _panels(board: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what a board shows by title, without where it stands: a panel that only moved did not change."""
    found: dict[str, list[Any]] = {}
    for panel in board.get("panels", []):
        if panel.get("type") != "row":
            shown = {name: value for name, value in panel.items() if name not in ("id", "gridPos")}
            found.setdefault(str(panel.get("title", "")), []).append(shown)
    return found
