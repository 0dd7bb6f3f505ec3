"""RFC 3339 times as UTC; a time without an offset is read in the zone of its source, and counted."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from collectors.errors import ConfigError
from collectors.records.schema import UTC_TIME

_COMMON = "%Y-%m-%dT%H:%M:%S%.f%#z"
_WITH_OFFSET = (_COMMON, "%+", "%Y-%m-%d %H:%M:%S%.f%#z")
_WITHOUT_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")


def check_zone(zone: str) -> str:
    """Return the zone when it is an IANA name; ConfigError otherwise."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"{zone!r} is not an IANA time zone", hint="for example Asia/Shanghai") from error
    return zone


def common_times(text: pl.Expr) -> pl.Expr:
    """Parse the usual form (`T`, offset or Z) to UTC; anything else becomes null."""
    return _parse(text, _COMMON)


def any_times(text: pl.Expr) -> pl.Expr:
    """Parse every form of RFC 3339 that has an offset to UTC; anything else becomes null."""
    return pl.coalesce(_parse(text, form) for form in _WITH_OFFSET)


def zoned_times(text: pl.Expr, zone: str) -> pl.Expr:
    """Parse times without an offset as times of the zone.

    A time that the change to summer time leaves out becomes null; of a doubled hour the first is taken.
    """
    plain = pl.coalesce(text.str.to_datetime(form, time_unit="us", strict=False) for form in _WITHOUT_OFFSET)
    local = plain.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _parse(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False).cast(UTC_TIME)
