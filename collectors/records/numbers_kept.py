"""Clear numbers of a ticket file by their pseudonyms: for a vault, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from collectors.records.identity import Pseudonymiser
from collectors.records.schema import load_schemas
from collectors.records.table import open_table
from collectors.records.validation import check_rows


def ticket_numbers(
    path: Path | str, pseudonymiser: Pseudonymiser, zone: str, country_code: str
) -> dict[str, str]:
    """Return pseudonym -> clear number of the good rows of a ticket file; empty for any other file."""
    table = open_table(path)
    found: dict[str, str] = {}
    if table.kind != "ticket":
        return found
    for batch in table.batches():
        good = check_rows(batch.frame, load_schemas()["ticket"], zone).good
        if "msisdn" not in good.columns:
            return found
        clear = good["msisdn"].drop_nulls()
        names = pseudonymiser.numbers(clear, country_code)
        kept = pl.DataFrame({"name": names, "clear": clear.str.strip_chars()}).drop_nulls()
        found |= dict(kept.filter(pl.col("name").str.starts_with("num_")).iter_rows())
    return found
