"""Starts and stops the parts of one lab run. Runs inside the run's own namespaces, see `lab_namespace`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab_network import CSCFS, DNS, DOMAIN, HEP_PORT, HSS, ICSCF, NODES, PCSCF, RELAY, WATCHER, Node, Plan

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "config"
PATIENCE_S = (4.0, 8.0, 16.0, 32.0)
"""With a CSCF that starts, before it is started anew."""


class LabError(Exception):
    """A part of the lab did not start or did not answer."""


def wait_for(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until a condition holds; LabError names what was waited for."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise LabError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def _filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


class Core:
    """The processes of a run: DNS, HSS, four CSCFs, media relay."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    # --- start

    def start(self) -> None:
        """Start everything and wait until a phone could register."""
        for folder in ("run", "log"):
            (self.plan.root / folder).mkdir(parents=True, exist_ok=True)
        self._addresses()
        self.start_dns()
        self.start_hss()
        self.start_relay()
        self._icscf_tables()
        self.parts_listen()
        for node in CSCFS:
            self.start_cscf(node)
        self.ready()

    def parts_listen(self) -> None:
        """Wait until the HSS and the media relay take connections."""
        wait_for(lambda: self._listens(HSS.host, HSS.port), 60, "the HSS listens")
        wait_for(lambda: self._listens(RELAY.host, RELAY.metrics_port), 60, "the media relay answers")

    def ready(self) -> None:
        """Wait until every CSCF answers and has its Diameter peer."""
        for node in CSCFS:
            self._bring_up(node)

    def _bring_up(self, node: Node) -> None:
        """Wait for a CSCF, and start it anew where its Diameter module hung itself up while it started.

        cdp of Kamailio 5.6 frees a peer twice where a connection comes while another one is being made.
        """
        for time_s in PATIENCE_S:
            try:
                wait_for(lambda: self.answers(node), time_s, f"{node.node_id} answers")
                if node is not PCSCF:
                    wait_for(lambda: self.has_peer(node), 2 * time_s, f"{node.node_id} has its HSS")
                return
            except LabError:
                if time_s == PATIENCE_S[-1]:
                    raise
                self.kill(node.node_id)
                self.start_cscf(node)

    def _addresses(self) -> None:
        hosts = [*(n.host for n in NODES), WATCHER, *(s.host for s in self.plan.subscribers)]
        lines = "".join(f"address replace {host}/32 dev lo\n" for host in hosts)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["ip", "-batch", "-"], input=lines.encode(), check=True)

    def start_dns(self, records: bool = True) -> None:
        """Start dnsmasq, with or without the records of the home domain."""
        home = [
            f"--srv-host=_sip._udp.{DOMAIN},{ICSCF.name},{ICSCF.port}",
            f"--host-record={DOMAIN},{ICSCF.host}",
        ]
        hosts = [f"--host-record={node.name},{node.host}" for node in NODES]
        arguments = [*(home if records else []), *(hosts if records else [])]
        self._run(
            "dns",
            "dnsmasq",
            *("--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file="),
            *("--user=root", "--bind-interfaces", f"--listen-address={DNS.host}", "--except-interface=none"),
            *arguments,
        )
        wait_for(self._dns_answers, 60, "DNS answers")

    def _dns_answers(self) -> bool:
        """Ask for the root's name servers: any answer will do."""
        question = b"\x00\x01\x01\x00\x00\x01" + bytes(6) + b"\x00\x00\x02\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker, contextlib.suppress(OSError):
            asker.settimeout(0.1)
            asker.connect((DNS.host, DNS.port))
            asker.send(question)
            return bool(asker.recv(512))
        return False

    def start_hss(self) -> None:
        """Start the HSS."""
        self._run("hss", sys.executable, str(HERE / "lab_hss.py"), str(self.plan.root))

    def start_relay(self) -> None:
        """Start the media relay."""
        self._run(
            "rtpengine",
            "rtpengine",
            *("--config-file=none", "--foreground", "--log-stderr", "--log-level=4", "--table=-1"),
            *(f"--interface={RELAY.host}", f"--listen-ng={RELAY.host}:{RELAY.port}"),
            *(f"--listen-http={RELAY.host}:{RELAY.metrics_port}", "--port-min=30000", "--port-max=31000"),
            *(f"--homer={WATCHER}:{HEP_PORT}", "--homer-protocol=udp", f"--homer-id={RELAY.capture_id}"),
            *("--num-threads=2", "--timeout=20", "--delete-delay=0"),
        )

    def start_cscf(self, node: Node) -> None:
        """Write a CSCF's configuration and start it."""
        values = self._values(node)
        run = self.plan.root / "run"
        body = (CONFIG / "common.cfg").read_text() + (CONFIG / f"{node.node_type}.cfg").read_text()
        configuration = run / f"{node.node_id}.cfg"
        configuration.write_text(_filled(body, values))
        (run / f"{node.node_id}.diameter.xml").write_text(
            _filled((CONFIG / "diameter.xml").read_text(), values)
        )
        work = run / node.node_id
        work.mkdir(exist_ok=True)
        arguments = (
            "-DD",
            "-E",
            "-f",
            str(configuration),
            "-Y",
            str(work),
            "-w",
            str(work),
            "-m",
            "48",
            "-M",
            "8",
        )
        self._run(node.node_id, "kamailio", *arguments)

    def _values(self, node: Node) -> dict[str, str]:
        timers = self.plan.timers
        waits = {"pcscf": timers.pcscf_s, "icscf": timers.icscf_s, "scscf": timers.scscf_s}
        return {
            "NODE_ID": node.node_id,
            "NAME": node.name,
            "HOST": node.host,
            "METRICS_PORT": str(node.metrics_port),
            "CAPTURE_ID": str(node.capture_id),
            "DOMAIN": DOMAIN,
            "WATCHER": f"{WATCHER}:{HEP_PORT}",
            "RELAY": f"{RELAY.host}:{RELAY.port}",
            "HSS_NAME": HSS.name,
            "RUN": str(self.plan.root / "run"),
            "FR_MS": str(int(waits[node.node_type] * 1000)),
            "DIAMETER_S": str(int(timers.diameter_s)),
            "DELAY_US": "20000000",
            "DEBUG": os.environ.get("LAB_DEBUG", "1"),
        }

    def _icscf_tables(self) -> None:
        path = self.plan.root / "run" / "icscf.sqlite"
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as tables:
            tables.executescript(
                "CREATE TABLE nds_trusted_domains (id INTEGER PRIMARY KEY, trusted_domain TEXT);"
                "CREATE TABLE s_cscf (id INTEGER PRIMARY KEY, name TEXT, s_cscf_uri TEXT);"
                "CREATE TABLE s_cscf_capabilities (id INTEGER PRIMARY KEY, id_s_cscf INTEGER,"
                " capability INTEGER);"
            )
            tables.execute("INSERT INTO nds_trusted_domains VALUES (1, ?)", (DOMAIN,))
            for number, node in enumerate((n for n in CSCFS if n.node_type == "scscf"), 1):
                row = (number, node.node_id, f"sip:{node.name}:{node.port}")
                tables.execute("INSERT INTO s_cscf VALUES (?, ?, ?)", row)
                tables.execute("INSERT INTO s_cscf_capabilities VALUES (?, ?, ?)", (number, number, 0))
            tables.commit()

    def _run(self, name: str, *command: str) -> None:
        with self.plan.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    # --- ask and order

    def rpc(self, node: Node, method: str, *parameters: Any, patience_s: float = 30.0) -> Any:
        """Call a CSCF's JSON-RPC over its datagram socket."""
        mine = self.plan.socket(f"asker-{os.getpid()}-{node.node_id}")
        mine.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asker:
            asker.bind(str(mine))
            asker.settimeout(patience_s)
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
            asker.sendto(json.dumps(request).encode(), str(self.plan.socket(node.node_id)))
            answer = json.loads(asker.recv(1 << 20))
        mine.unlink(missing_ok=True)
        if "error" in answer:
            raise LabError(f"{node.node_id} {method}: {answer['error']}")
        return answer["result"]

    def answers(self, node: Node) -> bool:
        """Tell whether a CSCF answers its control socket."""
        try:
            self.rpc(node, "core.uptime", patience_s=2.0)
        except (OSError, LabError):
            return False
        return True

    def has_peer(self, node: Node) -> bool:
        """Tell whether a CSCF has an open Diameter connection to the HSS."""
        try:
            listed = self.rpc(node, "cdp.list_peers", patience_s=2.0)
        except (OSError, LabError):
            return False
        return "Open" in json.dumps(listed)

    def order_hss(self, order: dict[str, Any]) -> None:
        """Give the HSS an order over its control socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
            asker.settimeout(30)
            asker.connect(str(self.plan.socket("hss")))
            asker.sendall(json.dumps(order).encode() + b"\n")
            asker.recv(64)

    def _listens(self, host: str, port: int) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asker:
            asker.settimeout(0.2)
            return asker.connect_ex((host, port)) == 0

    # --- stop

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a part and all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.processes[name].pid, how)
        if how is signal.SIGKILL:
            self.processes[name].wait(timeout=60)

    def running(self, name: str) -> bool:
        """Tell whether a part's main process lives."""
        return self.processes[name].poll() is None

    def stop(self) -> None:
        """Stop everything that runs."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
