"""The TOML configuration: what an operator may set, checked by pydantic; unknown keys are refused."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from callcause.loop.settings import LoopSettings, RecordRetention, VaultSettings, WarningsSettings
from callcause.service.settings import (
    AlertSettings,
    KnowledgeSettings,
    MetricsSettings,
    NoticeTarget,
    ServiceSettings,
    StorePlace,
    Tmf621Settings,
    WatchSettings,
    WebSettings,
)
from callcause.state.settings import StateSettings
from callcause_error import UsageError, did_you_mean
from collectors.collector import SourceSettings
from collectors.secret import Secret
from diagnosis.settings import DiagnosisSettings


class IngestSettings(BaseModel):
    """How files are read. `zone` is for times without an offset; `country_code` for national numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zone: str = "UTC"
    country_code: str = "86"
    counter_maps: tuple[Path, ...] = ()


class SourceTables(BaseModel):
    """`[[collect.<kind>]]`: the sources of a live network; one field for each kind of the registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def sources(self) -> Iterator[tuple[str, SourceSettings]]:
        """Yield kind and settings of every source."""
        for kind in type(self).model_fields:
            for settings in getattr(self, kind):
                yield kind, settings


class Configuration(BaseModel):
    """The whole configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: ServiceSettings = Field(default_factory=ServiceSettings)
    store: StorePlace = Field(default_factory=StorePlace)
    state: StateSettings = Field(default_factory=StateSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    knowledge: KnowledgeSettings = Field(default_factory=KnowledgeSettings)
    diagnosis: DiagnosisSettings = Field(default_factory=DiagnosisSettings)
    watch: WatchSettings = Field(default_factory=WatchSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    tmf621: Tmf621Settings = Field(default_factory=Tmf621Settings)
    loop: LoopSettings = Field(default_factory=LoopSettings)
    warnings: WarningsSettings = Field(default_factory=WarningsSettings)
    retention: RecordRetention = Field(default_factory=RecordRetention)
    vault: VaultSettings = Field(default_factory=VaultSettings)
    notices: tuple[NoticeTarget, ...] = ()
    collect: SourceTables = Field(default_factory=SourceTables)


def load_configuration(path: Path | None) -> Configuration:
    """Read a configuration; without a path the defaults.

    Raises UsageError naming the file, the dotted key, what was expected and a suggestion.
    """
    found, wrong = read_configuration(path)
    if wrong:
        raise wrong[0]
    return found


def read_configuration(path: Path | None) -> tuple[Configuration, list[UsageError]]:
    """Read a configuration with everything that is wrong in it; where anything is, the defaults come back."""
    if path is None:
        return Configuration(), []
    try:
        values = _read(path)
    except UsageError as error:
        return Configuration(), [error]
    model = _model(values)
    try:
        found = model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return Configuration(), [_located(path, model, detail) for detail in details]
    return found, [*_same_names(path, found)]


def secrets_of(value: object, key: str = "") -> Iterator[tuple[str, Secret]]:
    """Yield every secret of a configuration with its dotted key."""
    if isinstance(value, Secret):
        yield key, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name), f"{key}.{name}".lstrip("."))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from secrets_of(item, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from secrets_of(item, f"{key}.{number}")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    # Besides its own error tomllib lets out that a number is too long, and that tables nest too deep.
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot be read: {error}", file=str(path)) from error


def _model(values: Mapping[str, Any]) -> type[Configuration]:
    """Add a field for every kind of source; the collectors are loaded for a file that has any."""
    if "collect" not in values:
        return Configuration
    from collectors.registry import sources

    several: Any = tuple
    fields: dict[str, Any] = {
        kind: (several[source.settings_model, ...], ()) for kind, source in sources().items()
    }
    tables = create_model("SourceTables", __base__=SourceTables, **fields)
    whole: type[Configuration] = create_model(
        "Configuration", __base__=Configuration, collect=(tables, Field(default_factory=tables))
    )
    return whole


def _same_names(path: Path, found: Configuration) -> Iterator[UsageError]:
    """Two sources of one name could not be told apart in metrics and logs."""
    seen: set[str] = set()
    named = [(f"collect.{kind}", settings.name) for kind, settings in found.collect.sources()]
    for place, name in [*named, *(("notices", target.name) for target in found.notices)]:
        if name in seen:
            yield UsageError(f"the name {name!r} stands twice", file=str(path), key=place)
        seen.add(name)


def _located(path: Path, model: type[BaseModel], detail: ErrorDetails) -> UsageError:
    where = _key_of(model, detail["loc"])
    unknown = detail["type"] == "extra_forbidden"
    hint = did_you_mean(str(where[-1]), _known_keys(model, where[:-1])) if unknown and where else None
    message = "unknown key" if unknown else detail["msg"].removeprefix("Value error, ")
    return UsageError(message, file=str(path), key=".".join(map(str, where)) or None, hint=hint)


def _key_of(model: type[BaseModel], location: tuple[int | str, ...]) -> list[int | str]:
    """Leave out what pydantic says about its own types, which stands in no file."""
    return [part for part in location if isinstance(part, int) or "[" not in part]


def _known_keys(model: Any, location: list[int | str]) -> list[str]:
    """Keys that may stand at a place of the file, however deep in lists and tables."""
    places = [model]
    for part in location:
        places = [inner for place in places for inner in _inside(place, part)]
    return [name for place in places for name in getattr(place, "model_fields", {})]


def _inside(annotation: Any, part: int | str) -> list[Any]:
    """Return what an annotation says about one of its fields or items."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return _plain(field.annotation) if field else []
    items = [item for item in get_args(annotation) if item is not Ellipsis]
    return _plain(items[-1]) if items else []


def _plain(annotation: Any) -> list[Any]:
    """Members of a union, without None and annotations."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [plain for item in get_args(annotation) for plain in _plain(item)]
    return [annotation]
