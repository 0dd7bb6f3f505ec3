"""A cell that dropped three calls for weak coverage, in a store that a service can open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from service_process import KEY

from collectors.ingest import ingest
from collectors.records import load_schemas
from collectors.store import Store

CELL = "460-00-345014-3"
BEGAN = datetime(2024, 3, 6, 9, 0, tzinfo=UTC)


def dropped_calls(**more: Any) -> list[dict[str, Any]]:
    """Three calls of three customers that lost their cell; `more`: further columns of all of them."""
    return [
        {
            "id": f"C-{n}",
            "icid": f"icid-{n}",
            "leg": "mo",
            "started_at": (BEGAN + timedelta(minutes=n)).isoformat(),
            "calling_number": f"861380000000{n}",
            "called_number": "8613987654321",
            "imsi": f"46000123456789{n}",
            "first_ecgi": CELL,
            "last_ecgi": CELL,
            "t_200": (BEGAN + timedelta(minutes=n, seconds=6)).isoformat(),
            "t_end": (BEGAN + timedelta(minutes=n, seconds=40)).isoformat(),
            "final_status": 200,
            "s1ap_group": "RNL",
            "s1ap_cause": 21,
            "reasons": '[{"protocol":"SIP","cause":503,"text":"Bearer lost"}]',
            "rsrp_last": -126.0,
            "sinr_last": -6.0,
            "handover_count": 0,
            "handover_failures": 0,
            **more,
        }
        for n in (1, 2, 3)
    ]


def store_tables(folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Put rows by record kind into the store `data/store` of a folder, through files and ingest."""
    (folder / "net").mkdir()
    for kind, rows in tables.items():
        frame = pl.DataFrame(rows, infer_schema_length=None)
        lacking = [name for name in load_schemas()[kind].required_columns if name not in frame.columns]
        whole = frame.with_columns(pl.lit(None).alias(name) for name in lacking)
        whole.write_csv(folder / f"net/{kind}.csv")
    with pytest.MonkeyPatch.context() as patch, Store.open(folder / "data" / "store") as store:
        patch.setenv("CALLCAUSE_PSEUDONYM_KEY", KEY)
        report = ingest(store, [folder / "net"])
        store.refresh()
    assert not report.quarantined, report.problems()


def network(folder: Path) -> None:
    """Put the cell, one node and the calls into the store of a folder."""
    calls = dropped_calls(scscf_name="scscf-1.ims.example.net")
    cell = {"ecgi": CELL, "cell_name": "KM-S0014-3", "enb_id": 345014, "tac": 9801}
    node = {"node_id": "SCSCF-1", "node_type": "scscf", "names": "scscf-1.ims.example.net"}
    store_tables(folder, {"call": calls, "cell": [cell], "node": [node]})
