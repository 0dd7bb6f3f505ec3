"""Build hook: fetches a pinned npm package and puts some of its files beside the page's own ones.

What is fetched stands in pyproject.toml (`tool.hatch.build.targets.wheel.hooks.custom`): package, version,
integrity as npm writes it (Subresource Integrity, https://www.w3.org/TR/SRI/), folder, and which member
becomes which file. The registry is that of npm's own configuration. Without it the build goes on: the page
then keeps the charts that the server draws. Content with another digest is refused, and the build goes on
without it in the same way; files of another version do not stay either.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REGISTRY = "https://registry.npmjs.org"
TIMEOUT_S = 20
MOST_BYTES = 8 << 20


class NotFetched(Exception):  # noqa: N818 - a state of the build, not an error of it
    """The package is not there or not the pinned one; the text says why."""


class NpmFilesHook(BuildHookInterface[Any]):
    """Hatch calls `initialize` before it builds a wheel, an editable one as well."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the files in place unless those of the pinned version are there."""
        pin = self.config
        folder = Path(self.root) / pin["folder"]
        mark = folder / f"{_last(pin['package'])}.integrity"
        if mark.exists() and mark.read_text(encoding="ascii") == pin["integrity"]:
            return
        try:
            members = fetch(pin["package"], pin["version"], pin["integrity"], pin["files"])
        except NotFetched as why:
            for name in (*pin["files"], mark.name):
                (folder / name).unlink(missing_ok=True)
            self.app.display_warning(f"built without {pin['package']} {pin['version']}: {why}")
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in members.items():
            (folder / name).write_bytes(content)
        mark.write_text(pin["integrity"], encoding="ascii")
        self.app.display_info(f"{pin['package']} {pin['version']} fetched into {pin['folder']}")


def fetch(package: str, version: str, integrity: str, files: dict[str, str]) -> dict[str, bytes]:
    """Return file name -> content for the members that `files` names; NotFetched with the reason."""
    url = f"{registry()}/{package}/-/{_last(package)}-{version}.tgz"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - registry() gives only http(s)
            packed = answer.read(MOST_BYTES)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotFetched(f"the registry did not give it ({error})") from error
    if digest(packed) != integrity:
        raise NotFetched(f"refused, its digest is {digest(packed)} and not the pinned one")
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            return {name: _member(archive, member) for name, member in files.items()}
    except (tarfile.TarError, KeyError) as error:
        raise NotFetched(f"a member is missing ({error})") from error


def _last(package: str) -> str:
    """Return the name of a package without its scope."""
    return package.rsplit("/", 1)[-1]


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found.read()


def digest(content: bytes) -> str:
    """Return the digest as a lock file of npm writes it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def registry() -> str:
    """Return the address of npm's registry: its variable, its configuration, else the public one."""
    told = [os.environ.get(name) for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY")]
    for address in (*told, _configured() if not any(told) else None, REGISTRY):
        if address and urlsplit(address).scheme in ("http", "https"):
            return address.rstrip("/")
    return REGISTRY


def _configured() -> str | None:
    npm = shutil.which("npm")
    if npm is None:
        return None
    try:
        asked = subprocess.run(  # noqa: S603 - the npm that is on the path, no input
            [npm, "config", "get", "registry"], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()
