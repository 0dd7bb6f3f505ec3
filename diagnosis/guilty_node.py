"""The node at fault: its id, its type and why it is named; None where none is or none can be named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"
# The call record says `cscf` for any of the three; the S-CSCF is the one that releases calls.
_SAME_AS = {"cscf": ("scscf", "icscf", "pcscf"), "sbc": ("sbc", "pcscf"), "pcscf": ("pcscf", "sbc")}


@lru_cache(maxsize=1)
def guilty_types() -> Mapping[str, Mapping[str, Any]]:
    """Return cause id -> node types that may be at fault and the fields that tell which."""
    types: dict[str, dict[str, Any]] = yaml.safe_load((DATA / "guilty_nodes.yaml").read_text("utf-8"))
    return types


def guilty_node(cause: str, declared: str | None, row: Mapping[str, Any]) -> dict[str, str] | None:
    """Name the node for the first cause of one ticket.

    `declared`: node type that the runbook gives the cause; `row`: evidence values of the ticket.
    """
    rule = guilty_types().get(cause, {"types": [declared]} if declared not in (None, "other") else None)
    if rule is None:
        return None
    for field in rule.get("told_by", ()):
        told = _told(row.get(field), rule["types"], row)
        if told is not None:
            return {**told, "because": f"{field} is {row[field]}"}
    return None if rule.get("only_told") else _serving(rule["types"], cause, row)


def _told(value: object, types: Sequence[str], row: Mapping[str, Any]) -> dict[str, str] | None:
    for node_type in _SAME_AS.get(str(value), (str(value),)):
        node = row.get(f"serving.{node_type}")
        if node_type in types and node:
            return {"id": str(node), "type": node_type}
    return None


def _serving(types: Sequence[str], cause: str, row: Mapping[str, Any]) -> dict[str, str] | None:
    """Take the first type of which a serving node is known; one that the record names before a guess."""
    served = [t for t in types if _id(t, row)]
    named = [t for t in served if row.get(f"named.{t}")]
    if not served:
        return None
    node_type = (named or served)[0]
    how = "the record names it" if node_type in named else "it is the one that serves this user"
    return {
        "id": _id(node_type, row),
        "type": node_type,
        "because": f"{cause} lies in the {node_type}; {how}",
    }


def _id(node_type: str, row: Mapping[str, Any]) -> str:
    value = (
        row.get("serving.enb") or row.get("site") if node_type == "enb" else row.get(f"serving.{node_type}")
    )
    return str(value) if value else ""
