"""Load the packaged runbooks and the operator's overlays over them.

An overlay entry with the id of a packaged one replaces it whole; other entries are added. Errors name
file, line and key.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from callcause_error import did_you_mean
from runbooks.errors import RunbookError
from runbooks.model import (
    CATEGORIES,
    Bilingual,
    Case,
    Cause,
    Check,
    Code,
    ConditionSpec,
    LocatedDict,
    NameSpec,
    Precedence,
    Route,
    Runbooks,
    TreeRun,
    Unanswerable,
)
from runbooks.yaml_reader import read_yaml

__all__ = ["PACKAGED", "Runbooks", "assemble", "load_runbooks", "read_codes", "with_version"]

PACKAGED = Path(__file__).parent
SECTIONS = ("runbook", "also_runs", "checks", "causes", "departments", "precedence", "names", "unanswerable")
_MODEL_AT: dict[str, type[BaseModel]] = {
    "conditions": ConditionSpec,
    "routes": Route,
    "cases": Case,
    "departments": Bilingual,
}
_BILINGUAL_KEYS = ("question", "title", "remedy", "reason")
_CODE_COLUMNS = [
    "protocol",
    "vendor",
    "code",
    "name_en",
    "fault_class",
    "meaning",
    "check_ids",
    "departments",
]
Entry = TypeVar("Entry", bound=BaseModel)


@dataclass
class _Layer:
    """What one folder holds, by section and id."""

    checks: dict[str, Check] = field(default_factory=dict)
    causes: dict[str, Cause] = field(default_factory=dict)
    departments: dict[str, str] = field(default_factory=dict)
    precedence: dict[str, Precedence] = field(default_factory=dict)
    names: dict[str, NameSpec] = field(default_factory=dict)
    also_runs: dict[str, tuple[TreeRun, ...]] = field(default_factory=dict)
    unanswerable: list[Unanswerable] = field(default_factory=list)

    def take(self, over: _Layer) -> None:
        """Lay another layer over this one; entries of the same id are replaced."""
        for section in ("checks", "causes", "departments", "precedence", "names", "also_runs"):
            getattr(self, section).update(getattr(over, section))
        answered = {entry.check for entry in over.unanswerable}
        self.unanswerable = [
            entry for entry in self.unanswerable if entry.check not in answered
        ] + over.unanswerable


def load_runbooks(*overlays: Path) -> Runbooks:
    """Return the packaged runbooks with each overlay folder laid over them, in the order given.

    Raises `RunbookError` with file, line, key and a suggestion. Unchanged files are read once per process.
    """
    folders = (PACKAGED, *(Path(overlay) for overlay in overlays))
    return _load(tuple((folder, _state(folder)) for folder in folders))


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and change times of the files of a folder, to notice an edit."""
    if not folder.is_dir():
        raise RunbookError("is no folder with runbooks", file=str(folder))
    try:
        stats = [(path.name, path.stat()) for path in _files(folder)]
    except OSError as wrong:
        raise RunbookError(f"cannot be read: {wrong.strerror or wrong}", file=str(folder)) from wrong
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))


@lru_cache(maxsize=8)
def _load(folders: tuple[tuple[Path, object], ...]) -> Runbooks:
    whole = _Layer()
    for folder, _ in folders:
        whole.take(_read_layer(folder))
    return assemble(whole.__dict__, read_codes(PACKAGED / "codes.csv"))


def assemble(sections: Mapping[str, Any], codes: tuple[Code, ...]) -> Runbooks:
    """Put sections together: patterns of causes spread, checks in tree order, version computed."""
    checks: dict[str, Check] = sections["checks"]
    causes: dict[str, Cause] = sections["causes"]
    ordered = sorted(checks.values(), key=lambda c: (CATEGORIES.index(c.category), c.order, c.id))
    return with_version(
        Runbooks(
            checks={check.id: check for check in ordered},
            causes=causes,
            departments=sections["departments"],
            precedence=tuple(_spread(entry, causes) for entry in sections["precedence"].values()),
            names={name: _spread_hits(spec, checks) for name, spec in sections["names"].items()},
            also_runs=sections["also_runs"],
            unanswerable=tuple(sections["unanswerable"]),
            codes=codes,
        )
    )


def with_version(runbooks: Runbooks) -> Runbooks:
    """Return the same runbooks with `version` = the first 12 hex digits of the hash of their content."""
    content = json.dumps(
        runbooks.model_dump(mode="json", exclude={"version"}), sort_keys=True, ensure_ascii=False
    )
    return runbooks.model_copy(update={"version": hashlib.sha256(content.encode()).hexdigest()[:12]})


def _spread(entry: Precedence, causes: Mapping[str, Cause]) -> Precedence:
    """Spread the patterns; a cause that is named on one side is not drawn to the other by a pattern."""
    named_after = {cause for cause in entry.after if "*" not in cause} - set(entry.before)
    before = tuple(cause for cause in _matching(entry.before, causes) if cause not in named_after)
    after = tuple(cause for cause in _matching(entry.after, causes) if cause not in before)
    return entry.model_copy(update={"before": before, "after": after})


def _spread_hits(spec: NameSpec, checks: Mapping[str, Check]) -> NameSpec:
    """Spread patterns of `hits_of`: checks that support a cause and do not read the name themselves."""
    if not any("*" in pattern for pattern in spec.hits_of):
        return spec
    able = [check.id for check in checks.values() if check.conditions and spec.name not in check.names]
    found = [check for pattern in spec.hits_of for check in able if fnmatchcase(check, pattern)]
    return spec.model_copy(update={"hits_of": tuple(dict.fromkeys(found))})


def _matching(patterns: Iterable[str], causes: Mapping[str, Cause]) -> tuple[str, ...]:
    found = (
        cause
        for pattern in patterns
        for cause in ([c for c in causes if fnmatchcase(c, pattern)] if "*" in pattern else [pattern])
    )
    return tuple(dict.fromkeys(found))


def _read_layer(folder: Path) -> _Layer:
    layer = _Layer()
    for path in _files(folder):
        document = read_yaml(path)
        for key in document:
            if key not in SECTIONS:
                raise _located(document, key, "unknown section", did_you_mean(key, SECTIONS))
        _read_checks(document, layer)
        _read_mapping(document, "departments", layer.departments, _department)
        _read_list(document, "causes", Cause, layer.causes, "id")
        _read_list(document, "precedence", Precedence, layer.precedence, "id")
        _read_mapping(document, "names", layer.names, _name)
        layer.unanswerable += _entries(document, "unanswerable", Unanswerable)
    return layer


def _read_checks(document: LocatedDict, layer: _Layer) -> None:
    if "checks" not in document and "also_runs" not in document:
        return
    category = document.get("runbook")
    if category not in CATEGORIES:
        hint = did_you_mean(str(category), CATEGORIES)
        raise _located(
            document, "runbook", f"{category!r} is no runbook: one of {', '.join(CATEGORIES)}", hint
        )
    for raw in _list_of(document, "checks"):
        if isinstance(raw, LocatedDict):
            raw.setdefault("category", category)
    _read_list(document, "checks", Check, layer.checks, "id")
    if "also_runs" in document:
        layer.also_runs[str(category)] = tuple(_entries(document, "also_runs", TreeRun))


def _read_list(
    document: LocatedDict, section: str, model: type[Entry], into: dict[str, Entry], key: str
) -> None:
    for raw, entry in zip(_list_of(document, section), _entries(document, section, model), strict=True):
        name = str(getattr(entry, key))
        if name in into:
            raise _located(raw, key, f"{name!r} stands twice in this folder")
        into[name] = entry


def _read_mapping(
    document: LocatedDict, section: str, into: dict[str, Any], build: Callable[[LocatedDict, str], Any]
) -> None:
    raw = document.get(section, LocatedDict(document.file, document.line))
    if not isinstance(raw, LocatedDict):
        raise _located(document, section, "is a mapping")
    for name in raw:
        if name in into:
            raise _located(raw, name, f"{name!r} stands twice in this folder")
        into[name] = build(raw, name)


def _department(raw: LocatedDict, name: str) -> str:
    if not isinstance(raw[name], str):
        raise _located(raw, name, "the Chinese name of a department is text")
    return str(raw[name])


def _name(raw: LocatedDict, name: str) -> NameSpec:
    if not isinstance(raw[name], LocatedDict):
        raise _located(raw, name, "is a mapping with type and definition")
    raw[name]["name"] = name
    return _build(NameSpec, raw[name])


def _entries(document: LocatedDict, section: str, model: type[Entry]) -> list[Entry]:
    return [_build(model, raw) for raw in _list_of(document, section)]


def _list_of(document: LocatedDict, section: str) -> list[LocatedDict]:
    raw = document.get(section, [])
    if not isinstance(raw, list):
        raise _located(document, section, "is a list")
    for entry in raw:
        if not isinstance(entry, LocatedDict):
            raise _located(document, section, f"holds {entry!r}, which is no mapping")
    return raw


def _build(model: type[Entry], raw: LocatedDict) -> Entry:
    try:
        return model.model_validate(raw)
    except ValidationError as wrong:
        raise _from_validation(model, raw, wrong) from wrong


def _from_validation(model: type[BaseModel], raw: LocatedDict, wrong: ValidationError) -> RunbookError:
    """Turn the first thing that pydantic found into a located error."""
    first = wrong.errors(include_url=False, include_context=False)[0]
    steps = [step for step in first["loc"] if not (isinstance(step, str) and step.startswith("function-"))]
    line = _line_at(raw, steps)
    key = ".".join(str(step + 1 if isinstance(step, int) else step) for step in steps) or None
    if first["type"] == "extra_forbidden":
        known = [name for name in _model_at(model, steps).model_fields if name != "place"]
        word = str(steps[-1])
        return RunbookError("unknown key", file=raw.file, line=line, key=key, hint=did_you_mean(word, known))
    message, _, hint = first["msg"].removeprefix("Value error, ").partition("; ")
    return RunbookError(message, file=raw.file, line=line, key=key, hint=hint or None)


def _model_at(model: type[BaseModel], steps: list[int | str]) -> type[BaseModel]:
    for step in steps[:-1]:
        if step in _BILINGUAL_KEYS:
            return Bilingual
        model = _MODEL_AT.get(str(step), model)
    return model


def _line_at(raw: object, steps: list[int | str]) -> int | None:
    line = raw.line if isinstance(raw, LocatedDict) else None
    for step in steps:
        if isinstance(raw, LocatedDict):
            line = raw.key_lines.get(str(step), raw.line)
            raw = raw.get(str(step))
        elif isinstance(raw, list) and isinstance(step, int) and step < len(raw):
            raw = raw[step]
        if isinstance(raw, LocatedDict) and isinstance(step, int):
            line = raw.line
    return line


def _located(raw: LocatedDict, key: str, message: str, hint: str | None = None) -> RunbookError:
    return RunbookError(message, file=raw.file, line=raw.key_lines.get(key, raw.line), key=key, hint=hint)


def read_codes(path: Path) -> tuple[Code, ...]:
    """Read the table of protocol codes; match Diameter codes by (vendor, code) only."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            if reader.fieldnames != _CODE_COLUMNS:
                raise RunbookError(f"columns are not {','.join(_CODE_COLUMNS)}", file=path.name, line=1)
            return tuple(_code(row, path.name, number) for number, row in enumerate(reader, 2))
    except (OSError, UnicodeDecodeError, csv.Error) as wrong:
        raise RunbookError(f"cannot be read: {wrong}", file=path.name) from wrong


def _code(row: dict[str, str], file: str, line: int) -> Code:
    lists = {
        key: tuple(part for part in (row[key] or "").split(";") if part)
        for key in ("check_ids", "departments")
    }
    try:
        return Code.model_validate({**row, **lists, "vendor": row["vendor"] or None})
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        raise RunbookError(first["msg"], file=file, line=line, key=str(first["loc"][0])) from wrong
