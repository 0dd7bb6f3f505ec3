"""Who may ask: tokens, client certificates, roles, rate; over real sockets and real TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import Depends, FastAPI
from pydantic import ValidationError

from callcause.service.authentication import Authentication, Principal, requires
from callcause.service.limits import RateLimit
from callcause.service.problem import add_handlers
from callcause.service.server import make_server, open_socket
from callcause.service.settings import Role, ServiceSettings

Ask = Callable[[httpx.AsyncClient], Awaitable[None]]


def answered(settings: ServiceSettings, ask: Ask, **client: Any) -> None:
    """Serve two routes with these settings, and ask."""
    application = FastAPI()
    application.state.authentication = Authentication(settings)
    add_handlers(application)

    @application.get("/look")
    async def look(who: Annotated[Principal, Depends(requires(Role.viewer))]) -> dict[str, str]:
        return {"name": who.name, "role": who.role}

    @application.get("/approve")
    async def approve(who: Annotated[Principal, Depends(requires(Role.approver))]) -> dict[str, str]:
        return {"name": who.name}

    application.add_middleware(RateLimit, per_minute=settings.requests_per_minute, free=frozenset({"/free"}))
    asyncio.run(_serve(application, settings, ask, client))


async def _serve(application: FastAPI, settings: ServiceSettings, ask: Ask, client: dict[str, Any]) -> None:
    listening = open_socket(settings)
    server = make_server(application, settings)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    scheme, port = ("https" if settings.tls else "http"), listening.getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"{scheme}://127.0.0.1:{port}", timeout=240, **client) as asker:
            await ask(asker)
    finally:
        server.stop()
        await serving
        listening.close()


def test_an_answer_is_sent_at_once_and_not_with_the_next_one() -> None:
    """Nagle's algorithm would hold the second part of an answer until the client acknowledged the first."""

    async def accepted() -> int:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def on_connect(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            mine = writer.get_extra_info("socket")
            told.set_result(mine.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with open_socket(ServiceSettings.model_validate({"host": "127.0.0.1", "port": 0})) as listening:
            async with await asyncio.start_server(on_connect, sock=listening):
                _, writer = await asyncio.open_connection(*listening.getsockname())
                no_delay = await told
                writer.close()
        return no_delay

    assert asyncio.run(accepted())


def test_a_token_is_needed_known_and_its_role_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEING", "token-of-the-viewer")
    monkeypatch.setenv("APPROVING", "token-of-the-approver")
    settings = ServiceSettings.model_validate(
        {
            "host": "127.0.0.1",
            "port": 0,
            "tokens": [
                {"name": "board", "secret": {"env": "SEEING"}},
                {"name": "boss", "role": "approver", "secret": {"env": "APPROVING"}},
            ],
        }
    )

    async def ask(client: httpx.AsyncClient) -> None:
        nobody = await client.get("/look")
        assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, 'Bearer realm="callcause"')
        for wrong in ("Bearer", "Bearer no", "Basic dG9rZW4=", "Bearer token-of-the-viewer2"):
            assert (await client.get("/look", headers={"Authorization": wrong})).status_code == 401
        viewer = {"Authorization": "bearer token-of-the-viewer"}
        assert (await client.get("/look", headers=viewer)).json() == {"name": "board", "role": "viewer"}
        refused = await client.get("/approve", headers=viewer)
        assert (refused.status_code, refused.json()["detail"]) == (403, "the role approver is needed")
        boss = {"Authorization": "Bearer token-of-the-approver"}
        assert (await client.get("/approve", headers=boss)).status_code == 200

    answered(settings, ask)


def test_on_loopback_without_tokens_everybody_here_has_the_local_role() -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.get("/look")).json() == {"name": "local", "role": "engineer"}
        assert (await client.get("/approve")).status_code == 403

    answered(ServiceSettings(port=0, local_role=Role.engineer), ask)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "callcause.example.net", ""])
def test_an_open_door_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="nobody is asked who they are"):
        ServiceSettings(host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert ServiceSettings(host=host).loopback


def test_too_many_requests_are_refused_until_time_has_passed() -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        answers = [(await client.get("/look")) for _ in range(12)]
        codes = [answer.status_code for answer in answers]
        assert codes[:10] == [200] * 10
        assert 429 in codes[10:]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await client.get("/free")).status_code == 404  # probes are not counted

    answered(ServiceSettings(port=0, requests_per_minute=60), ask)


class Authority:
    """A small certificate authority of the test."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name(name)
        self._certificate = self._sign(self._key.public_key(), self._subject, ca=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(_pem(self._certificate))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key files."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(_pem(self._sign(key.public_key(), _name(name), ca=False)))
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return certificate, secret

    def _sign(self, key: Any, subject: x509.Name, *, ca: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def test_a_client_certificate_says_who_asks(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    certificate, key = ours.issue("callcause")
    settings = ServiceSettings.model_validate(
        {
            "host": "127.0.0.1",
            "port": 0,
            "tls": {
                "certificate": certificate,
                "key": key,
                "client_ca": ours.path,
                "clients": [{"common_name": "alertmanager", "role": "approver"}],
            },
        }
    )

    def trusting(*shown: Path) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(ours.path))
        if shown:
            context.load_cert_chain(*shown)
        return context

    async def known(client: httpx.AsyncClient) -> None:
        assert (await client.get("/approve")).json() == {"name": "alertmanager"}

    async def unlisted(client: httpx.AsyncClient) -> None:
        assert (await client.get("/look")).json() == {"name": "somebody", "role": "viewer"}
        assert (await client.get("/approve")).status_code == 403

    async def without(client: httpx.AsyncClient) -> None:
        assert (await client.get("/look")).status_code == 401

    async def foreign(client: httpx.AsyncClient) -> None:
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            await client.get("/look")

    answered(settings, known, verify=trusting(*ours.issue("alertmanager")))
    answered(settings, unlisted, verify=trusting(*ours.issue("somebody")))
    answered(settings, without, verify=trusting())
    answered(settings, foreign, verify=trusting(*theirs.issue("alertmanager")))
