"""S1AP causes of probes that write group and number as one value (121 = RNL 21): the offset is taken off.

Whether a source does so, and with which offsets, is said in its vendor map; it is never guessed from a value
(records.md of the reference, "S1AP cause coding"; the order of the usual offsets is default-unverified).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise

import polars as pl

from collectors.errors import ConfigError
from collectors.records.rows import LINE, bad_rows

GROUPS = ("RNL", "TL", "NAS", "PROT", "MISC")
_SPAN = 100
_PREFIX = "S1AP-"
_PAIRS = (("s1ap_group", "s1ap_cause"), ("erab_fail_group", "erab_fail_cause"))
_PROTOCOLS = (("first_error_protocol", "first_error_code"), ("last_error_protocol", "last_error_code"))


def check_offsets(offsets: Mapping[str, int]) -> dict[str, int]:
    """Return the offsets in their order; ConfigError for an unknown group or two groups that overlap."""
    ordered = dict(sorted(offsets.items(), key=lambda item: item[1]))
    for group in ordered:
        if group not in GROUPS:
            raise ConfigError(f"{group!r} is no S1AP cause group", key="s1ap_offsets", hint=", ".join(GROUPS))
    values = list(ordered.values())
    if any(b - a < _SPAN for a, b in pairwise(values)) or min(values, default=0) < 0:
        raise ConfigError(f"offsets must lie at least {_SPAN} apart", key="s1ap_offsets")
    return ordered


def take_off_offsets(frame: pl.DataFrame, offsets: Mapping[str, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split the combined causes of call rows into group and number.

    Returns the good rows and a report of those whose value lies in no group or contradicts the given group.
    """
    known = check_offsets(offsets)
    wrong: list[pl.DataFrame] = []
    for group, cause in _PAIRS:
        if cause in frame.columns:
            frame = _split(frame, group, cause, known, prefix="", wrong=wrong)
    for protocol, code in _PROTOCOLS:
        if {protocol, code} <= set(frame.columns):
            frame = _split(frame, protocol, code, known, prefix=_PREFIX, wrong=wrong)
    if "reasons" in frame.columns:
        frame = _split_reasons(frame, known, wrong)
    bad = pl.concat([bad_rows(), *wrong])
    return frame.filter(~pl.col(LINE).is_in(bad["line"].unique().to_list())), bad


def _split(
    frame: pl.DataFrame,
    group: str,
    cause: str,
    offsets: Mapping[str, int],
    *,
    prefix: str,
    wrong: list[pl.DataFrame],
) -> pl.DataFrame:
    given = pl.col(group) if group in frame.columns else pl.lit(None, pl.String)
    concerned = pl.col(cause).is_not_null() & (given.str.starts_with(prefix) if prefix else pl.lit(True))
    found, number = pl.lit(None, pl.String), pl.lit(None, pl.Int64)
    for name, offset in offsets.items():
        inside = pl.col(cause).is_between(offset, offset + _SPAN - 1)
        found = pl.when(inside).then(pl.lit(prefix + name)).otherwise(found)
        number = pl.when(inside).then(pl.col(cause) - offset).otherwise(number)
    frame = frame.with_columns(
        __found=found, __number=number, __given=given, __concerned=concerned.fill_null(False)
    )
    agrees = pl.col("__found").is_not_null() & (
        pl.col("__given").fill_null(pl.col("__found")) == pl.col("__found")
    )
    breach = frame.filter(pl.col("__concerned") & ~agrees)
    wrong.append(_report(breach, cause))
    chosen = pl.when("__concerned")
    frame = frame.with_columns(
        chosen.then("__found").otherwise("__given").alias(group),
        chosen.then("__number").otherwise(cause).alias(cause),
    )
    return frame.drop("__found", "__number", "__given", "__concerned")


def _report(breach: pl.DataFrame, cause: str) -> pl.DataFrame:
    reason = "the S1AP cause lies in no group of the offsets, or contradicts the group given beside it"
    value = pl.col(cause).cast(pl.String)
    return breach.select(line=LINE, field=pl.lit(cause), value=value, reason=pl.lit(reason))


def _split_reasons(
    frame: pl.DataFrame, offsets: Mapping[str, int], wrong: list[pl.DataFrame]
) -> pl.DataFrame:
    old = frame["reasons"].drop_nulls().unique().to_list()
    new = [_reasons_without_offset(text, offsets) for text in old]
    mapping = (pl.Series(old, dtype=pl.String), pl.Series(new, dtype=pl.String))
    split = frame["reasons"].replace_strict(*mapping, default=None, return_dtype=pl.String)
    breach = frame.filter(split.is_null() & frame["reasons"].is_not_null())
    hidden = breach.with_columns(pl.lit("").alias("reasons"))
    wrong.append(_report(hidden, "reasons"))
    return frame.with_columns(split.alias("reasons"))


def _reasons_without_offset(text: str, offsets: Mapping[str, int]) -> str | None:
    reasons = json.loads(text)
    for reason in reasons:
        protocol, cause = reason.get("protocol"), reason.get("cause")
        if not (protocol or "").startswith(_PREFIX) or cause is None:
            continue
        group = protocol.removeprefix(_PREFIX)
        if group not in offsets or not 0 <= cause - offsets[group] < _SPAN:
            return None
        reason["cause"] = cause - offsets[group]
    return json.dumps(reasons, ensure_ascii=False)
