"""Subscriber identities become keyed pseudonyms here, after what needs the clear value was derived.

The same number gives the same pseudonym in every record and field, so joins work as before.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from collectors.records.access_network import home_plmn, serving_cell, tracking_area
from collectors.records.key import load_key, load_keys
from collectors.records.numbers import is_short_code, normalise_number, number_class, user_part
from collectors.records.schema import RecordField, RecordSchema
from collectors.records.scrub import scrub_text

__all__ = [
    "Protected",
    "Pseudonymiser",
    "load_key",
    "load_pseudonymiser",
    "normalise_number",
    "number_class",
    "protect",
    "scrub_text",
]

_HASH_BYTES = 16  # RFC 2104, section 5: not less than half of the hash
_REMEMBERED = 1 << 18
# Letters for the hexadecimal digits, so that no pseudonym ever looks like a number to a reader or a scrubber.
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_CLASSES = {
    "ticket": {"other_party_number": "other_party_class"},
    "call": {"calling_number": "calling_class", "called_number": "called_class"},
}
_CELL_OF = {"registration": ("ecgi", "tac"), "call": ("first_ecgi", "first_tac")}
_IMSI_DIGITS = r"^\d{14,15}$"
_IMEI_BASE_DIGITS = 14


class Pseudonymiser:
    """Turns clear identities into pseudonyms (`num_dp...`, `imsi_...`): HMAC-SHA-256 with a secret key.

    `previous`: the former key, while both are known; pseudonyms under it are found again, none is made.
    """

    def __init__(self, key: bytes, previous: bytes | None = None) -> None:
        self.previous = Pseudonymiser(previous) if previous is not None else None
        self.aliases: dict[str, str] = {}
        """Pseudonyms of tickets' persons: the one under the former key -> the one in use."""
        self.formers: dict[str, str] = {}
        """The other way round."""
        self._key = key
        self._keyed: dict[str, hmac.HMAC] = {}
        # The same subscribers come back in every batch of a file.
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._hash)

    def __repr__(self) -> str:
        return "Pseudonymiser(...)"

    def pseudonym(self, prefix: str, clear: str) -> str:
        """Return the pseudonym of one clear text; the prefix tells the kind and enters the hash."""
        return self._remembered(prefix, clear)

    def _hash(self, prefix: str, clear: str) -> str:
        if prefix not in self._keyed:
            self._keyed[prefix] = hmac.new(self._key, f"{prefix}|".encode(), "sha256")
        digest = self._keyed[prefix].copy()
        digest.update(clear.encode())
        return f"{prefix}_{digest.digest()[:_HASH_BYTES].hex().translate(_LETTERS)}"

    def apply(self, clear: pl.Series, prefix: str) -> pl.Series:
        """Replace a String column by pseudonyms, hashing each value once; null stays null."""
        old = _distinct(clear)
        new = pl.Series([self.pseudonym(prefix, value) for value in old.to_list()], dtype=pl.String)
        return _replace(clear, old, new)

    def numbers(self, clear: pl.Series, country_code: str) -> pl.Series:
        """Replace telephone numbers in any spelling; short codes stay, a withheld number becomes null."""
        value = pl.col(clear.name)
        known = _distinct(clear).to_frame()
        known = known.select(value.alias("clear"), number=normalise_number(value, country_code))
        hashed = self.apply(known["number"], "num")
        shown = pl.when(is_short_code(pl.col("number"))).then("number").otherwise(pl.lit(hashed))
        return _replace(clear, known["clear"], known.select(shown).to_series())

    def names_of(self, number: str, country_code: str) -> list[str]:
        """Return every pseudonym that a clear telephone number may stand under, of the former key too."""
        found = self.numbers(pl.Series("number", [number], dtype=pl.String), country_code)
        former = self.previous.names_of(number, country_code) if self.previous else []
        return [*found.drop_nulls().to_list(), *former]

    def learn(self, former: pl.Series, now: pl.Series) -> None:
        """Remember which pseudonym of the former key is which one now."""
        pairs = pl.DataFrame({"former": former, "now": now}).drop_nulls().unique()
        pairs = pairs.filter(pl.col("former") != pl.col("now"))
        self.aliases.update(pairs.iter_rows())
        self.formers.update(pairs.select("now", "former").iter_rows())

    def identities(self, clear: pl.Series, prefix: str, country_code: str) -> pl.Series:
        """Replace public or private identities: `num_` for a number, `imsi_` for an IMSI, else the prefix.

        A private identity that holds an IMSI keeps the prefix and the hash of the IMSI.
        """
        values = _distinct(clear).alias("clear").to_frame()
        user = user_part(pl.col("clear"))
        values = values.with_columns(user=user, number=normalise_number(pl.col("clear"), country_code))
        is_imsi = pl.col("user").str.contains(r"^\d{15}$") & pl.col("clear").str.contains("@")
        is_number = pl.col("number").str.contains(r"^\d{3,15}$") & ~is_imsi & (prefix == "impu")
        kinds = values.select("clear", "user", "number", is_imsi=is_imsi, is_number=is_number)
        new = [self._identity(prefix, *row) for row in kinds.iter_rows()]
        return _replace(clear, kinds["clear"], pl.Series(new, dtype=pl.String))

    def _identity(
        self,
        prefix: str,
        clear: str,
        user: str | None,
        number: str | None,
        is_imsi: bool | None,
        is_number: bool | None,
    ) -> str:
        if is_imsi and user:
            same = self.pseudonym("imsi", user)
            return same if prefix == "impu" else f"{prefix}_{same.partition('_')[2]}"
        if is_number and number:
            return self.pseudonym("num", number)
        return self.pseudonym(prefix, clear.strip().lower())


def load_pseudonymiser() -> Pseudonymiser:
    """Return the pseudonymiser with the key in use and, while both are known, the former one."""
    keys = load_keys()
    return Pseudonymiser(keys.current, keys.previous)


@dataclass(frozen=True, slots=True)
class Protected:
    """A frame without clear identities; `withheld_numbers` counts words such as `anonymous` (now null)."""

    frame: pl.DataFrame
    withheld_numbers: int


def protect(
    frame: pl.DataFrame, schema: RecordSchema, pseudonymiser: Pseudonymiser, country_code: str = "86"
) -> Protected:
    """Derive what needs clear identities, then replace them and scrub free text."""
    frame = derive(frame, schema, country_code)
    replaced: list[pl.Series] = []
    withheld = 0
    for field in (*schema.fields, *schema.derived):
        if field.identity and field.name in frame.columns:
            hidden = _hide(frame[field.name], field, pseudonymiser, country_code)
            withheld += (
                hidden.null_count() - frame[field.name].null_count() if field.identity == "msisdn" else 0
            )
            replaced.append(hidden.alias(field.name))
            if pseudonymiser.previous and schema.record == "ticket":
                former = _hide(frame[field.name], field, pseudonymiser.previous, country_code)
                pseudonymiser.learn(former, hidden)
    texts = [f.name for f in schema.fields if f.free_text and f.name in frame.columns]
    frame = frame.with_columns(replaced).with_columns(scrub_text(pl.col(name)).alias(name) for name in texts)
    return Protected(frame, withheld)


def derive(frame: pl.DataFrame, schema: RecordSchema, country_code: str = "86") -> pl.DataFrame:
    """Add the derived columns and fill what another column of the row says; identities are still in clear."""
    new: list[pl.Series] = []
    for source, target in _CLASSES.get(schema.record, {}).items():
        if source in frame.columns:
            classes = _by_value(frame[source], number_class(pl.col(source), country_code))
            new.append(classes.alias(target))
    if "imsi" in frame.columns:
        new.append(_select(frame["imsi"], home_plmn(pl.col("imsi"))).alias("home_plmn"))
    if "imei" in frame.columns:
        new.append(_filled(frame, "imei_tac", "imei", pl.col("imei").str.slice(0, 8)))
    if schema.record == "registration" and "impu" in frame.columns:
        new.append(_by_value(frame["impu"], _number_of_impu(country_code)).alias("msisdn"))
    header = "p_access_network_info"
    if header in frame.columns and schema.record in _CELL_OF:
        cell, area = _CELL_OF[schema.record]
        new.append(_filled(frame, cell, header, serving_cell(pl.col(header))))
        new.append(_filled(frame, area, header, tracking_area(pl.col(header))))
    return frame.with_columns(new)


def _filled(frame: pl.DataFrame, name: str, source: str, value: pl.Expr) -> pl.Series:
    """Return the column with its gaps filled by an expression over the source column."""
    if name not in frame.columns:
        return _by_value(frame[source], value).alias(name)
    given = frame[name]
    if not given.null_count():
        return given
    needed = frame.select(pl.when(pl.col(name).is_null()).then(source).alias(source)).to_series()
    return given.fill_null(_by_value(needed, value))


def _number_of_impu(country_code: str) -> pl.Expr:
    number = normalise_number(pl.col("impu"), country_code)
    is_imsi = user_part(pl.col("impu")).str.contains(_IMSI_DIGITS) & pl.col("impu").str.contains("@")
    return pl.when(number.str.contains(r"^\d{7,15}$") & ~is_imsi).then(number)


def _hide(clear: pl.Series, field: RecordField, pseudonymiser: Pseudonymiser, country_code: str) -> pl.Series:
    if isinstance(clear.dtype, pl.List):
        return _hide_list(clear, field, pseudonymiser, country_code)
    match field.identity:
        case "msisdn":
            return pseudonymiser.numbers(clear, country_code)
        case "impi" | "impu":
            return pseudonymiser.identities(clear, field.identity, country_code)
        case "imei":
            # The check digit and the software version differ between sources for one device.
            return pseudonymiser.apply(clear.str.slice(0, _IMEI_BASE_DIGITS), "imei")
        case "imsi":
            return pseudonymiser.apply(clear, "imsi")
        case _:
            return pseudonymiser.apply(clear, "cust")


def _hide_list(
    clear: pl.Series, field: RecordField, pseudonymiser: Pseudonymiser, country_code: str
) -> pl.Series:
    rows = clear.to_frame().with_row_index("__row")
    items = rows.explode(clear.name).drop_nulls()
    hidden = _hide(items[clear.name], field, pseudonymiser, country_code)
    lists = (
        items.with_columns(hidden.alias(clear.name)).group_by("__row", maintain_order=True).agg(clear.name)
    )
    return rows.select("__row").join(lists, on="__row", how="left", maintain_order="left")[clear.name]


def _select(series: pl.Series, expr: pl.Expr) -> pl.Series:
    # Lazy, so that expressions that stand in several branches are evaluated once.
    return series.to_frame().lazy().select(expr.alias(series.name)).collect().to_series()


def _distinct(series: pl.Series) -> pl.Series:
    return series.drop_nulls().unique()


def _replace(series: pl.Series, old: pl.Series, new: pl.Series) -> pl.Series:
    return series.replace_strict(old, new, default=None, return_dtype=new.dtype).alias(series.name)


def _by_value(series: pl.Series, expr: pl.Expr) -> pl.Series:
    """Evaluate an expression over the column once per distinct value."""
    old = _distinct(series)
    return _replace(series, old, _select(old, expr))
