"""Telephone numbers in one spelling (E.164 digits without plus) and their class, for whole columns."""

from __future__ import annotations

import polars as pl

SHORT_CODE_DIGITS = 6
"""Numbers up to this length are service numbers (110, 10086, 955xx): nobody's identity, kept as they are."""

_WITHHELD = r"^(?i:anonymous|unavailable|restricted|unknown|withheld|private|none|null|n/a|-)$"
_CHINA = "86"


def user_part(text: pl.Expr) -> pl.Expr:
    """Return the user part of a SIP or tel URI (or name-addr); plain numbers stay as they are."""
    inner = pl.coalesce(text.str.extract(r"<([^<>]+)>", 1), text)
    bare = inner.str.replace(r"^\s*(?i:sips?|tel):", "")
    user = bare.str.replace(r"[@;?].*$", "").str.strip_chars().str.to_lowercase()
    return pl.when((user != "") & ~user.str.contains(_WITHHELD)).then(user)


def _international(text: pl.Expr, country_code: str) -> pl.Expr:
    """User part with a plus where the number is international; other spellings of it removed."""
    user = user_part(text)
    packed = user.str.replace_all(r"[\s()./_–—-]", "")
    digits = pl.when(packed.str.contains(r"^\+?[0-9*#]+$")).then(packed).otherwise(user)
    plus = digits.str.replace(r"^00", "+")
    national = {rf"^\+?{country_code}0+([1-9])": f"+{country_code}$1"} if country_code == _CHINA else {}
    if country_code == _CHINA:
        # Mobile numbers have 11 digits and no trunk prefix, fixed ones are dialled 0 + area code + number.
        national[r"^0?(1\d{10})$"] = f"+{country_code}$1"
        national[r"^0(10\d{8}|[2-9]\d{8,10})$"] = f"+{country_code}$1"
    else:
        national[r"^0([1-9]\d{5,11})$"] = f"+{country_code}$1"
    for pattern, spelling in national.items():
        plus = plus.str.replace(pattern, spelling.replace("$1", "${1}"))
    return plus


def normalise_number(text: pl.Expr, country_code: str = _CHINA) -> pl.Expr:
    """Return E.164 digits without plus; short codes and words stay, a withheld number becomes null."""
    return _international(text, country_code).str.strip_prefix("+")


def is_short_code(number: pl.Expr) -> pl.Expr:
    """Whether a normalised number is a service number that is kept in clear."""
    return number.str.contains(rf"^[0-9*#]{{1,{SHORT_CODE_DIGITS}}}$")


def number_class(text: pl.Expr, country_code: str = _CHINA) -> pl.Expr:
    """Class of a number: short_code, mobile, fixed, international, unknown; null where there is no number.

    Service numbers longer than a short code (400, 800, 95, 106) count as short_code. Which fixed and mobile
    ranges a country has is known for country code 86 only; elsewhere home numbers are `unknown`.
    """
    # Its own step, because the spelling would else be worked out again in every branch.
    spelling = _international(text, country_code)
    return spelling.map_batches(lambda column: _classes(column, country_code), return_dtype=pl.String)


def _classes(spelling: pl.Series, country_code: str) -> pl.Series:
    plus = pl.col("plus")
    digits = plus.str.strip_prefix("+")
    home = digits.str.strip_prefix(country_code)
    at_home = digits.str.starts_with(country_code) & (digits.str.len_chars() >= 10)
    service = is_short_code(digits) | digits.str.contains(
        rf"^(?:(?:{country_code})?[48]00\d{{7}}|95\d{{3,6}}|106\d{{5,17}})$"
    )
    china = pl.lit(country_code == _CHINA)
    foreign = (plus.str.starts_with("+") | digits.str.contains(r"^[2-9]\d{10,14}$")) & ~at_home
    kind = (
        pl.when(plus.is_null())
        .then(pl.lit(None, pl.String))
        .when(~digits.str.contains(r"^[0-9*#]+$"))
        .then(pl.lit("unknown"))
        .when(service)
        .then(pl.lit("short_code"))
        .when(china & at_home & home.str.contains(r"^1[3-9]\d{9}$"))
        .then(pl.lit("mobile"))
        .when(china & at_home & home.str.contains(r"^(?:10\d{8}|[2-9]\d{8,10})$"))
        .then(pl.lit("fixed"))
        .when(foreign & digits.str.contains(r"^[1-9]\d{6,14}$"))
        .then(pl.lit("international"))
        .otherwise(pl.lit("unknown"))
    )
    return spelling.alias("plus").to_frame().select(kind.alias(spelling.name)).to_series()
