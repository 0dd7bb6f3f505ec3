"""CSFB: area mapping, redirection frequencies, redial triggers (CSF-06, CSF-09, CSF-12)."""

from __future__ import annotations

import polars as pl

from diagnosis.serving import relations
from diagnosis.workspace import Name, Workspace

NAMES = {
    "la_on_sgs_msc": Name("boolean", "cell", ("cell.mapped_lac",)),
    "lac_equal": Name("boolean", "cell", ("cell.mapped_lac", "cell.gsm_lac_at_site")),
    "pool_equal": Name("boolean", "cell", ("cell.mapped_msc_pool", "cell.gsm_msc_pool")),
    "redirect_arfcn_count": Name(
        "integer", "call", ("call.t_esr", "call.csfb_redirect_arfcns"), known="no_fallback"
    ),
    "arfcns_current": Name("boolean", "cell", ("call.csfb_redirect_arfcns", "cell.csfb_gsm_arfcns")),
    "final_in_trigger_list": Name(
        "boolean", "call", ("call.final_status", "device_model.csfb_trigger_codes")
    ),
}


def derive(work: Workspace) -> None:
    """Add the values of NAMES."""
    site_lac = pl.coalesce(
        "cell.gsm_lac_at_site", pl.col("call.gsm_cgi").str.extract(r"^\d+-\d+-(\d+)-\d+$", 1).cast(pl.Int64)
    )
    work.derive(
        lac_equal=pl.col("cell.mapped_lac") == site_lac,
        pool_equal=pl.col("cell.mapped_msc_pool") == pl.col("cell.gsm_msc_pool"),
        final_in_trigger_list=_redials(work),
    )
    _derive_sgs(work)
    _derive_frequencies(work)


def _redials(work: Workspace) -> pl.Expr:
    """Return the status itself, or its class such as 4XX, is in the trigger list of the device."""
    status = pl.col("call.final_status").cast(pl.String)
    codes = pl.col("device_model.csfb_trigger_codes").list.eval(
        pl.element().str.to_uppercase().str.strip_chars()
    )
    listed = codes.list.contains(status) | codes.list.contains(status.str.slice(0, 1) + "XX")
    none = work.not_happened("call", "final_status") & codes.is_not_null()
    return pl.when(none).then(pl.lit(False)).otherwise(listed)


def _derive_sgs(work: Workspace) -> None:
    """Add the mapped LAC is in `lacs` of the MSC of the SGs association.

    Else of any MSC of the mapped pool.
    """
    served = (
        work.tables["node"]
        .filter(pl.col("node_type").is_in(["msc", "emsc"]))
        .select("node_id", "pool", "lacs")
        .explode("lacs")
        .drop_nulls("lacs")
    )
    of_node = served.select(_msc="node_id", _lac="lacs").unique().with_columns(_on_node=pl.lit(True))
    of_pool = (
        served.select(_pool="pool", _lac="lacs").drop_nulls().unique().with_columns(_in_pool=pl.lit(True))
    )
    work.derive(
        _msc=pl.when("named.msc").then("serving.msc").otherwise(pl.when("named.emsc").then("serving.emsc")),
        _lac=pl.col("cell.mapped_lac"),
        _pool=pl.col("cell.mapped_msc_pool"),
    )
    frame = work.frame.join(of_node, on=["_msc", "_lac"], how="left", maintain_order="left")
    work.frame = frame.join(of_pool, on=["_pool", "_lac"], how="left", maintain_order="left")
    node_told = pl.col("_msc").is_in(served["node_id"].unique().implode()).fill_null(False)
    pool_told = pl.col("_pool").is_in(served["pool"].drop_nulls().unique().implode()).fill_null(False)
    work.derive(
        la_on_sgs_msc=pl.when(pl.col("_lac").is_null())
        .then(pl.lit(None, dtype=pl.Boolean))
        .when(node_told)
        .then(pl.col("_on_node").fill_null(False))
        .when(pool_told)
        .then(pl.col("_in_pool").fill_null(False))
    )
    work.frame = work.frame.drop("_msc", "_lac", "_pool", "_on_node", "_in_pool")


def _derive_frequencies(work: Workspace) -> None:
    """Frequencies in the redirection, and whether at least half of them are those of the 2G layer here."""
    sent = pl.col("call.csfb_redirect_arfcns")
    redirected = pl.col("call.t_redirect").is_not_null()
    # A page that was not answered ends the call before any redirection (CSF-10).
    unanswered = (pl.col("call.paging_answered") == False).fill_null(False) & ~redirected  # noqa: E712
    # Where no redirection was seen and the cell has frequencies, it is not their lack that stopped it.
    asked = pl.col("call.t_esr").is_not_null() & ~unanswered
    none_known = pl.col("cell.csfb_gsm_arfcns").list.len().fill_null(0) == 0
    seen = work.can_see("call", "t_redirect")
    fell_back = redirected | (asked & (none_known | ~seen))
    work.derive(
        no_fallback=(work.not_happened("call", "t_esr") & ~redirected) | unanswered,
        redirect_arfcn_count=pl.when(sent.list.len() > 0)
        .then(sent.list.len().cast(pl.Int64))
        .when(fell_back & work.can_see("call", "csfb_redirect_arfcns"))
        .then(pl.lit(0, dtype=pl.Int64)),
        _used=pl.when(sent.list.len() > 0).then(sent).otherwise("cell.csfb_gsm_arfcns"),
    )
    gsm = relations(work).filter((pl.col("target_rat") == "GERAN") & pl.col("target_frequency").is_not_null())
    layer = gsm.group_by(serving_ecgi=pl.col("source_ecgi")).agg(_layer=pl.col("target_frequency").unique())
    work.frame = work.frame.join(layer, on="serving_ecgi", how="left", maintain_order="left")
    configured = pl.when(sent.list.len() > 0).then("cell.csfb_gsm_arfcns")
    work.derive(_layer=pl.coalesce("_layer", configured))
    used, there = pl.col("_used"), pl.col("_used").list.set_intersection("_layer").list.len()
    compared = (used.list.len() > 0) & (pl.col("_layer").list.len() > 0)
    work.derive(arfcns_current=pl.when(compared).then(2 * there >= used.list.n_unique()))
    work.frame = work.frame.drop("_used", "_layer")
