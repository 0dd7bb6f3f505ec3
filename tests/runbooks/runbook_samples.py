"""Small runbooks that tests write to a folder and break on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from runbooks.loader import assemble
from runbooks.model import Cause, Check, NameSpec, Precedence, Runbooks

WORDS = {"en": "Weak?", "zh": "弱？"}


def condition(**changes: Any) -> dict[str, Any]:
    """One condition that speaks for `drop-a`."""
    return {
        "when": "call.rsrp_last < -110",
        "cause": "drop-a",
        "level": "own",
        "hit": 3,
        "miss": -2,
        "unit": "dBm",
        "origin": "default-unverified",
    } | changes


def cases() -> list[dict[str, Any]]:
    """HIT, MISS and NO_DATA of `condition()`."""
    return [
        {"name": "weak", "given": {"call.rsrp_last": -111}, "expect": "HIT"},
        {"name": "at the limit", "given": {"call.rsrp_last": -110}, "expect": "MISS"},
        {"name": "nothing known", "given": {}, "expect": "NO_DATA"},
    ]


def check(**changes: Any) -> dict[str, Any]:
    """One check of the drop tree."""
    return {
        "id": "DRP-X1",
        "order": 1,
        "scope": "call",
        "question": dict(WORDS),
        "needs": ["call.rsrp_last"],
        "rule": "Hit when the level is low.",
        "conditions": [condition()],
        "cases": cases(),
    } | changes


def cause(**changes: Any) -> dict[str, Any]:
    """One cause of the drop tree."""
    return {
        "id": "drop-a",
        "category": "drop",
        "title": dict(WORDS),
        "departments": [{"en": "Transport", "zh": "传输"}],
        "remedy": dict(WORDS),
        "is_fault": True,
        "family": "transport",
    } | changes


def precedence(**changes: Any) -> dict[str, Any]:
    """One declared order."""
    order = {"id": "a-first", "before": ["drop-a"], "after": ["drop-b"], "damp": 1, "rule": "r"}
    return order | {"reason": dict(WORDS)} | changes


def name(**changes: Any) -> dict[str, Any]:
    """One derived name."""
    return {"name": "loss_seen", "type": "bool", "definition": "Loss was seen somewhere."} | changes


def runbooks(
    checks: list[dict[str, Any]] | None = None,
    causes: list[dict[str, Any]] | None = None,
    orders: list[dict[str, Any]] | None = None,
    names: list[dict[str, Any]] | None = None,
) -> Runbooks:
    """Assemble runbooks without files."""
    made = [Check.model_validate({"category": "drop"} | raw) for raw in (checks or [check()])]
    causes_made = [Cause.model_validate(raw) for raw in (causes or [cause()])]
    names_made = [NameSpec.model_validate(raw) for raw in (names or [])]
    return assemble(
        {
            "checks": {c.id: c for c in made},
            "causes": {c.id: c for c in causes_made},
            "departments": {"Transport": "传输"},
            "precedence": {o["id"]: Precedence.model_validate(o) for o in (orders or [])},
            "names": {n.name: n for n in names_made},
            "also_runs": {},
            "unanswerable": [],
        },
        (),
    )


def write(folder: Path, file: str, content: Mapping[str, Any] | str) -> Path:
    """Write one runbook file; a mapping is dumped as YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(dict(content), allow_unicode=True)
    (folder / file).write_text(text, encoding="utf-8")
    return folder
