"""A run's own namespaces: network, mounts, processes. What runs inside ends with what made them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab_network import DNS

NEEDED = ("kamailio", "rtpengine", "dnsmasq", "ip", "iptables", "unshare", "mount")
MODULES = ("ims_icscf", "ims_registrar_scscf", "presence", "db_sqlite", "xhttp_prom", "siptrace")


def missing_parts() -> str:
    """Return what this machine lacks to run the lab, "" when it has all."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    lacking = [name for name in NEEDED if shutil.which(name, path=path) is None]
    modules = list(Path("/usr/lib").glob("*/kamailio/modules"))
    lacking += [f"kamailio module {m}" for m in MODULES if not any((f / f"{m}.so").exists() for f in modules)]
    if not lacking and subprocess.run([*_unshare(), "true"], capture_output=True, check=False).returncode:
        lacking.append("the right to make network namespaces")
    return ", ".join(lacking)


def _unshare() -> list[str]:
    mine = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *mine, "--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]


def inside(script: Path, *arguments: str) -> list[str]:
    """Return the command that runs a Python script of this folder in new namespaces."""
    return [*_unshare(), sys.executable, "-u", str(script), *arguments]


def make_private(root: Path) -> None:
    """Give this mount namespace its own resolver and, unless the run lives there, its own /tmp."""
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    resolver = root / "resolv.conf"
    resolver.write_text(f"nameserver {DNS.host}\noptions timeout:1 attempts:1\n")
    hidden = root / "tmp"
    hidden.mkdir(exist_ok=True)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", str(resolver), str(Path("/etc/resolv.conf").resolve())], check=True)
    if not root.resolve().is_relative_to("/tmp"):
        subprocess.run(["mount", "--bind", str(hidden), "/tmp"], check=True)
