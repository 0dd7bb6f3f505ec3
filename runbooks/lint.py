"""Check loaded runbooks for what loads and is still wrong; codes are stable (docs/runbook-lint.md)."""

from __future__ import annotations

from collections.abc import Mapping

from runbooks import lint_causes, lint_checks, lint_names
from runbooks.lint_finding import Finding
from runbooks.model import Runbooks

__all__ = ["Finding", "lint"]


def lint(runbooks: Runbooks, known_names: Mapping[str, str]) -> list[Finding]:
    """Return all findings, sorted by place.

    `known_names`: record fields and KPI ids with their type (`number`, `bool`, `word`, or a type of the
    record schemas); derived names come from the runbooks themselves.
    """
    names = dict(known_names) | {name: spec.type for name, spec in runbooks.names.items()}
    rules = lint_names.RULES + lint_causes.RULES + lint_checks.RULES
    found = [finding for rule in rules for finding in rule(runbooks)]
    found += lint_names.names_and_types(runbooks, names)
    return sorted(set(found))
