"""The KPI catalogue: catalogue.yaml and counters.yaml, checked, with an operator's own files over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from callcause_error import did_you_mean
from collectors.errors import ConfigError
from collectors.kpi.expression import compile_expression
from collectors.kpi.located import LocatedYaml
from collectors.kpi.model import CounterRule, Kpi, Limit, Name

_FOLDER = Path(__file__).parent
COVERED_S = "covered_s"
"""Seconds of the joined period that samples cover: the one name of a formula that is not a counter."""
_CELL_SCOPES = {"cell", "gsm_cell"}
_SHARED = (
    "scope", "source", "inputs", "needs", "scale", "limit_origin", "min_samples", "guard", "categories",
    "read_at", "catalogue_no", "note",
)  # fmt: skip

_Entries = dict[str, tuple[Kpi, LocatedYaml, tuple[object, ...]]]
"""Each KPI with the file and the place in it that its last entry has."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All KPIs (with each of several values as a KPI of its own) and the rules of their counters."""

    kpis: tuple[Kpi, ...]
    rules: Mapping[str, CounterRule]
    _by_id: dict[str, Kpi] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {kpi.id: kpi for kpi in self.kpis})

    def kpi(self, kpi_id: str) -> Kpi:
        """Return the KPI of that id; raise ConfigError with a suggestion when there is none."""
        try:
            return self._by_id[kpi_id]
        except KeyError:
            hint = did_you_mean(kpi_id, self._by_id)
            raise ConfigError("is no KPI of the catalogue", key=kpi_id, hint=hint) from None

    def __contains__(self, kpi_id: object) -> bool:
        return kpi_id in self._by_id

    def ids(self) -> tuple[str, ...]:
        """All KPI ids, those of several values (`<kpi>.<name>`) too."""
        return tuple(self._by_id)

    @cached_property
    def base_ids(self) -> tuple[str, ...]:
        """The ids of kpis.csv: without those of several values."""
        return tuple(kpi.id for kpi in self.kpis if kpi.of is None)

    @cached_property
    def cell_ids(self) -> tuple[str, ...]:
        """Ids of KPIs of cells, LTE and GSM."""
        return tuple(kpi.id for kpi in self.kpis if kpi.scope in _CELL_SCOPES)

    @cached_property
    def node_ids(self) -> tuple[str, ...]:
        """Ids of KPIs read at nodes: scope node, and network ones that are summed over nodes."""
        return tuple(k.id for k in self.kpis if k.scope == "node" or (k.sum_type() or "enb") != "enb")

    @cached_property
    def computed_ids(self) -> tuple[str, ...]:
        """Ids of KPIs that a formula computes from counters."""
        return tuple(kpi.id for kpi in self.kpis if kpi.value or kpi.parts)

    @cached_property
    def counters(self) -> tuple[str, ...]:
        """Names of the counters that formulas and weights use, sorted: what is wanted from PM files."""
        wanted = set[str]()
        for formula in (e for k in self.kpis for e in (k.value_expression, k.samples_expression) if e):
            wanted.update(formula.counters)
        for rule in self.rules.values():
            for weight in rule.weight_expressions:
                wanted.update(weight.counters)
        return tuple(sorted(wanted - {COVERED_S}))

    @cached_property
    def counter_patterns(self) -> tuple[str, ...]:
        """Patterns (`ERAB.EstabInitFailNbr.*`) of counters wanted by cause or code, sorted."""
        return tuple(sorted({part for kpi in self.kpis for part in kpi.parts}))

    def wants(self, counter: str) -> bool:
        """Tell whether a formula uses the counter, by its name or by a pattern."""
        return counter in self.rules or any(fnmatchcase(counter, p) for p in self.counter_patterns)

    def rule(self, counter: str) -> CounterRule | None:
        """How `counter` joins; None when no formula uses it."""
        if counter in self.rules:
            return self.rules[counter]
        return next((self.rules[p] for p in self.counter_patterns if fnmatchcase(counter, p)), None)

    def target(self, kpi_id: str, split: str | None) -> str:
        """Name the column of a sample: `<kpi>.<name>` if its split names a value, else `<kpi>[<split>]`."""
        text = (split or "").strip()
        if not text:
            return kpi_id
        named = text.rpartition("=")[2].strip().lower().replace(" ", "_")
        for value in self._by_id[kpi_id].values:
            if named == value.name or named in value.aliases:
                return f"{kpi_id}.{value.name}"
        return f"{kpi_id}[{text}]"


def load_catalogue(*extra: Path) -> Catalogue:
    """Load the shipped catalogue and the files of `extra` over it; kept until a file changes.

    An extra file has `kpis` and `counters` like the shipped ones. An entry with a known id or name changes
    only the keys it gives. Raises ConfigError with file, line and key.
    """
    stamps = tuple((Path(path), _stamp(Path(path))) for path in extra)
    return _load(stamps)


def kpi_names() -> dict[str, type]:
    """Names that a condition may use, with their type: each KPI id, and its number of samples `<kpi>__n`."""
    ids = load_catalogue().ids()
    return {name: float for kpi in ids for name in (kpi, f"{kpi}__n")}


def _stamp(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error}", file=str(path)) from error
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=16)
def _load(extra: tuple[tuple[Path, tuple[int, int]], ...]) -> Catalogue:
    shipped_rules, shipped = _shipped()
    rules, entries = dict(shipped_rules), dict(shipped)
    for file in [LocatedYaml(path) for path, _ in extra]:
        _take(file, rules, entries)
    kpis = tuple(one for kpi, _, _ in entries.values() for one in (kpi, *_values_of(kpi)))
    return Catalogue(kpis, rules)


@lru_cache(maxsize=1)
def _shipped() -> tuple[dict[str, CounterRule], _Entries]:
    rules: dict[str, CounterRule] = {}
    entries: _Entries = {}
    for name in ("counters.yaml", "catalogue.yaml"):
        _take(LocatedYaml(_FOLDER / name), rules, entries)
    return rules, entries


def _take(file: LocatedYaml, rules: dict[str, CounterRule], entries: _Entries) -> None:
    """Lay one file over what was read before; its own entries are checked against all that is then known."""
    _check_top(file)
    rules.update(_rules(file, rules))
    _read_entries(file, entries)
    for kpi, source, path in entries.values():
        if source is file:
            _check_kpi(kpi, file, path, rules, entries)


def _check_top(file: LocatedYaml) -> None:
    for key in file.data:
        if key not in ("kpis", "counters"):
            raise file.error(
                "is no part of a catalogue file", (key,), did_you_mean(str(key), ("kpis", "counters"))
            )


def _rules(file: LocatedYaml, known: Mapping[str, CounterRule]) -> dict[str, CounterRule]:
    given = file.data.get("counters") or {}
    if not isinstance(given, dict):
        raise file.error("must be a mapping of counter names", ("counters",))
    found = {}
    for name, entry in given.items():
        old = known[name].model_dump() if name in known else {}
        merged = {**old, **entry} if isinstance(entry, dict) else entry
        found[str(name)] = file.validated(CounterRule, merged, ("counters", name))
    return found


def _read_entries(file: LocatedYaml, entries: dict[str, tuple[Kpi, LocatedYaml, tuple[object, ...]]]) -> None:
    given = file.data.get("kpis") or []
    if not isinstance(given, list):
        raise file.error("must be a list of KPIs", ("kpis",))
    here: set[str] = set()
    for number, entry in enumerate(given):
        path: tuple[object, ...] = ("kpis", number)
        kpi_id = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(kpi_id, str):
            raise file.error("has no id", path)
        if kpi_id in here:
            raise file.error(f"{kpi_id} stands twice in this file", path)
        here.add(kpi_id)
        old = entries[kpi_id][0].model_dump(exclude_unset=True) if kpi_id in entries else {}
        entries[kpi_id] = (file.validated(Kpi, {**old, **entry}, path), file, path)


def _check_kpi(
    kpi: Kpi,
    file: LocatedYaml,
    path: tuple[object, ...],
    rules: Mapping[str, CounterRule],
    known: Iterable[str],
) -> None:
    """Check what one entry says about others: its guard, its counters, and that its source fits."""
    if kpi.guard is not None and kpi.guard not in set(known):
        raise file.error(f"no KPI {kpi.guard!r}", (*path, "guard"), did_you_mean(kpi.guard, known))
    if (kpi.source == "counters") != bool(kpi.value or kpi.parts):
        raise file.error("a KPI has a formula exactly when its source is counters", (*path, "source"))
    if kpi.source == "none" and not kpi.needs:
        raise file.error("a KPI without a source must say what it needs", (*path, "source"))
    formulas: list[tuple[tuple[object, ...], str | None]] = [
        (("value",), kpi.value),
        (("samples",), kpi.samples),
    ]
    for i, one in enumerate(kpi.values):
        formulas += [(("values", i, "value"), one.value), (("values", i, "samples"), one.samples)]
    for where, text in formulas:
        for counter in compile_expression(text).counters if text else ():
            if counter not in rules and counter != COVERED_S:
                raise file.error(
                    f"counter {counter!r} has no rule", (*path, *where), did_you_mean(counter, rules)
                )
    for part in kpi.parts:
        if part not in rules:
            raise file.error(f"counter {part!r} has no rule", (*path, "parts"), did_you_mean(part, rules))


def _values_of(kpi: Kpi) -> Iterable[Kpi]:
    """Give the several values of `kpi` as KPIs of their own, with what they leave out taken from it."""
    plain = tuple(limit for limit in kpi.limits if limit.name is None)
    for value in kpi.values:
        limits = value.limits if value.limits is not None else _limits_on(kpi, value.name) or plain
        formula = {"value": value.value, "samples": value.samples, "optional": value.optional}
        own = {key: getattr(value, key) or getattr(kpi, key) for key in ("unit", "better", "join")}
        yield _value_of(kpi, value.name, limits, **formula, **own)
    if kpi.top_share:
        share = {"parts": kpi.parts, "unit": "%", "better": kpi.better, "join": "ratio"}
        yield _value_of(kpi, kpi.top_share, _limits_on(kpi, kpi.top_share), **share)


def _limits_on(kpi: Kpi, name: str) -> tuple[Limit, ...]:
    """Limits that name one of several values, as limits of that value."""
    return tuple(limit.model_copy(update={"name": None}) for limit in kpi.limits if limit.name == name)


def _value_of(kpi: Kpi, name: str, limits: tuple[Limit, ...], **own: Any) -> Kpi:
    """Make one of several values a KPI, `<kpi>.<name>`."""
    return Kpi(
        **{key: getattr(kpi, key) for key in _SHARED},
        id=f"{kpi.id}.{name}",
        of=kpi.id,
        name=Name(en=f"{kpi.name.en}: {name}", zh=f"{kpi.name.zh}：{name}"),
        limits=limits,
        **own,
    )
