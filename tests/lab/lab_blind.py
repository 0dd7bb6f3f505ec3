"""The same store seen without one of its sources: what callcause would have said without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store
from diagnosis.engine import diagnose
from diagnosis.settings import DiagnosisSettings
from runbooks.loader import load_runbooks

KINDS = {
    "hep": ("registration", "call", "hop", "voice_slice"),
    "prometheus": ("node_sample", "node_kpi"),
    "hss_log": ("diameter_answer",),
}


class _Without:
    """A record source that hides some kinds, and with `node_kpi` the node KPIs."""

    def __init__(self, store: Store, kinds: Sequence[str]) -> None:
        self._store, self._kinds = store, kinds

    def records(self, kind: str) -> pl.LazyFrame:
        rows = self._store.records(kind)
        return rows.head(0) if kind in self._kinds else rows

    def kpi_at(self, keys: pl.DataFrame, kpi_ids: Sequence[str]) -> pl.DataFrame:
        if "node_kpi" in self._kinds:
            keys = keys.with_columns(entity=pl.lit("nowhere"))
        return self._store.kpi_at(keys, kpi_ids)


class Blindfold:
    """Diagnoses a ticket as if a source had not been there."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._knowledge = load_runbooks(), load_catalogue()

    def verdict(self, ticket: dict[str, Any], source: str) -> dict[str, Any]:
        """Return the contract object of a ticket without `source` (hep, prometheus, hss_log, or two: a+b)."""
        store = Store.open(self._root)
        try:
            # The ticket's row as the service stored it: its number is a pseudonym there.
            rows = store.records("ticket").filter(pl.col("id") == ticket["id"]).collect()
            runbooks, catalogue = self._knowledge
            source_ = _Without(store, [kind for name in source.split("+") for kind in KINDS[name]])
            return diagnose(source_, rows, runbooks, catalogue, DiagnosisSettings()).results()[0]
        finally:
            store.close()
