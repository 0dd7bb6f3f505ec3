"""What can befall an attempt: data types for failures of set-up, drops, fallbacks, registrations, voice."""

from __future__ import annotations

from dataclasses import dataclass, field

Span = tuple[float, float]
Cell = str | float | bool | None


@dataclass(frozen=True)
class Error:
    """First error as a signalling trace sees it. A code of None on an interface = no answer came."""

    interface: str = ""
    message: str = ""
    protocol: str = ""
    code: int | None = None
    node: str = ""


@dataclass(frozen=True)
class SetupFailure:
    """The set-up stops `wait_s` after event `last` (a column of the record, `started_at` = the INVITE)."""

    last: str
    wait_s: Span
    status: tuple[int | None, ...]
    error: Error = Error()
    side: str = "network"
    node: str = ""
    reasons: tuple[tuple[str, int, str], ...] = ()
    warning: tuple[str, ...] = ()
    last_error: tuple[str, int] | None = None
    reaches_peer: bool = False
    own: dict[str, Cell] = field(default_factory=dict)
    peer: dict[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class Drop:
    """The talk ends `after_s` seconds after the answer, before either user hangs up."""

    error: Error = Error()
    side: str = "network"
    node: str = "enb"
    group: str = ""
    cause: int | None = None
    reasons: tuple[tuple[str, int, str], ...] = ()
    last_error: tuple[str, int] | None = ("REASON-SIP", 503)
    after_s: Span = (8.0, 160.0)
    own: dict[str, Cell | Span] = field(default_factory=dict)


@dataclass(frozen=True)
class Fallback:
    """A call made in CS after fallback. Stage times in s; None = the stage is never reached."""

    redirect_s: Span | None = (0.3, 0.7)
    request_s: Span | None = (2.2, 3.6)
    alerting_s: Span | None = (3.2, 4.6)
    return_s: Span | None = (1.0, 2.4)
    arfcns: str = "current"  # current | none | stale
    invite: str = ""  # "" = no INVITE; else the last SIP event before the phone gave up
    status: int | None = None
    rxlev: Span = (-82.0, -62.0)
    own: dict[str, Cell | Span] = field(default_factory=dict)


@dataclass(frozen=True)
class RegistrationEvent:
    """A registration that ends at `stage`; `fields` overrides columns of the record."""

    stage: str  # attach, pdn, qci5, register, challenge, second, done
    status: tuple[int | None, ...] = (None,)
    wait_s: Span = (0.05, 0.4)
    cx: tuple[str, int | None, int | None] | None = None
    error: tuple[str, int | None] = ("", None)
    reason: tuple[str, ...] = ("",)
    fields: dict[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class VoiceTrouble:
    """Trouble of the voice path of one call, by segment of it and direction as this leg's user sees it."""

    segment: str  # air, transport, core, relay, far, terminal, codec
    directions: tuple[str, ...] = ("uplink", "downlink")
    loss: Span = (0.0, 0.0)
    jitter_ms: Span = (0.0, 0.0)
    delay_ms: Span = (0.0, 0.0)
    silent: bool = False
    mos_penalty: Span = (0.0, 0.0)
    own: dict[str, Cell | Span] = field(default_factory=dict)
    slices: dict[str, Cell | Span] = field(default_factory=dict)
