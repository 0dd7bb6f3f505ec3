"""Neighbour relations of the serving cell: missing, stale, and overlapping ones (DRP-07, DRP-08, DRP-10)."""

from __future__ import annotations

import polars as pl

from diagnosis.serving import relations
from diagnosis.source import among
from diagnosis.workspace import Name, Workspace

NAMES = {
    "neighbour.is_defined": Name("boolean", "neighbour"),
    "neighbour.reported_count": Name("integer", "neighbour"),
    "neighbour.reported_rsrp": Name("float", "neighbour"),
    "neighbour.target_id": Name("string", "neighbour"),
    "neighbour.overlap_share": Name("float", "neighbour"),
    "pci_equal": Name("boolean", "neighbour"),
    "gsm_lac_equal": Name("boolean", "neighbour"),
    "pci_mod3_equal": Name("boolean", "neighbour", ("cell.pci",)),
    "overlap": Name("boolean", "neighbour"),
    "overlap_neighbours": Name("integer", "neighbour"),
}


def derive(work: Workspace) -> None:
    """Add the values of NAMES. All are per serving cell; the serving level of the call decides `overlap`."""
    rows = _relations(work)
    by_cell = _per_cell(work, rows)
    work.frame = work.frame.join(by_cell, on="serving_ecgi", how="left", maintain_order="left")
    work.derive(pl.col("has.neighbours").fill_null(False))
    _add_overlap(work, rows)


def _relations(work: Workspace) -> pl.DataFrame:
    """Relations of the serving cells.

    With the real PCI and frequency of the target where the inventory has them.
    """
    rows = relations(work)
    known = pl.concat([rows["source_ecgi"], rows["target_id"]])
    cells = work.tables["cell"].filter(among("ecgi", known))
    cells = cells.unique("ecgi", keep="first", maintain_order=True)
    own = cells.select(source_ecgi="ecgi", own_pci="pci", own_frequency="earfcn_dl")
    target = cells.select(target_id="ecgi", inventory_pci="pci", inventory_frequency="earfcn_dl")
    rows = rows.join(own, on="source_ecgi", how="left").join(target, on="target_id", how="left")
    return rows.with_columns(
        real_pci=pl.coalesce("target_real_pci", "inventory_pci"),
        frequency=pl.coalesce("target_frequency", "inventory_frequency"),
        lte=(pl.col("target_rat") == "EUTRAN").fill_null(False),
    )


def _per_cell(work: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """One line per serving cell."""
    return _aggregates(work, rows).select(
        "serving_ecgi",
        pl.when("_told").then(~pl.col("_missing")).alias("neighbour.is_defined"),
        pl.when("_pci_told").then(~pl.col("_stale")).alias("pci_equal"),
        pl.when("_lac_told").then(~pl.col("_wrong_lac")).alias("gsm_lac_equal"),
        pl.col("count").alias("neighbour.reported_count"),
        pl.when("_missing").then("level").otherwise("_level").alias("neighbour.reported_rsrp"),
        pl.when("_missing").then("target").alias("neighbour.target_id"),
        pl.col("share").alias("neighbour.overlap_share"),
        pl.lit(True).alias("has.neighbours"),
    )


def _aggregates(work: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """Sum up what the relations of a cell tell.

    A relation is missing only when the phones report its target often enough.
    """
    reported = pl.col("reported_count").is_null() | (pl.col("reported_count") >= work.settings.reported_min)
    missing = ~pl.col("is_defined") & reported
    defined = pl.col("is_defined").fill_null(True)
    stale = (pl.col("target_pci") != pl.col("real_pci")).filter(pl.col("lte") & defined)
    wrong_lac = (pl.col("target_lac") != pl.col("target_real_lac")).filter(pl.col("target_rat") == "GERAN")
    worst = pl.col("target_id").sort_by(
        missing.fill_null(False),
        pl.col("reported_count").fill_null(0),
        "target_id",
        descending=[True, True, False],
    )
    return rows.group_by(serving_ecgi=pl.col("source_ecgi")).agg(
        _missing=missing.drop_nulls().any(),
        _told=pl.col("is_defined").is_not_null().any(),
        _stale=stale.drop_nulls().any(),
        _pci_told=stale.is_not_null().any(),
        _wrong_lac=wrong_lac.drop_nulls().any(),
        _lac_told=wrong_lac.is_not_null().any(),
        count=pl.col("reported_count").filter(missing.fill_null(False)).max(),
        target=worst.first(),
        level=pl.col("reported_rsrp").filter(missing.fill_null(False)).max(),
        _level=pl.col("reported_rsrp").max(),
        share=pl.col("overlap_share").filter("lte").max(),
    )


def _add_overlap(work: Workspace, rows: pl.DataFrame) -> None:
    """`overlap` is asked of the neighbours with the same PCI modulo 3 where there are any, else of all."""
    limits = work.settings
    same_carrier = (pl.col("own_frequency") == pl.col("frequency")).fill_null(True)
    lte = rows.filter(pl.col("lte") & same_carrier).select(
        serving_ecgi="source_ecgi",
        mod3=(pl.coalesce("real_pci", "target_pci") % 3) == (pl.col("own_pci") % 3),
        by_share=pl.col("overlap_share") >= limits.overlap_share_percent,
        strong=pl.col("reported_rsrp") > limits.overlap_rsrp_dbm,
    )
    serving = pl.coalesce("call.rsrp_last", "rsrp_mean")
    work.derive(_strong=serving > limits.overlap_rsrp_dbm)
    # The level of the serving cell has two states per cell at most (and unknown): aggregate once per state.
    states = work.frame.select("serving_ecgi", "_strong").unique()
    per_state = lte.join(states, on="serving_ecgi").with_columns(
        over=pl.when(
            pl.col("by_share").fill_null(False) | (pl.col("strong") & pl.col("_strong")).fill_null(False)
        )
        .then(pl.lit(True))
        .when(pl.col("by_share").is_not_null() | (pl.col("strong") & pl.col("_strong")).is_not_null())
        .then(pl.lit(False))
    )
    of_mod3 = pl.col("over").filter(pl.col("mod3").fill_null(False))
    chosen = (
        pl.when(pl.col("mod3").fill_null(False).any()).then(_any(of_mod3)).otherwise(_any(pl.col("over")))
    )
    lines = per_state.group_by("serving_ecgi", "_strong").agg(
        pci_mod3_equal=_any(pl.col("mod3")),
        overlap=chosen,
        overlap_neighbours=pl.when(pl.col("over").is_not_null().any()).then(
            pl.col("over").fill_null(False).sum().cast(pl.Int64)
        ),
    )
    work.frame = work.frame.join(
        lines, on=["serving_ecgi", "_strong"], how="left", nulls_equal=True, maintain_order="left"
    ).drop("_strong")


def _any(values: pl.Expr) -> pl.Expr:
    """Return true when one is, false when one is known and none is true, else null."""
    return (
        pl.when(values.drop_nulls().any())
        .then(pl.lit(True))
        .when(values.is_not_null().any())
        .then(pl.lit(False))
    )
