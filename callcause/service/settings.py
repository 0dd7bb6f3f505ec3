"""What an operator may set about the service itself."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from collectors.secret import Secret


class Role(StrEnum):
    """What a principal may do; each role may do what those before it may."""

    viewer = "viewer"
    engineer = "engineer"
    approver = "approver"
    admin = "admin"

    def covers(self, wanted: Role) -> bool:
        """Tell whether this role may do what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(wanted)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenSettings(_Section):
    """A bearer token: who shows it, and what that one may do."""

    name: str = Field(min_length=1, max_length=64)
    role: Role = Role.viewer
    secret: Secret


class CertificateSettings(_Section):
    """A client certificate by its common name."""

    common_name: str = Field(min_length=1, max_length=64)
    role: Role = Role.viewer


class TlsSettings(_Section):
    """Certificate and key of the service; `client_ca` asks clients for certificates (mutual TLS)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    clients: tuple[CertificateSettings, ...] = ()


class ServiceSettings(_Section):
    """Where the service listens and whom it answers."""

    host: str = Field(default="127.0.0.1", description="an address of this machine; loopback by default")
    port: int = Field(default=8470, ge=0, le=65535)
    public_url: str = Field(default="", description="how others reach the service; used in notices")
    max_body_kib: int = Field(default=4096, ge=1, description="larger requests are refused")
    requests_per_minute: float = Field(default=6000.0, gt=0, description="per principal or address")
    local_role: Role = Field(default=Role.admin, description="on loopback where no token is set")
    stop_s: float = Field(default=20.0, gt=0, description="patience with what runs when told to stop")
    tokens: tuple[TokenSettings, ...] = ()
    tls: TlsSettings | None = None

    @property
    def authenticates(self) -> bool:
        """Whether a client has to say who it is."""
        return bool(self.tokens) or (self.tls is not None and self.tls.client_ca is not None)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @model_validator(mode="after")
    def _no_open_door(self) -> ServiceSettings:
        if not self.loopback and not self.authenticates:
            raise ValueError(
                f"host {self.host!r} can be reached by others and nobody is asked who they are: "
                "set [[service.tokens]] or service.tls.client_ca, or listen on 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _names_stand_once(self) -> ServiceSettings:
        names = [token.name for token in self.tokens]
        if len(set(names)) != len(names):
            raise ValueError("the name of a token stands twice")
        return self


class StorePlace(_Section):
    """Where records and counters are kept, and how soon rows become visible."""

    path: Path = Path("data/store")
    flush_s: float = Field(default=2.0, gt=0)
    flush_rows: int = Field(default=20_000, ge=1)


class KnowledgeSettings(_Section):
    """The operator's own runbooks, laid over those of callcause, and approved weights."""

    runbooks: tuple[Path, ...] = ()
    weights: Path | None = Field(default=None, description="file that `callcause calibrate --approve` wrote")


class WatchSettings(_Section):
    """How long a verdict is looked at again when evidence arrives, and how often at most."""

    again_for_s: float = Field(default=600.0, ge=0)
    settle_s: float = Field(default=30.0, ge=0, description="the same for a verdict that decided")
    again_every_s: float = Field(default=5.0, gt=0)
    batch: int = Field(default=1000, ge=1, description="tickets diagnosed together")
    attempts: int = Field(default=8, ge=1, description="diagnoses of a ticket until it counts as failed")
    first_pause_s: float = Field(default=1.0, gt=0, description="doubled after each diagnosis that failed")


class AlertSettings(_Section):
    """Which labels of an alert name what it is about, and which of its failures are looked at."""

    cell_labels: tuple[str, ...] = ("ecgi", "cell", "cell_id")
    node_labels: tuple[str, ...] = ("node", "node_id", "node_name")
    region_labels: tuple[str, ...] = ("region",)
    category_labels: tuple[str, ...] = ("category",)
    entity_label: str = Field(default="entity", description="a cell or a node, told by `scope`")
    scope_label: str = "scope"
    window_min: float = Field(default=30.0, gt=0, description="failures looked at before and after the start")
    sample: int = Field(default=20, ge=1, description="failed attempts of an element that are diagnosed")
    elements: int = Field(default=20, ge=1, description="elements of one group that are diagnosed")


class MetricsSettings(_Section):
    """What `/metrics` shows beyond counts: which cells one by one, and how many series in all."""

    worst_cells: int = Field(default=100, ge=0, description="cells that are exposed because they are worst")
    watched_cells: tuple[str, ...] = Field(default=(), description="ECGIs that are always exposed")
    series_budget: int = Field(default=50_000, ge=1000, description="what falls over it is counted")


class WebSettings(_Section):
    """What the web page shows beside callcause's own: links to the boards in Grafana."""

    grafana_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s\"'<>]+)?$",
        description="where Grafana answers; empty = no links",
    )


class Tmf621Settings(_Section):
    """The TMF621 interface: whether tickets may be deleted there, and how events reach listeners."""

    delete: Literal["never", "closed"] = Field(default="never", description="which trouble tickets")
    callback_hosts: tuple[str, ...] = Field(default=(), description="hosts of listeners; none = any")
    attempts: int = Field(default=12, ge=1)
    first_pause_s: float = Field(default=1.0, gt=0, description="doubled after each attempt that failed")
    timeout_s: float = Field(default=10.0, gt=0)


class NoticeTarget(_Section):
    """Where notices go: an Apprise URL, which holds credentials and is therefore a secret."""

    name: str = Field(min_length=1, max_length=64)
    url: Secret
    attempts: int = Field(default=8, ge=1)
    first_pause_s: float = Field(default=2.0, gt=0, description="doubled after each attempt that failed")
    timeout_s: float = Field(default=20.0, gt=0)

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if "://" in name:
            raise ValueError("a name, not a URL: the URL is a secret")
        return name
