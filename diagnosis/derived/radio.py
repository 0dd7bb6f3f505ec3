"""Radio and load of the serving cell against its limits."""

from __future__ import annotations

import polars as pl

from diagnosis.workspace import Name, Workspace

NAMES = {
    "radio_beyond_limit": Name("boolean", "cell"),
    "rrc_limit_use": Name("float", "rrc_connected_max", ("rrc_connected_max", "cell.rrc_user_limit")),
    "gbr_limit_use": Name("float", "gbr_prb_share", ("gbr_prb_share", "cell.gbr_limit")),
    "qci5_attempts": Name("float", "erab_setup_success_ratio_qci5", ("erab_setup_success_ratio_qci5",)),
    "low_cqi_share": Name(
        "float", "dl_sinr_and_low_cqi_share.low_cqi_share", ("dl_sinr_and_low_cqi_share.low_cqi_share",)
    ),
    "sigma_drop": Name(
        "float", "ims_initial_registration_success_ratio", ("ims_initial_registration_success_ratio",)
    ),
}
_MAD_TO_SIGMA = 1.4826


def derive(work: Workspace) -> None:
    """Add the values of NAMES (REG-08, REG-11, REG-17, ACC-03, ACC-06, DRP-07)."""
    attempt = (pl.col("category") == "registration").fill_null(False)
    call, registration = pl.col("call.rsrp_last"), pl.col("registration.rsrp")
    rsrp = pl.when(attempt).then(pl.coalesce(registration, call)).otherwise(pl.coalesce(call, registration))
    beyond = [
        rsrp < work.limit("radio_rsrp_dbm"),
        pl.col("ul_interference_per_prb") > work.limit("radio_noise_dbm"),
        pl.col("rrc_connection_setup_success_ratio") < work.limit("radio_rrc_percent"),
    ]
    ratio = "ims_initial_registration_success_ratio"
    value, base, n = pl.col(ratio), pl.col(f"{ratio}__base"), pl.col(f"{ratio}__n")
    share = (base / 100).clip(0.0001, 0.9999)
    # The spread of the base cannot be smaller than what counting so many attempts gives.
    counting = 100 * (share * (1 - share) / n.replace(0, None)).sqrt()
    sigma = pl.max_horizontal(_MAD_TO_SIGMA * pl.col(f"{ratio}__mad"), counting)
    work.derive(
        # The rule says so: false when none of the three is known.
        radio_beyond_limit=pl.any_horizontal(*(part.fill_null(False) for part in beyond)),
        rrc_limit_use=100 * pl.col("rrc_connected_max") / pl.col("cell.rrc_user_limit"),
        gbr_limit_use=100 * pl.col("gbr_prb_share") / pl.col("cell.gbr_limit"),
        qci5_attempts=pl.col("erab_setup_success_ratio_qci5__n"),
        low_cqi_share=pl.col("dl_sinr_and_low_cqi_share.low_cqi_share"),
        sigma_drop=pl.when(sigma > 0).then((base - value) / sigma),
    )
