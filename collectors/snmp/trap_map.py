"""Trap maps: which notification raises which alarm, and which one clears it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from callcause_error import did_you_mean
from collectors.kpi.located import LocatedYaml
from collectors.prometheus.node_map import yaml_files
from collectors.readings.inputs import Strict
from collectors.records.schema import load_schemas
from collectors.snmp.engine import Value
from collectors.snmp.profile import Oid

_FOLDER = Path(__file__).with_name("trap_maps")


def _allowed(field: str) -> AfterValidator:
    def check(text: str) -> str:
        found = next(f for f in load_schemas()["alarm"].fields if f.name == field)
        allowed = [str(value) for value in found.allowed or ()]
        if text not in allowed:
            hint = did_you_mean(text, allowed) or ", ".join(allowed)
            raise ValueError(f"is no {field} of record alarm; {hint}")
        return text

    return AfterValidator(check)


class SeverityFrom(Strict):
    """Severity out of a value of the notification; `cleared` there clears the alarm."""

    bind: Oid
    values: dict[str, Annotated[str, _allowed("perceived_severity")]] = Field(min_length=1)


class TrapSpec(Strict):
    """What one notification means."""

    does: Literal["raise", "clear", "event", "ignore"] = "raise"
    """`event`: an alarm that is raised and cleared at once, such as a restart."""
    clears: str | None = None
    """With `clear`: the name of the notification whose alarm ends."""
    alarm_type: Annotated[str, _allowed("alarm_type")] = "communicationsAlarm"
    severity: Annotated[str, _allowed("perceived_severity")] = "major"
    severity_from: SeverityFrom | None = None
    object_type: Annotated[str, _allowed("alarmed_object_type")] | None = None
    """Where the node that sends says nothing better."""
    probable_cause: str | None = None
    key: tuple[Oid, ...] = ()
    """Values that tell alarms of one kind apart (the interface of a link), by the start of their OID; the row
    index counts where the value itself is not there."""
    detail: tuple[Oid, ...] = ()
    """Values that the alarm shows."""
    service_affecting: bool | None = None

    @model_validator(mode="after")
    def _pair(self) -> TrapSpec:
        if (self.does == "clear") != (self.clears is not None):
            raise ValueError("`does: clear` and `clears` go together")
        return self


class TrapMapFile(Strict):
    """One YAML file: notifications by name, with their OIDs."""

    name: str = Field(min_length=1)
    oids: dict[str, Oid]
    traps: dict[str, TrapSpec]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A notification that a map knows."""

    name: str
    spec: TrapSpec
    raises: str
    """Name of the notification under which the alarm is raised."""

    def instance(self, binds: Mapping[str, Value]) -> str:
        """Tell alarms of one kind apart by the values, or row indexes, that the map names."""
        return "/".join(_found(start, binds) for start in self.spec.key)

    def details(self, binds: Mapping[str, Value]) -> str:
        """Show the values that the map names."""
        return " ".join(text for start in self.spec.detail if (text := _shown(start, binds)))

    def severity(self, binds: Mapping[str, Value]) -> str:
        """Severity of this notification; `indeterminate` for a value that the map does not list."""
        source = self.spec.severity_from
        if source is None:
            return self.spec.severity
        return source.values.get(_shown(source.bind, binds), "indeterminate")


def _bind(start: str, binds: Mapping[str, Value]) -> tuple[str, Value] | None:
    return next(((o, v) for o, v in binds.items() if o == start or o.startswith(start + ".")), None)


def _found(start: str, binds: Mapping[str, Value]) -> str:
    """Row index of a value: it stays the same where the value changes with the state."""
    bind = _bind(start, binds)
    if bind is None:
        return ""
    index = bind[0][len(start) + 1 :]
    return index if index not in ("", "0") else text_of(bind[1])


def _shown(start: str, binds: Mapping[str, Value]) -> str:
    bind = _bind(start, binds)
    return "" if bind is None else text_of(bind[1])


def text_of(value: Value) -> str:
    """Write a value as text."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "".join(c for c in text if c.isprintable()).strip()


@dataclass(frozen=True)
class TrapMap:
    """All maps joined: meaning by the OID of the notification."""

    by_oid: Mapping[str, Meaning]

    def meaning(self, oid: str) -> Meaning | None:
        """Find what a notification means; enterprise traps of SNMPv1 have a 0 before their number."""
        return self.by_oid.get(oid)


def load_trap_map(*folders: Path) -> TrapMap:
    """Join the shipped trap maps and those of `folders`, later ones over earlier ones of the same OID."""
    return _load(tuple(Path(folder) for folder in folders))


@lru_cache(maxsize=8)
def _load(folders: tuple[Path, ...]) -> TrapMap:
    found: dict[str, Meaning] = {}
    for path in yaml_files(_FOLDER, *folders):
        yaml = LocatedYaml(path)
        file: TrapMapFile = yaml.validated(TrapMapFile, yaml.data, ())
        for name, spec in file.traps.items():
            for other in {name, spec.clears or name}:
                if other not in file.oids:
                    hint = did_you_mean(other, file.oids)
                    raise yaml.error(f"{other!r} stands not under oids", ("traps", name), hint)
            found[file.oids[name]] = Meaning(name, spec, spec.clears or name)
    return TrapMap(found)
