"""Maps from metrics to samples and KPIs of a node; shipped in `maps/`, an operator's own from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from callcause_error import did_you_mean
from collectors.errors import ConfigError
from collectors.kpi.located import LocatedYaml
from collectors.prometheus.exposition import Exposition, finite
from collectors.prometheus.selector import Selector, parse_selector
from collectors.readings.column import Column, Kind, SampleRule
from collectors.readings.inputs import KpiPart, Strict, check_kpi_part

_FOLDER = Path(__file__).with_name("maps")


def _checked_selector(text: str) -> str:
    parse_selector(text)
    return text


SelectorText = Annotated[str, AfterValidator(_checked_selector)]


class SampleSpec(Strict):
    """Where a sample comes from: the first of the selectors that finds a series; its series are summed."""

    counter: tuple[SelectorText, ...] = ()
    gauge: tuple[SelectorText, ...] = ()
    since: tuple[SelectorText, ...] = ()
    """Unix time of a start: the sample is a gauge, the seconds since then."""
    over: Literal["sum", "mean", "max", "min"] = "sum"
    per: str | None = None
    """Label that keeps series apart: one node sample for each of its values."""
    new_is_zero: bool = False
    """The exporter makes the series at its first event, so that a new one stood at 0."""
    scale: float = 1.0

    @model_validator(mode="after")
    def _one_way(self) -> SampleSpec:
        if sum(map(bool, (self.counter, self.gauge, self.since))) != 1:
            raise ValueError("name exactly one of counter, gauge and since")
        return self

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """The ways to find it, best first."""
        return tuple(parse_selector(text) for text in (*self.counter, *self.gauge, *self.since))

    def rule(self) -> SampleRule:
        """Say how its values behave."""
        kind = Kind.COUNTER if self.counter else Kind.GAUGE
        return SampleRule(kind, self.over, self.per is not None, self.new_is_zero, self.scale)


class MapFile(KpiPart):
    """One YAML file as it is written."""

    samples: dict[str, SampleSpec] = Field(default_factory=dict)
    no_values: tuple[float, ...] = ()
    """Numbers that mean no value or unlimited."""


@dataclass(frozen=True)
class PrometheusMap:
    """A map with all that it inherits, ready to use."""

    part: KpiPart
    rules: Mapping[str, SampleRule]
    ways: Mapping[str, tuple[Selector, ...]]
    specs: Mapping[str, SampleSpec]
    no_values: frozenset[float]

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Every metric that the map looks at."""
        return tuple(sorted({way.name for ways in self.ways.values() for way in ways}))

    def columns(self, found: Exposition, at_s: float) -> dict[str, Column]:
        """Find the samples of one look; what is not there is left out, what is no value counted."""
        columns = {}
        for name, ways in self.ways.items():
            column = self._column(name, ways, found, at_s)
            if column is not None:
                columns[name] = column
        return columns

    def _column(self, name: str, ways: Sequence[Selector], found: Exposition, at_s: float) -> Column | None:
        spec = self.specs[name]
        for way in ways:
            matching = [s for s in found.series.get(way.name, ()) if way.holds(s.labels)]
            usable = [s for s in matching if finite(s.value, self.no_values)]
            found.counts["no_value"] += len(matching) - len(usable)
            if usable:
                names = [_instance(s.labels, spec.per) for s in usable]
                values = [at_s - s.value if spec.since else s.value for s in usable]
                return Column.of(names, values, self.rules[name].kind)
        return None


def _instance(labels: Mapping[str, str], per: str | None) -> str:
    if per is not None:
        return labels.get(per, "")
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


class PrometheusMaps:
    """All maps by name."""

    def __init__(self, maps: Mapping[str, PrometheusMap]) -> None:
        self._maps = dict(sorted(maps.items()))

    def __getitem__(self, name: str) -> PrometheusMap:
        try:
            return self._maps[name]
        except KeyError:
            raise ConfigError(
                "no such Prometheus map", key=name, hint=did_you_mean(name, self._maps)
            ) from None

    def names(self) -> tuple[str, ...]:
        """Names of all maps."""
        return tuple(self._maps)


def load_maps(*folders: Path) -> PrometheusMaps:
    """Load the shipped maps and those of `folders` (files or folders); a later one of a name wins.

    ConfigError with file, line and key for anything wrong in them.
    """
    return _load(tuple(Path(folder) for folder in folders))


@lru_cache(maxsize=8)
def _load(folders: tuple[Path, ...]) -> PrometheusMaps:
    files: dict[str, tuple[MapFile, LocatedYaml]] = {}
    for path in yaml_files(_FOLDER, *folders):
        yaml = LocatedYaml(path)
        file: MapFile = yaml.validated(MapFile, yaml.data, ())
        files[file.name] = (file, yaml)
    maps = {name: _whole(name, files) for name in files}
    return PrometheusMaps(maps)


def yaml_files(*folders: Path) -> list[Path]:
    """Map files in order; ConfigError for a folder that is not there."""
    found: list[Path] = []
    for folder in folders:
        if not folder.exists():
            raise ConfigError("no such folder of maps", file=str(folder))
        found += sorted(folder.glob("*.yaml")) if folder.is_dir() else [folder]
    return found


def _whole(name: str, files: Mapping[str, tuple[MapFile, LocatedYaml]]) -> PrometheusMap:
    """Lay a map's entries over those of its ancestors."""
    chain = ancestry(name, files)
    file, yaml = files[name]
    specs: dict[str, SampleSpec] = {}
    merged: dict[str, Any] = {"inputs": {}, "splits": ()}
    no_values = set[float]()
    for ancestor in reversed(chain):
        specs |= files[ancestor][0].samples
        no_values |= set(files[ancestor][0].no_values)
        merged["inputs"] |= files[ancestor][0].inputs
        merged["splits"] += files[ancestor][0].splits
    check_kpi_part(file, specs, yaml)
    part = KpiPart(name=name, node_type=file.node_type, inputs=merged["inputs"], splits=merged["splits"])
    rules = {sample: spec.rule() for sample, spec in specs.items()}
    ways = {sample: spec.selectors for sample, spec in specs.items()}
    return PrometheusMap(part, rules, ways, specs, frozenset(no_values))


def ancestry(name: str, files: Mapping[str, tuple[Any, LocatedYaml]]) -> list[str]:
    """List a map and those it extends, nearest first; ConfigError for a missing one or a circle."""
    chain = [name]
    while (parent := files[chain[-1]][0].extends) is not None:
        yaml = files[chain[-1]][1]
        if parent not in files:
            raise yaml.error("extends a map that is not there", ("extends",), did_you_mean(parent, files))
        if parent in chain:
            raise yaml.error("maps extend each other in a circle", ("extends",))
        chain.append(parent)
    return chain
