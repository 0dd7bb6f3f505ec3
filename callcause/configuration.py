"""The TOML configuration: what an operator may set, checked by pydantic, unknown keys refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callcause_error import UsageError, did_you_mean
from diagnosis.settings import DiagnosisSettings


class IngestSettings(BaseModel):
    """How files are read. `zone` is for times without an offset; `country_code` for national numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zone: str = "UTC"
    country_code: str = "86"
    counter_maps: tuple[Path, ...] = ()


class Configuration(BaseModel):
    """The whole configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ingest: IngestSettings = Field(default_factory=IngestSettings)
    diagnosis: DiagnosisSettings = Field(default_factory=DiagnosisSettings)


def load_configuration(path: Path | None) -> Configuration:
    """Read a configuration; without a path the defaults.

    Raises UsageError naming the file, the dotted key, what was expected and a suggestion.
    """
    if path is None:
        return Configuration()
    try:
        return Configuration.model_validate(_read(path))
    except ValidationError as error:
        raise _located(path, error) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", file=str(path)) from error


def _located(path: Path, error: ValidationError) -> UsageError:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    hint = did_you_mean(where[-1], _known_keys(where[:-1])) if first["type"] == "extra_forbidden" else None
    message = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
    return UsageError(message, file=str(path), key=".".join(where), hint=hint)


def _known_keys(section: list[str]) -> list[str]:
    model: Any = Configuration
    for part in section:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    return list(getattr(model, "model_fields", {}))
