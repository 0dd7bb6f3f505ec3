"""What an operator may set about the loop: clocks, dispatch, clusters, warnings, vault, retention."""

from __future__ import annotations

import binascii

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from callcause.loop.cipher import KEY_BYTES, Cipher
from callcause.loop.clock import ClockRule
from callcause.loop.cluster import ClusterSettings
from callcause.loop.indicator import REPEAT_DAYS
from callcause.loop.warning import HALF_YEAR, WarningSettings
from callcause.loop.worktime import WorkCalendar
from callcause_error import UsageError
from collectors.secret import Secret
from collectors.store.retention import LEAST_DAYS, WITH_AGE


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RetentionSettings(_Section):
    """How long things of each kind are kept, in days; null keeps them. Open tickets always stay."""

    closed_tickets_d: float | None = Field(default=None, gt=0, description="with events and diagnoses")
    vault_entries_d: float | None = Field(default=180.0, gt=0, description="clear identities, sealed")
    vault_requests_d: float | None = Field(default=None, gt=0)
    idempotency_keys_d: float | None = Field(default=30.0, gt=0)
    notices_d: float | None = Field(default=365.0, gt=0)
    warnings_d: float | None = Field(default=None, gt=0)
    complaint_days_d: float | None = Field(
        default=800.0, ge=HALF_YEAR.days + 1, description="base values look half a year back"
    )
    alerts_d: float | None = Field(default=365.0, gt=0, description="groups of alerts that are resolved")
    hub_events_d: float | None = Field(default=30.0, gt=0, description="TMF621 events that were given up")
    every_h: float = Field(default=6.0, gt=0, description="how often what is too old is removed")


class RecordRetention(_Section):
    """`[retention]`: how long rows of each record kind are kept in the store; what is not named stays."""

    every_h: float = Field(default=24.0, gt=0)
    days: dict[str, float] = Field(default={}, description="days by record kind, from the time of the row")

    @field_validator("days")
    @classmethod
    def _kinds_with_an_age(cls, days: dict[str, float]) -> dict[str, float]:
        for kind, value in days.items():
            if kind not in WITH_AGE:
                raise ValueError(
                    f"rows of {kind!r} have no age; expected one of: {', '.join(sorted(WITH_AGE))}"
                )
            if not value > 0:
                raise ValueError(f"{kind}: expected days above 0")
            if value < (least := LEAST_DAYS.get(kind, 0)):
                raise ValueError(f"{kind}: expected {least:g} days or more, for baselines need four weeks")
        return days


class EffectSettings(_Section):
    """How the effect of a remedy is looked at."""

    enabled: bool = True
    settle_h: float = Field(default=2.0, ge=0, description="after the remedy; an alarm counts this long")
    late_h: float = Field(default=1.0, ge=0, description="how late counters and records may come")
    patience_h: float = Field(default=24.0, ge=0, description="looked at again where there was no data")
    every_s: float = Field(default=300.0, gt=0)


class AdvisorySettings(_Section):
    """When a runbook or a cause is right too seldom to send tickets by itself (default-unverified)."""

    floor: float = Field(default=0.5, ge=0, le=1, description="precision under which it only advises")
    floors: dict[str, float] = Field(default={}, description="other floors, by category or cause id")
    least: int = Field(default=20, ge=1, description="closed tickets below which nothing is judged")
    window_d: float = Field(default=180.0, gt=0, description="feedback of the last days that counts")

    def floor_of(self, name: str) -> float:
        """Return the floor of a runbook (category) or cause."""
        return self.floors.get(name, self.floor)


class LoopSettings(_Section):
    """The loop of a ticket from intake to closing."""

    automatic_dispatch: bool = Field(default=True, description="send on to the department of the first cause")
    front_office: str = "Front office"
    repeat_days: int = Field(default=REPEAT_DAYS, ge=1)
    limits: tuple[ClockRule, ...] = ()
    calendar: WorkCalendar = Field(default_factory=WorkCalendar)
    clusters: ClusterSettings = Field(default_factory=ClusterSettings)
    history_days: int = Field(default=28, ge=7, description="own tickets that tell a key's normal volume")
    change_after_h: float = Field(default=2.0, ge=0, description="complaints this long after planned work")
    notice_before_h: float = Field(
        default=72.0, gt=0, description="notices of planned work go out this early"
    )
    notice_recipients: tuple[str, ...] = Field(default=(), description="targets of those; none = all targets")
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    closing_needs_cause: bool = Field(default=False, description="a ticket closes only with confirmed_cause")
    effect: EffectSettings = Field(default_factory=EffectSettings)
    advisory: AdvisorySettings = Field(default_factory=AdvisorySettings)

    @model_validator(mode="after")
    def _kept_as_long_as_looked_back(self) -> LoopSettings:
        kept, needed = self.retention.closed_tickets_d, max(self.repeat_days, self.history_days)
        if kept is not None and kept < needed:
            raise ValueError(
                f"retention.closed_tickets_d: expected {needed} days or more, for repeats and normal volumes"
            )
        return self


class TypeWarningSettings(WarningSettings):
    """Values for one type, in one region or in all."""

    type: str
    region: str | None = None


class WarningsSettings(WarningSettings):
    """`[warnings]`: values for all types, and `[[warnings.of]]` for some of them."""

    enabled: bool = True
    every_s: float = Field(default=300.0, gt=0, description="how often the counts of the day are judged")
    of: tuple[TypeWarningSettings, ...] = ()

    def values_for(self, type_: str, region: str) -> WarningSettings:
        """Values that hold for a type in a region; those of the region win."""
        own = [one for one in self.of if one.type == type_ and one.region in (None, region)]
        return max(own, key=lambda one: one.region is not None) if own else self


class VaultKey(_Section):
    """A key of the vault: 32 bytes as 64 hexadecimal digits. The one with the largest number seals."""

    number: int = Field(ge=1)
    secret: Secret


class VaultSettings(_Section):
    """`[vault]`: clear numbers are kept only where this is enabled."""

    enabled: bool = False
    keys: tuple[VaultKey, ...] = ()
    request_s: float = Field(default=3600.0, gt=0, description="a request that nobody decided expires")
    show_s: float = Field(
        default=600.0, gt=0, description="an approved number is shown once within this time"
    )

    @model_validator(mode="after")
    def _has_keys(self) -> VaultSettings:
        numbers = [key.number for key in self.keys]
        if self.enabled and not numbers:
            raise ValueError("a vault needs a key: keys = [{number = 1, secret = {file = ...}}]")
        if len(set(numbers)) != len(numbers):
            raise ValueError("the number of a vault key stands twice")
        return self

    def cipher(self) -> Cipher:
        """Return the cipher; UsageError where a key is none."""
        return Cipher({key.number: _bytes(key) for key in self.keys})


def _bytes(key: VaultKey) -> bytes:
    try:
        found = binascii.unhexlify(key.secret.reveal().strip())
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != KEY_BYTES:
        raise UsageError(
            f"vault key {key.number}: expected {2 * KEY_BYTES} hexadecimal digits", key="vault.keys"
        )
    return found
