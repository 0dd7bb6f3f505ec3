"""Evidence rows kept beside their results, and verdicts made again from them.

A row is JSON of the values that are known. What all rows share (columns and their types, runbooks,
calibration, settings) is kept once, under the digest of its content.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from callcause_error import CallcauseError
from diagnosis.calibration import Calibration
from diagnosis.engine import decide
from diagnosis.evidence import Evidence
from diagnosis.outcome import make_plan
from diagnosis.ranking import make_weights
from diagnosis.result import DiagnosisBatch
from diagnosis.settings import DiagnosisSettings
from runbooks.model import Runbooks

FORMAT = "callcause.evidence/1"
Document = dict[str, Any]


def knowledge_of(batch: DiagnosisBatch) -> Document:
    """Return all that verdicts are made with beside the evidence row itself."""
    evidence = _evidence(batch)
    empty = io.BytesIO()
    evidence.frame.clear().write_ipc(empty)
    return {
        "format": FORMAT,
        "runbooks": batch.plan.runbooks.model_dump(mode="json"),
        "calibration": batch.calibration.model_dump(mode="json"),
        "settings": batch.settings.model_dump(mode="json"),
        "kpi_places": dict(evidence.kpi_places),
        "types": dict(evidence.types),
        "scopes": dict(batch.kpi_scopes),
        "columns": base64.b64encode(empty.getvalue()).decode(),
    }


def digest_of(knowledge: Document) -> str:
    """Return the digest of the content; the order of checks and causes is part of it."""
    text = json.dumps(knowledge, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def rows_of(batch: DiagnosisBatch) -> dict[str, bytes]:
    """Return the evidence row of every ticket, compressed."""
    frame = _evidence(batch).frame
    return {
        ticket: _packed(row)
        for ticket, row in zip(batch.ticket_ids, frame.iter_rows(named=True), strict=True)
    }


def replayed(knowledge: Document, row: bytes) -> Document:
    """Make the verdict again; CallcauseError where the row was written by another version."""
    found: Document = batch_of(knowledge, [row]).results()[0]
    return found


def batch_of(knowledge: Document, rows: Sequence[bytes], runbooks: Runbooks | None = None) -> DiagnosisBatch:
    """Decide kept evidence again, in the order of the rows; with other runbooks where they are given."""
    if knowledge.get("format") != FORMAT:
        raise CallcauseError("the evidence was kept by another version of callcause", key="format")
    shared = _shared(json.dumps(knowledge, ensure_ascii=False))
    values = [_unpacked(row) for row in rows]
    frame = pl.DataFrame(
        [
            pl.Series(name, [_typed(one.get(name)) for one in values], dtype=dtype)
            for name, dtype in shared["columns"].items()
        ]
    )
    evidence = Evidence(frame, {}, knowledge["kpi_places"], knowledge["types"])
    weights = shared["weights"] if runbooks is None else make_weights(make_plan(runbooks))
    settings, calibration = shared["settings"], shared["calibration"]
    return decide(evidence, weights, settings, calibration, knowledge["scopes"])


def runbooks_of(knowledge: Document) -> Runbooks:
    """Return the runbooks that stand in the knowledge."""
    return Runbooks.model_validate(knowledge["runbooks"])


def contract_bytes(contract: Mapping[str, Any]) -> bytes:
    """Return the bytes of a contract object, as `callcause diagnose --format json` writes it."""
    return json.dumps(contract, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=4)
def _shared(text: str) -> Document:
    knowledge = json.loads(text)
    columns = pl.read_ipc(io.BytesIO(base64.b64decode(knowledge["columns"]))).schema
    runbooks = Runbooks.model_validate(knowledge["runbooks"])
    return {
        "columns": columns,
        "weights": make_weights(make_plan(runbooks)),
        "settings": DiagnosisSettings.model_validate(knowledge["settings"]),
        "calibration": Calibration.model_validate(knowledge["calibration"]),
    }


def _evidence(batch: DiagnosisBatch) -> Evidence:
    if not isinstance(batch.readings, Evidence):
        raise TypeError("only a batch that was made from evidence can be kept")
    return batch.readings


def _packed(row: Mapping[str, Any]) -> bytes:
    known = {name: _plain(value) for name, value in row.items() if value is not None}
    return zlib.compress(json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode(), 6)


def _unpacked(row: bytes) -> Document:
    found: Document = json.loads(zlib.decompress(row))
    return found


def _plain(value: Any) -> Any:
    """Return a value as JSON that says its type where JSON has none for it."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, timedelta):
        return {"us": value // timedelta(microseconds=1)}
    if isinstance(value, list):
        return {"list": [_plain(item) for item in value]}
    if isinstance(value, dict):
        return {"struct": {name: _plain(item) for name, item in value.items()}}
    return value


def _typed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()))
    if kind == "list":
        return [_typed(item) for item in content]
    if kind == "struct":
        return {name: _typed(item) for name, item in content.items()}
    if kind == "us":
        return timedelta(microseconds=content)
    readers: dict[str, Callable[[str], Any]] = {
        "float": float,
        "time": datetime.fromisoformat,
        "date": date.fromisoformat,
    }
    return readers[kind](content)
