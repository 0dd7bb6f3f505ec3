"""The webhook of Alertmanager, version 4: what it sends, checked, bounded, and without subscriber identities.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from callcause.service.logs import scrubbed_all
from callcause.service.problem import Problem

MAX_ALERTS = 5000
MAX_TEXT = 4000
NEVER = 1  # year of Go's zero time, which stands for "not yet"
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
# An address and port has as many digits as a telephone number; labels such as `instance` hold one.
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?")


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("expected an offset")
    return moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_aware)]
Labels = dict[str, str]


class AlertMessage(BaseModel):
    """One alert of a delivery."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Literal["firing", "resolved"]
    labels: Labels
    annotations: Labels = Field(default_factory=dict)
    starts_at: Moment = Field(alias="startsAt")
    ends_at: Moment | None = Field(default=None, alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL")
    fingerprint: str = Field(min_length=1, max_length=64)

    @property
    def ended_at(self) -> datetime | None:
        """When it was resolved; None while it fires."""
        ended = self.ends_at if self.status == "resolved" else None
        return ended if ended and ended.year > NEVER else None


class Delivery(BaseModel):
    """One group of alerts as it was delivered."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: Literal["4"]
    group_key: str = Field(alias="groupKey", min_length=1)
    truncated: int = Field(default=0, alias="truncatedAlerts", ge=0)
    status: Literal["firing", "resolved"]
    receiver: str = ""
    group_labels: Labels = Field(default_factory=dict, alias="groupLabels")
    common_labels: Labels = Field(default_factory=dict, alias="commonLabels")
    common_annotations: Labels = Field(default_factory=dict, alias="commonAnnotations")
    external_url: str = Field(default="", alias="externalURL")
    alerts: list[AlertMessage] = Field(min_length=1, max_length=MAX_ALERTS)

    @property
    def key(self) -> str:
        """The group key as a digest: the key itself holds label values."""
        return digest(self.group_key)


def read_delivery(body: bytes) -> Delivery:
    """Return the delivery of a body, scrubbed; Problem 422 names what is wrong with it."""
    try:
        found = Delivery.model_validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        errors = [{"field": ".".join(map(str, one["loc"])), "reason": one["msg"]} for one in details[:20]]
        raise Problem(422, "no webhook of Alertmanager, version 4", errors=errors) from None
    return _scrubbed(found)


def digest(text: str, size: int = 16) -> str:
    """Return a digest in letters, which no scrubber takes for a number."""
    hashed = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size)
    return hashed.hexdigest().translate(_LETTERS)


def _scrubbed(found: Delivery) -> Delivery:
    """Scrub every text at once; names of labels are Prometheus names and hold no value."""
    texts: list[str] = []
    _each_text(found, texts.append)
    clean = iter(
        raw if _ADDRESS.fullmatch(raw) else text
        for raw, text in zip(texts, scrubbed_all([text[:MAX_TEXT] for text in texts]), strict=True)
    )
    return _each_text(found, lambda _: next(clean))


def _each_text(found: Delivery, change: Callable[[str], object]) -> Delivery:
    def text(value: str) -> str:
        return str(change(value))

    def labels(values: Labels) -> Labels:
        return {name: text(value) for name, value in values.items()}

    alerts = [
        alert.model_copy(
            update={
                "labels": labels(alert.labels),
                "annotations": labels(alert.annotations),
                "generator_url": text(alert.generator_url),
                "fingerprint": _fingerprint(alert.fingerprint),
            }
        )
        for alert in found.alerts
    ]
    return found.model_copy(
        update={
            "receiver": text(found.receiver),
            "group_labels": labels(found.group_labels),
            "common_labels": labels(found.common_labels),
            "common_annotations": labels(found.common_annotations),
            "external_url": text(found.external_url),
            "alerts": alerts,
        }
    )


def _fingerprint(text: str) -> str:
    return text if re.fullmatch(r"[0-9a-f]{16}", text) else digest(text)
