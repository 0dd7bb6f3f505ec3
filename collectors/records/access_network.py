"""What the network says about place and home of a user: P-Access-Network-Info, PLMN of an IMSI."""

from __future__ import annotations

import polars as pl

# Countries whose MNC has three digits (E.212): North America and the Caribbean, parts of Latin America.
_THREE_DIGIT_MNC = (
    r"^(?:302|31[0-6]|330|334|338|34[0-68]|35[02468]|36[056]|37[46]|405|708|714|722|732|738|750)"
)
# TS 24.229: MCC MNC, TAC (4 hex digits), ECI (7 hex digits); only the length tells a 3-digit MNC.
_CELL = r"(?i)utran-cell-id-3gpp\s*=\s*\"?(\d{3})(\d{2,3})([0-9a-f]{4})([0-9a-f]{7})\"?\s*(?:;|,|$)"


def home_plmn(imsi: pl.Expr) -> pl.Expr:
    """MCC-MNC of an IMSI, for example `460-00`; null where it is no IMSI."""
    digits = pl.when(imsi.str.contains(r"^\d{14,15}$")).then(imsi)
    mnc = (
        pl.when(digits.str.contains(_THREE_DIGIT_MNC))
        .then(digits.str.slice(3, 3))
        .otherwise(digits.str.slice(3, 2))
    )
    return digits.str.slice(0, 3) + "-" + mnc


def serving_cell(header: pl.Expr) -> pl.Expr:
    """ECGI (MCC-MNC-eNB-cell) inside a P-Access-Network-Info value; null where there is none."""
    parts = [header.str.extract(_CELL, group) for group in (1, 2, 4)]
    eci = parts[2].str.to_integer(base=16, strict=False)
    return parts[0] + "-" + parts[1] + "-" + (eci // 256).cast(pl.String) + "-" + (eci % 256).cast(pl.String)


def tracking_area(header: pl.Expr) -> pl.Expr:
    """Tracking Area Code inside a P-Access-Network-Info value; null where there is none."""
    return header.str.extract(_CELL, 3).str.to_integer(base=16, strict=False)
