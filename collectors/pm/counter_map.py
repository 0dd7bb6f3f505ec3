"""Counter maps: what a vendor calls a counter, and how it names cells.

One YAML file per vendor, with inheritance (`extends`), shipped in `maps/` or loaded from outside the package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import polars as pl
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from callcause_error import did_you_mean
from collectors.errors import ConfigError
from collectors.kpi.located import LocatedYaml

DEFAULT_MAP: Final = "3gpp"
_FOLDER = Path(__file__).with_name("maps")
_SOURCE = re.compile(r"(?P<sign>-?)(?P<name>[^\[\]\s-](?:[^\[\]]*[^\[\]\s])?)(?:\[(?P<index>\d{1,6}|\*)\])?")
_MOST_CHOSEN: Final = 4096
_OBJECT_GROUPS = frozenset({"enb_id", "cell_id", "cell_name", "mcc", "mnc", "ecgi", "cgi"})
_OBJECT_WAYS = ({"enb_id", "cell_id"}, {"cell_name"}, {"ecgi"}, {"cgi"})


def _checked_regex(text: str) -> str:
    try:
        re.compile(text)
        pl.select(pl.lit("").str.contains(text))  # the engine that matches objects knows no look-around
    except (re.error, pl.exceptions.ComputeError) as error:
        raise ValueError(f"no regular expression for polars: {' '.join(str(error).split())[:120]}") from error
    return text


def _checked_object(text: str) -> str:
    groups = set(re.compile(_checked_regex(text)).groupindex)
    for group in sorted(groups - _OBJECT_GROUPS):
        raise ValueError(
            f"unknown group {group!r}; {did_you_mean(group, _OBJECT_GROUPS) or sorted(_OBJECT_GROUPS)}"
        )
    if not any(way <= groups for way in _OBJECT_WAYS):
        raise ValueError("must have the groups enb_id and cell_id, or cell_name, or ecgi, or cgi")
    return text


def _checked_source(text: str) -> str:
    if not _SOURCE.fullmatch(text):
        raise ValueError(f"{text!r} is no counter name, name[index] or name[*]")
    return text


Regex = Annotated[str, AfterValidator(_checked_regex)]
ObjectPattern = Annotated[str, AfterValidator(_checked_object)]
SourceText = Annotated[str, AfterValidator(_checked_source)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Formula(_Strict):
    """A 3GPP counter: `scale * sum(add) / sum(over)` of vendor counters; a `-` before a name subtracts it."""

    add: tuple[SourceText, ...] = Field(min_length=1)
    over: tuple[SourceText, ...] = ()
    scale: float = 1.0


class CounterMapFile(_Strict):
    """One YAML file as it is written."""

    name: str = Field(min_length=1)
    extends: str | None = None
    vendors: tuple[Regex, ...] = ()
    """Regular expressions for the header's vendorName; case does not matter."""
    software_versions: tuple[Regex, ...] = ()
    object_forms: tuple[Regex, ...] = ()
    """For measObjLdn, where a vendor has several naming forms."""
    counter_forms: tuple[Regex, ...] = ()
    """For counter names; chooses the map where no vendorName does."""
    counters: dict[SourceText, str] = Field(default_factory=dict)
    """Vendor name -> 3GPP name; `name[*]: Family.*` for each index. An empty name stays unmapped."""
    formulas: dict[str, tuple[Formula, ...]] = Field(default_factory=dict)
    """3GPP name -> ways to compute it, the first whose counters are all there."""
    compressed: tuple[Regex, ...] = ()
    """Lists that may be written `count,index,value,index,value`, places of value 0 left out."""
    no_values: tuple[float, ...] = ()
    """Numbers that mean "no value"."""
    objects: tuple[ObjectPattern, ...] = ()
    """Patterns over `<localDn>,<measObjLdn>`, tried in order."""
    mcc: str | None = Field(default=None, pattern=r"^\d{3}$")
    mnc: str | None = Field(default=None, pattern=r"^\d{2,3}$")
    s1ap_cause_offsets: dict[str, int] = Field(default_factory=dict)
    """Offset of each S1AP cause group in record sources of this vendor."""


@dataclass(frozen=True, slots=True)
class Source:
    """One vendor counter, or one place of its list."""

    name: str
    index: int | None = None
    sign: float = 1.0

    @property
    def key(self) -> str:
        """The name that stands for it in a frame."""
        return self.name if self.index is None else f"{self.name}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to compute a counter out of sources."""

    add: tuple[Source, ...]
    over: tuple[Source, ...] = ()
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class CounterMap:
    """A map with all that it inherits."""

    file: CounterMapFile
    counters: Mapping[str, str]
    formulas: Mapping[str, tuple[Formula, ...]]
    compressed: tuple[re.Pattern[str], ...]
    no_values: tuple[float, ...]
    objects: tuple[str, ...]
    mcc: str | None
    mnc: str | None
    s1ap_cause_offsets: Mapping[str, int]
    ancestors: int = 0
    """How many maps it inherits from."""

    @property
    def name(self) -> str:
        """The map's name."""
        return self.file.name

    def may_be_compressed(self, counter: str) -> bool:
        """Whether lists of this counter may be written as count, index, value, index, value."""
        return any(pattern.search(counter) for pattern in self.compressed)

    def ways(self, target: str) -> tuple[Way, ...]:
        """Return the ways to a 3GPP name, best first: formulas, then vendor names."""
        found = [
            Way(tuple(map(source, formula.add)), tuple(map(source, formula.over)), formula.scale)
            for formula in self.formulas.get(target, ())
        ]
        found += [
            Way((source(vendor),))
            for vendor, name in self.counters.items()
            if name == target and "*" not in name
        ]
        for vendor, name in self.counters.items():
            stem = name.removesuffix("*")
            if stem != name and target.startswith(stem) and target[len(stem) :].isdecimal():
                found.append(Way((source(vendor.replace("[*]", f"[{target[len(stem) :]}]")),)))
        return tuple(found)

    def names_used(self) -> frozenset[str]:
        """Vendor counters that the map speaks of."""
        texts = [vendor for vendor, name in self.counters.items() if name]
        texts += [text for ways in self.formulas.values() for way in ways for text in (*way.add, *way.over)]
        return frozenset(source(text).name for text in texts)


def source(text: str) -> Source:
    """Take `name`, `name[1]` or `-name` apart."""
    found = _SOURCE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no counter name")
    index = found["index"]
    return Source(
        found["name"], int(index) if index and index != "*" else None, -1.0 if found["sign"] else 1.0
    )


def loose(name: str) -> str:
    """Return the spelling under which 3GPP counters are compared: no case, `.QCI1` and `.1` the same."""
    return re.sub(r"[._]?qci[._]?(\d+)$", r".\1", name.strip().lower())


class CounterMaps:
    """All maps, to choose from."""

    def __init__(self, maps: Mapping[str, CounterMap]) -> None:
        self._maps = dict(sorted(maps.items()))
        self._chosen: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], CounterMap] = {}

    def __getitem__(self, name: str) -> CounterMap:
        try:
            return self._maps[name]
        except KeyError:
            raise ConfigError("no such counter map", key=name, hint=did_you_mean(name, self._maps)) from None

    def __iter__(self) -> Iterator[CounterMap]:
        return iter(self._maps.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all maps, sorted."""
        return tuple(self._maps)

    def choose(
        self,
        vendor: str = "",
        software_version: str = "",
        objects: Sequence[str] = (),
        counters: Sequence[str] = (),
    ) -> CounterMap:
        """Return the map with most conditions, all of which hold; by counter names if no vendor fits.

        Of two with as many conditions the one that inherits more: it refines the other.
        """
        said = (vendor, software_version, tuple(objects), tuple(counters))
        if said not in self._chosen:
            if len(self._chosen) >= _MOST_CHOSEN:
                self._chosen.clear()
            self._chosen[said] = self._choose(*said)
        return self._chosen[said]

    def _choose(
        self, vendor: str, software_version: str, objects: Sequence[str], counters: Sequence[str]
    ) -> CounterMap:
        fitting = [(self._conditions(each.file), each) for each in self._maps.values() if each.file.vendors]
        fitting = [
            (count, each)
            for count, each in fitting
            if _any(each.file.vendors, [vendor])
            and (not each.file.software_versions or _any(each.file.software_versions, [software_version]))
            and (not each.file.object_forms or _any(each.file.object_forms, objects))
        ]
        if fitting:
            return min(fitting, key=lambda pair: (-pair[0], -pair[1].ancestors, pair[1].name))[1]
        for each in self._maps.values():
            forms = each.file.counter_forms
            if forms and 2 * sum(_any(forms, [counter]) for counter in counters) > len(counters):
                return each
        return self[DEFAULT_MAP]

    @staticmethod
    def _conditions(file: CounterMapFile) -> int:
        return sum(map(bool, (file.vendors, file.software_versions, file.object_forms)))


def _any(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns for text in texts)


def load_maps(*extra_dirs: Path) -> CounterMaps:
    """Load the shipped maps and those of other folders, which replace maps of the same name.

    ConfigError names file, line and key of the first thing that is wrong.
    """
    files: dict[str, tuple[CounterMapFile, LocatedYaml]] = {}
    for folder in (_FOLDER, *extra_dirs):
        if not folder.is_dir():
            raise ConfigError("is no folder of counter maps", file=str(folder))
        seen: dict[str, LocatedYaml] = {}
        for path in sorted(folder.glob("*.y*ml")):
            located = LocatedYaml(path)
            file = located.validated(CounterMapFile, located.data, ())
            if file.name in seen:
                raise located.error(f"the map {file.name!r} is also in {seen[file.name].path}", ("name",))
            seen[file.name] = located
            files[file.name] = (file, located)
    return CounterMaps({name: _inherit(name, files) for name in files})


def _inherit(name: str, files: Mapping[str, tuple[CounterMapFile, LocatedYaml]]) -> CounterMap:
    line = _line_of_descent(name, files)
    own = line[0]
    counters = {vendor: to for file in reversed(line) for vendor, to in file.counters.items()}
    formulas = {target: ways for file in reversed(line) for target, ways in file.formulas.items()}
    return CounterMap(
        own,
        counters,
        formulas,
        tuple(re.compile(text) for file in line for text in file.compressed),
        tuple(dict.fromkeys(number for file in line for number in file.no_values)),
        tuple(dict.fromkeys(text for file in line for text in file.objects)),
        next((file.mcc for file in line if file.mcc), None),
        next((file.mnc for file in line if file.mnc), None),
        {group: offset for file in reversed(line) for group, offset in file.s1ap_cause_offsets.items()},
        len(line) - 1,
    )


def _line_of_descent(
    name: str, files: Mapping[str, tuple[CounterMapFile, LocatedYaml]]
) -> list[CounterMapFile]:
    """Return the map, what it extends, and so on."""
    line = [files[name][0]]
    while (parent := line[-1].extends) is not None:
        located = files[line[-1].name][1]
        if parent not in files:
            hint = did_you_mean(parent, files)
            raise located.error(f"extends the unknown map {parent!r}", ("extends",), hint)
        if any(file.name == parent for file in line):
            raise located.error(f"extends {parent!r}, which extends it in turn", ("extends",))
        line.append(files[parent][0])
    return line


def unmapped_as_map(counts: Mapping[str, int], name: str = "my-vendor", vendors: Sequence[str] = ()) -> str:
    """Write a counter map in YAML for counters that no map knows, ready to be filled in.

    It loads as it is: a counter whose 3GPP name is empty stays unmapped. It extends the map that the vendors
    have, so that it takes nothing away.
    """
    shipped = load_maps()
    parents = {shipped.choose(vendor).name for vendor in vendors}
    parent = parents.pop() if len(parents) == 1 else DEFAULT_MAP
    head = {"name": name, "extends": parent, "vendors": [re.escape(vendor) for vendor in vendors]}
    lines = [
        "# Write the TS 32.425 or TS 32.409 name of a counter between its quotes; delete what no KPI needs.",
        "# A place of a list: 'name[1]'. All places: 'name[*]': 'ERAB.EstabAddSuccNbr.*'.",
        yaml.safe_dump(head, sort_keys=False, allow_unicode=True).rstrip(),
        "counters:" if any(map(_nameable, counts)) else "counters: {}",
    ]
    for counter, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        remark = "" if _nameable(counter) else "# no map can name: "
        lines.append(f"  {remark}{_quoted(counter)}: ''  # results: {count}")
    return "\n".join(lines) + "\n"


def _nameable(counter: str) -> bool:
    return bool(_SOURCE.fullmatch(counter)) and counter[0] != "-" and counter[-1] != "]"


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 20).strip()
