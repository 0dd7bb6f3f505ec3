"""Settings of `[[collect.hep]]`."""

from __future__ import annotations

from pydantic import Field, model_validator

from collectors.collector import SourceSettings
from collectors.secret import Secret
from collectors.signalling.settings import SignallingSettings


class HepSettings(SourceSettings):
    """Where HEP is taken in, and what one must know of the network that it shows."""

    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    udp_port: int | None = Field(default=9060, ge=0, le=65_535, description="0 takes a free port")
    tcp_port: int | None = Field(default=None, ge=0, le=65_535, description="0 takes a free port")
    auth_key: Secret | None = Field(default=None, description="packets with another HEP auth key are refused")
    receive_buffer_bytes: int = Field(default=8 << 20, ge=65_536, description="buffer asked of the kernel")
    queue_bytes: int = Field(default=256 << 20, ge=65_536, description="packets that may wait for decoding")
    tell_s: float = Field(default=0.5, gt=0, description="how often finished records are handed on")
    signalling: SignallingSettings = Field(default=SignallingSettings(), description="nodes and waits")

    @model_validator(mode="after")
    def _some_port(self) -> HepSettings:
        if self.udp_port is None and self.tcp_port is None:
            raise ValueError("set udp_port or tcp_port, else nothing is listened on")
        return self
