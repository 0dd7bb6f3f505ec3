"""How to speak to an agent: address, version, credentials."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from collectors.errors import SourceError
from collectors.secret import Secret

Authentication = Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
Privacy = Literal["des", "aes128", "aes192", "aes256"]


class V3User(BaseModel):
    """A user of SNMPv3 (RFC 3414): noAuthNoPriv, authNoPriv or authPriv by what is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=32)
    authentication: Authentication = "sha256"
    authentication_key: Secret | None = None
    privacy: Privacy = "aes128"
    privacy_key: Secret | None = None
    engine_ids: tuple[str, ...] = Field(
        default=(), description="engine ids of the senders whose traps this user signs, in hex"
    )

    @model_validator(mode="after")
    def _level(self) -> V3User:
        if self.privacy_key is not None and self.authentication_key is None:
            raise ValueError("privacy needs authentication: give authentication_key too")
        for engine_id in self.engine_ids:
            if not 5 <= len(bytes.fromhex(engine_id.removeprefix("0x"))) <= 32:
                raise ValueError(f"{engine_id!r} is no engine id of 5 to 32 octets in hex")
        return self


class Agent(BaseModel):
    """One agent: v2c with a community, or v3 with a user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1)
    port: int = Field(default=161, ge=1, le=65535)
    community: Secret | None = None
    user: V3User | None = None
    timeout_s: float = Field(default=2.0, gt=0)
    retries: int = Field(default=1, ge=0, le=10)
    max_repetitions: int = Field(default=25, ge=1, le=500)

    @model_validator(mode="after")
    def _one_version(self) -> Agent:
        if (self.community is None) == (self.user is None):
            raise ValueError("give either community (v2c) or user (v3)")
        return self


async def address(agent: Agent, place: str) -> str:
    """Resolve the host to a numeric address; SourceError where there is none."""
    try:
        return str(ipaddress.ip_address(agent.host))
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(agent.host, agent.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise SourceError("unreachable", "its host name has no address", file=place) from error
    return str(found[0][4][0])
