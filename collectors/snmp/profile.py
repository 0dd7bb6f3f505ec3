"""Profiles: which objects of an agent are which samples of a node; shipped, or an operator's own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from callcause_error import did_you_mean
from collectors.errors import ConfigError
from collectors.kpi.located import LocatedYaml
from collectors.prometheus.node_map import ancestry, yaml_files
from collectors.readings.column import Column, Kind, SampleRule
from collectors.readings.inputs import KpiPart, Strict, check_kpi_part
from collectors.snmp.engine import Value

_FOLDER = Path(__file__).with_name("profiles")
_COUNTER_LIMIT = 2**64
Oid = Annotated[str, StringConstraints(pattern=r"^[0-2](\.\d{1,10}){1,127}$")]


class SampleSpec(Strict):
    """Where a sample comes from: one object (`.0` included) or a column of a table."""

    object: Oid | None = None
    column: Oid | None = None
    kind: Literal["gauge", "counter32", "counter64"] = "gauge"
    over: Literal["sum", "mean", "max", "min"] = "sum"
    per_instance: bool = False
    """Whether each row is a node sample of its own, `name[instance]`."""
    no_values: tuple[float, ...] = ()
    """Numbers by which the vendor says that there is no value."""
    scale: float = 1.0

    @model_validator(mode="after")
    def _one_place(self) -> SampleSpec:
        if (self.object is None) == (self.column is None):
            raise ValueError("name exactly one of object and column")
        return self

    def rule(self, own_start: bool) -> SampleRule:
        """Say how its values behave."""
        return SampleRule(
            Kind(self.kind), self.over, self.per_instance, scale=self.scale, own_start=own_start
        )


class ProfileFile(KpiPart):
    """One YAML file as it is written."""

    samples: dict[str, SampleSpec] = Field(default_factory=dict)
    no_values: tuple[float, ...] = ()
    """Numbers that mean no value, for every sample of the file."""
    instance_names: tuple[Oid, ...] = ()
    """Columns that name the rows, best first; without them a row is called by its index."""
    own_start: bool = False
    """The counters are those of a program behind the agent: they begin at 0 when that is restarted, and run
    on when the agent is. Otherwise nothing is known of the time before a restart (RFC 2578, 7.1.6)."""


@dataclass(frozen=True)
class Profile:
    """One or several profile files joined for a target."""

    part: KpiPart
    specs: Mapping[str, SampleSpec]
    rules: Mapping[str, SampleRule]
    no_values: Mapping[str, frozenset[float]]
    instance_names: tuple[str, ...]

    @property
    def objects(self) -> tuple[str, ...]:
        """Single objects to ask for."""
        return tuple(sorted({spec.object for spec in self.specs.values() if spec.object}))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns to walk."""
        return tuple(sorted({spec.column for spec in self.specs.values() if spec.column}))


def readings(
    profile: Profile,
    objects: Mapping[str, Value],
    tables: Mapping[str, Mapping[str, Value]],
    names: Mapping[str, str],
    counts: Counter[str],
) -> dict[str, Column]:
    """Make samples of what an agent answered.

    `tables`: column -> row index -> value; `names`: row index -> instance. Counts `varbinds`, `no_value` (a
    number that means none), `not_a_number`, `absent` (samples of which the agent has nothing).
    """
    found: dict[str, Column] = {}
    for name, spec in profile.specs.items():
        if spec.object is not None:
            rows: Mapping[str, Value] = {"": objects[spec.object]} if spec.object in objects else {}
        else:
            rows = tables.get(str(spec.column), {})
        column = _column(rows, names, profile.rules[name].kind, profile.no_values[name], counts)
        if column is None:
            counts["absent"] += 1
        else:
            found[name] = column
    return found


def _column(
    rows: Mapping[str, Value],
    names: Mapping[str, str],
    kind: Kind,
    no_values: frozenset[float],
    counts: Counter[str],
) -> Column | None:
    counts["varbinds"] += len(rows)
    numbers = _numbers(rows, no_values, counts)
    if not numbers:
        return None
    values = list(numbers.values())
    if kind is not Kind.GAUGE and (min(values) < 0 or max(values) >= _COUNTER_LIMIT):
        counts["not_a_number"] += len(values)
        return None
    return Column.of([names.get(index, index) for index in numbers], values, kind)


def _numbers(
    rows: Mapping[str, Value], no_values: frozenset[float], counts: Counter[str]
) -> Mapping[str, float]:
    """Numbers by row; a row without one is left out and counted."""
    # The common case, every value an integer that is one, must not cost a look at each in Python.
    if set(map(type, rows.values())) == {int} and no_values.isdisjoint(rows.values()):
        return rows  # type: ignore[return-value]  # all of them are int, as was just seen
    numbers = {index: _number(value, counts) for index, value in rows.items()}
    kept = {index: number for index, number in numbers.items() if number is not None}
    usable = {index: number for index, number in kept.items() if number not in no_values}
    counts["no_value"] += len(kept) - len(usable)
    return usable


def _number(value: Value, counts: Counter[str]) -> float | int | None:
    """Read a number; some agents write it as text, with or without a unit behind it."""
    if isinstance(value, (int, float)):
        return value
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    words = text.split()
    try:
        number = float(words[0]) if words else math.nan
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number
    counts["not_a_number"] += 1
    return None


class Profiles:
    """All profile files by name."""

    def __init__(self, files: Mapping[str, tuple[ProfileFile, LocatedYaml]]) -> None:
        self._files = files

    def names(self) -> tuple[str, ...]:
        """Names of all profiles."""
        return tuple(sorted(self._files))

    def joined(self, names: Sequence[str], node_type: str | None = None) -> Profile:
        """Join profiles, later ones over earlier; the node's type is that of the last that is not `other`."""
        for name in names:
            if name not in self._files:
                raise ConfigError("no such SNMP profile", key=name, hint=did_you_mean(name, self._files))
        chain = [a for name in names for a in reversed(ancestry(name, self._files))]
        files = [self._files[name][0] for name in dict.fromkeys(chain)]
        specs: dict[str, SampleSpec] = {}
        rules: dict[str, SampleRule] = {}
        no_values: dict[str, frozenset[float]] = {}
        for file in files:
            specs |= file.samples
            rules |= {name: spec.rule(file.own_start) for name, spec in file.samples.items()}
            shared = frozenset(file.no_values)
            no_values |= {n: shared | frozenset(spec.no_values) for n, spec in file.samples.items()}
        types = [file.node_type for file in files if file.node_type != "other"]
        part = KpiPart(
            name="+".join(names),
            node_type=node_type or (types[-1] if types else "other"),
            inputs={key: spec for file in files for key, spec in file.inputs.items()},
            splits=tuple(split for file in files for split in file.splits),
        )
        naming = tuple(dict.fromkeys(oid for file in files for oid in file.instance_names))
        return Profile(part, specs, rules, no_values, naming)


def load_profiles(*folders: Path) -> Profiles:
    """Load the shipped profiles and those of `folders`; ConfigError with file, line and key."""
    return _load(tuple(Path(folder) for folder in folders))


@lru_cache(maxsize=8)
def _load(folders: tuple[Path, ...]) -> Profiles:
    files: dict[str, tuple[ProfileFile, LocatedYaml]] = {}
    for path in yaml_files(_FOLDER, *folders):
        yaml = LocatedYaml(path)
        file: ProfileFile = yaml.validated(ProfileFile, yaml.data, ())
        files[file.name] = (file, yaml)
    for name, (file, yaml) in files.items():
        known: dict[str, Any] = {}
        for ancestor in ancestry(name, files):
            known |= files[ancestor][0].samples
        check_kpi_part(file, known, yaml)
    return Profiles(files)
