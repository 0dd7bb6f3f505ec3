"""Every query of boards and rules, asked of a real Prometheus: what is wrong with its answer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from collectors.kpi.catalogue import Catalogue
from dashboards.alerting.rules import alerts, recordings
from dashboards.grafana.boards import all_boards
from dashboards.grafana.document import document

Ask = Callable[..., httpx.Response]
_SELECTOR = re.compile(r"\b((?:\w+:)?callcause_[a-z0-9_]+(?::\w+)?)(\{[^{}]*\})?")
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), *(?P<label>\w+)\)$")
_VARIABLE = re.compile(r"\$\{?([a-z_]\w*)\}?")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One query, where it stands, and what of it must have an answer: itself, or only its selectors."""

    place: str
    expr: str
    whole: bool = True
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)


def of_boards(catalogue: Catalogue, ask: Ask) -> Iterator[Asked]:
    """Queries of every variable, panel and annotation in the JSON of every board."""
    for board in all_boards(catalogue):
        made = document(board)
        values = {one["name"]: values_of(one, ask) for one in _variables(made)}
        for one in _variables(made):
            found = _label_values(one)
            expr = f"count by ({found['label']}) ({found['selector']})"
            yield Asked(f"{board.name}: variable {one['name']}", expr)
        for panel in made["panels"]:
            for target in panel.get("targets", []):
                yield Asked(f"{board.name}: {panel['title']}", target["expr"], variables=values)
        for one in made["annotations"]["list"]:
            if "expr" in one:
                yield Asked(f"{board.name}: annotation {one['name']}", one["expr"])


def _variables(made: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (one for one in made["templating"]["list"] if one["type"] == "query")


def values_of(variable: Mapping[str, Any], ask: Ask) -> list[str]:
    """Values that Grafana would offer, the value for all of them first where there is one."""
    found = _label_values(variable)
    answer = ask(f"label/{found['label']}/values", **{"match[]": found["selector"]}).json()
    assert answer["status"] == "success", answer
    offered = [value for value in answer["data"] if value]
    return [variable["allValue"], *offered] if variable.get("includeAll") and offered else offered


def _label_values(variable: Mapping[str, Any]) -> re.Match[str]:
    found = _LABEL_VALUES.match(variable["query"]["query"])
    assert found, f"not a query of label values: {variable['query']}"
    return found


def of_rules(catalogue: Catalogue) -> Iterator[Asked]:
    """Recording rules by their result and by what they ask, alerting rules by their selectors."""
    for rule in recordings():
        yield Asked(f"recording {rule['record']}", rule["record"])
        yield Asked(f"recording {rule['record']}", rule["expr"])
    for alert in alerts(catalogue):
        yield Asked(f"alert {alert.name}", alert.expr, whole=False)


def wrong(asked: Asked, ask: Ask) -> str:
    """Return what is wrong: it does not parse, an unknown metric, no answer; "" when all is well.

    Of a query with a variable one of the offered values must do.
    """
    names = set(_VARIABLE.findall(asked.expr))
    empty = sorted(name for name in names if not asked.variables.get(name))
    if empty:
        return f"no value for ${empty[0]}"
    found = ""
    for expr in _filled(asked.expr, {name: asked.variables[name] for name in names}):
        found = _wrong(expr, asked.whole, ask)
        if not found:
            return ""
    return found


def _filled(expr: str, variables: Mapping[str, Sequence[str]]) -> list[str]:
    """Put the offered values in, the first ones first."""
    made = [expr]
    for name, values in variables.items():
        pattern = re.compile(rf"\$\{{?{name}\}}?")
        made = [pattern.sub(value.replace("\\", r"\\"), one) for one in made for value in values]
    return made


def _wrong(expr: str, whole: bool, ask: Ask) -> str:
    told, _ = _answer(expr, ask)
    if told:
        return told
    for metric, selector in _SELECTOR.findall(expr):
        told, series = _answer(metric + selector, ask)
        if told or not series:
            known = _answer(metric, ask)[1]
            return told or (f"nothing for {metric}{selector}" if known else f"unknown metric {metric}")
    if whole and not _numbers(_answer(expr, ask)[1]):
        return "an empty answer"
    return ""


def _answer(expr: str, ask: Ask) -> tuple[str, list[Any]]:
    answer = ask("query", query=expr).json()
    if answer["status"] != "success":
        return f"{answer['errorType']}: {answer['error']}", []
    return "", answer["data"]["result"]


def _numbers(series: Sequence[Mapping[str, Any]]) -> list[float]:
    values = [float(one["value"][1]) for one in series]
    return [value for value in values if math.isfinite(value)]
