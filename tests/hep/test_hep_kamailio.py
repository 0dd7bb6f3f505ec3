"""A real Kamailio reports what it sees: its HEP is read as it is."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ims_network import IMSI_A, impu
from loopback import free_port
from presence import absent
from test_hep_listener import HeldRows, running, until

from collectors.hep.listener import HepListener
from collectors.hep.settings import HepSettings
from collectors.signalling.settings import NodeSetting, SignallingSettings

CONFIG = """#!KAMAILIO
debug=1
log_stderror=yes
children=1
listen=udp:127.0.0.1:{port}
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "siptrace.so"
modparam("siptrace", "duplicate_uri", "sip:127.0.0.1:{hep_port}")
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", {version})
modparam("siptrace", "hep_capture_id", 2001)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_mode", 1)
request_route {{
    sl_send_reply("500", "UAR failed");
}}
"""
REGISTER = (
    "REGISTER sip:ims.example SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKreal1\r\n"
    "From: <{impu}>;tag=f\r\nTo: <{impu}>\r\nCall-ID: real@ue\r\nCSeq: 1 REGISTER\r\n"
    "Max-Forwards: 70\r\nContact: <sip:ue@{address}>\r\nContent-Length: 0\r\n\r\n"
)


@contextmanager
def kamailio(folder: Path, port: int, hep_port: int, version: int) -> Iterator[None]:
    if shutil.which("kamailio") is None:
        absent("kamailio is not installed")
    config = folder / "kamailio.cfg"
    config.write_text(CONFIG.format(port=port, hep_port=hep_port, version=version), "utf-8")
    command = ["kamailio", "-f", str(config), "-DD", "-E", "-Y", str(folder), "-m", "32", "-M", "4"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.terminate()


def ask(port: int) -> bytes:
    """Register as a phone does: again and again until an answer comes (RFC 3261 17.1.2.2)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.5)
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        for _ in range(240):
            sock.sendto(REGISTER.format(address=address, impu=impu(IMSI_A)).encode(), ("127.0.0.1", port))
            try:
                return sock.recv(65_535)
            except OSError:
                continue
    raise AssertionError("Kamailio does not answer")


def test_a_registration_that_a_real_server_refuses_is_told(tmp_path: Path) -> None:
    async def play(version: int, folder: Path) -> None:
        folder.mkdir()
        port, sink = free_port(socket.SOCK_DGRAM), HeldRows()
        node = NodeSetting(name="pcscf1.ims.example", type="pcscf", addresses=(f"127.0.0.1:{port}",))
        signalling = SignallingSettings(nodes=(node,), settle_s=0.2)
        made = HepListener(HepSettings(name="lab", udp_port=0, tell_s=0.05, signalling=signalling))
        async with running(made, sink):
            assert made.udp_address is not None
            with kamailio(folder, port, made.udp_address[1], version):
                answer = await asyncio.to_thread(ask, port)
                assert answer.startswith(b"SIP/2.0 500")
                await until(lambda: sink.height("registration") == 1)
        row = next(frame for kind, frame in sink.frames if kind == "registration").row(0, named=True)
        assert (row["final_status"], row["reason_text"]) == (500, "UAR failed")
        assert (row["first_error_node"], row["pcscf_name"]) == ("pcscf", "pcscf1.ims.example")
        rungs = next(frame for kind, frame in sink.frames if kind == "hop")
        assert rungs["from_type"].to_list() == ["ue", "pcscf"]
        assert set(made.sources) == {"2001"}
        assert made.counts["malformed"] == made.counts["bad_payload"] == 0

    for version in (3, 2):
        asyncio.run(play(version, tmp_path / str(version)))
