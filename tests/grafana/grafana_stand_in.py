"""A small server with the calls of Grafana's OpenAPI document that publishing uses, and its status codes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_test"


class State:
    """What the server holds."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.writes = 0


def handler(state: State) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, content: object = None) -> None:
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def allowed(self) -> bool:
            if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                return True
            self.answer(401, {"message": "Invalid API key"})
            return False

        def do_GET(self) -> None:
            if self.path == "/grafana/api/health":
                return self.answer(200, {"commit": "x", "database": "ok", "version": "11.6.0"})
            if not self.allowed():
                return None
            kind, _, uid = self.path.removeprefix("/grafana/api/").rpartition("/")
            if kind == "folders" and uid in state.folders:
                return self.answer(200, state.folders[uid])
            if kind == "dashboards/uid" and uid in state.boards:
                return self.answer(200, {"meta": {"slug": uid}, "dashboard": state.boards[uid]})
            return self.answer(404, {"message": "not found"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.allowed():
                return None
            state.writes += 1
            if self.path == "/grafana/api/folders":
                state.folders[body["uid"]] = {"id": 1, "uid": body["uid"], "title": body["title"]}
                return self.answer(200, state.folders[body["uid"]])
            if self.path != "/grafana/api/dashboards/db" or body["folderUid"] not in state.folders:
                return self.answer(400, {"message": "folder not found"})
            board = body["dashboard"]
            version = state.boards.get(board["uid"], {}).get("version", 0) + 1
            # Grafana gives a board its own id and version.
            state.boards[board["uid"]] = {**board, "id": len(state.boards) + 1, "version": version}
            return self.answer(200, {"status": "success", "uid": board["uid"], "version": version})

        def do_DELETE(self) -> None:
            self.answer(204)

        def log_message(self, *_: object) -> None:
            return

    return Handler


@contextmanager
def grafana() -> Iterator[tuple[str, State]]:
    state = State()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(state))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/grafana", state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
