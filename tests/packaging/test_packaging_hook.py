"""The build hook that fetches the chart library: real builds of a small project, a registry of our own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import threading
import tomllib
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha512
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JS, LICENSE = b"var chart=1;", b"MIT, the text of it"
OFFLINE = "http://127.0.0.1:9"


def packed(**members: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for name, content in {"dist/chart.min.js": JS, "LICENSE": LICENSE, **members}.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return held.getvalue()


RIGHT = packed()


def integrity(content: bytes) -> str:
    return "sha512-" + b64encode(sha512(content).digest()).decode()


class Registry(ThreadingHTTPServer):
    """An npm registry that knows one tarball, at the path where npm has it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.content, self.paths = content, list[str]()


class _Asked(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        known = self.path == "/npm/@us/chart/-/chart-2.0.0.tgz"
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(self.server.content if known else b"")

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def registry(content: bytes) -> Iterator[Registry]:
    server = Registry(content)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def address(server: Registry) -> str:
    return f"http://127.0.0.1:{server.server_port}/npm/"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with our hook and the settings of ours, but another package."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page/__init__.py").write_text("")
    (tmp_path / ".gitignore").write_text("/page/vendor/\n")
    (tmp_path / "hatch_build.py").write_text((ROOT / "hatch_build.py").read_text(encoding="utf-8"))
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "page"\nversion = "1"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["page"]\nartifacts = ["page/vendor/*"]\n'
        "[tool.hatch.build.targets.wheel.hooks.custom]\n"
        'package = "@us/chart"\nversion = "2.0.0"\nfolder = "page/vendor"\n'
        f'integrity = "{integrity(RIGHT)}"\n'
        '[tool.hatch.build.targets.wheel.hooks.custom.files]\n"chart.min.js" = "package/dist/chart.min.js"\n'
        '"chart.LICENSE.txt" = "package/LICENSE"\n'
    )
    return tmp_path


def build(project: Path, url: str, kind: str = "wheel", variable: str = "npm_config_registry") -> str:
    """Build, and return what the build said."""
    env = {k: v for k, v in os.environ.items() if k.lower() != "npm_config_registry"}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", "made"],
        cwd=project, env={**env, variable: url}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def in_wheel(project: Path) -> dict[str, bytes]:
    [wheel] = (project / "made").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {n: archive.read(n) for n in archive.namelist() if n.startswith("page/vendor/")}


def test_the_pinned_files_and_their_license_are_in_the_wheel(project: Path) -> None:
    with registry(RIGHT) as server:
        assert "fetched into page/vendor" in build(project, address(server))
    found = in_wheel(project)
    assert found["page/vendor/chart.min.js"] == JS
    assert found["page/vendor/chart.LICENSE.txt"] == LICENSE


def test_an_editable_install_has_the_files_too_and_a_second_build_fetches_nothing(project: Path) -> None:
    with registry(RIGHT) as server:
        build(project, address(server), "wheel:editable", "NPM_CONFIG_REGISTRY")
        assert (project / "page/vendor/chart.min.js").read_bytes() == JS
        build(project, address(server))
        assert len(server.paths) == 1
    assert in_wheel(project)["page/vendor/chart.min.js"] == JS


def test_content_with_another_digest_is_refused_and_the_build_goes_on(project: Path) -> None:
    with registry(packed(**{"dist/chart.min.js": b"steal()"})) as server:
        told = build(project, address(server))
    assert "refused, its digest is sha512-" in told
    assert in_wheel(project) == {}


def test_without_a_registry_the_build_goes_on_and_says_so(project: Path) -> None:
    assert "built without @us/chart 2.0.0: the registry did not give it" in build(project, OFFLINE)
    assert in_wheel(project) == {}


def test_files_of_another_version_do_not_stay_when_the_new_one_is_not_there(project: Path) -> None:
    with registry(RIGHT) as server:
        build(project, address(server))
    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace(integrity(RIGHT), integrity(b"newer")))
    build(project, OFFLINE)
    assert in_wheel(project) == {}


def test_our_pin_is_whole_and_its_files_are_never_committed() -> None:
    build_settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    pin = build_settings["targets"]["wheel"]["hooks"]["custom"]
    assert pin["integrity"].startswith("sha512-")
    assert {"uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE.txt"} == set(pin["files"])
    assert build_settings["targets"]["wheel"]["artifacts"] == [f"{pin['folder']}/*"]
    assert f"/{pin['folder']}/" in (ROOT / ".gitignore").read_text().splitlines()
