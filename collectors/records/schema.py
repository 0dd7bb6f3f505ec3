"""The record definitions, read from `schema/*.yaml` into checked models."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from collectors.errors import ConfigError

SCHEMA_FOLDER = Path(__file__).parent / "schema"
ABSENT = "absent"
"""Name of the column that lists, per row, the schema columns that its source file did not have."""

UTC_TIME = pl.Datetime("us", "UTC")

FieldType = Literal[
    "string", "datetime", "enum", "integer", "float", "boolean", "list_string", "list_integer", "list_object"
]
IdentityKind = Literal["msisdn", "imsi", "impi", "impu", "imei", "customer"]

_DTYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "enum": pl.String(),
    "datetime": UTC_TIME,
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "boolean": pl.Boolean(),
    "list_string": pl.List(pl.String()),
    "list_integer": pl.List(pl.Int64()),
    "list_object": pl.String(),
}


class RecordField(BaseModel):
    """One column: what it may hold and how it is to be treated.

    `words` maps a word to the number that stands for it (`infinity`); `object` gives the members of a list of
    object and their types; `not_before`, `later_than` and `at_most` name another column of the same row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    required: Literal["key", "yes", "no"] = "no"
    type: FieldType
    unit: str = ""
    allowed: tuple[str | float, ...] = ()
    words: dict[str, int] = {}
    min: float | None = None
    max: float | None = None
    above: float | None = None
    regex: str | None = None
    object: dict[str, Literal["string", "integer"]] = {}
    not_before: str | None = None
    later_than: str | None = None
    at_most: str | None = None
    identity: IdentityKind | None = None
    free_text: bool = False
    empty_means: Literal["unknown", "did_not_happen", "still_active"] = "unknown"
    description: str = ""
    example: str = ""

    @property
    def dtype(self) -> pl.DataType:
        """The polars type of the stored column; a list of object is a string of canonical JSON."""
        return _DTYPES[self.type]

    @property
    def must_be_filled(self) -> bool:
        """Whether an empty value quarantines the row (`required: key`)."""
        return self.required == "key"


class RecordSchema(BaseModel):
    """One record: its fields in order, its derived columns, and what makes a row unique."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    record: str
    title: dict[Literal["en", "zh"], str]
    unique_by: tuple[str, ...]
    fields: tuple[RecordField, ...]
    derived: tuple[RecordField, ...] = ()

    @model_validator(mode="after")
    def _names_are_known_once(self) -> RecordSchema:
        names = [field.name for field in (*self.fields, *self.derived)]
        if len(set(names)) != len(names):
            raise ValueError("a field name stands twice")
        pointers = [p for f in self.fields for p in (f.not_before, f.later_than, f.at_most) if p]
        unknown = sorted(set(self.unique_by).union(pointers).difference(names))
        if unknown:
            raise ValueError(f"names fields that do not exist: {', '.join(unknown)}")
        return self

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Fields that together name one row; of two rows equal in all of them one wins."""
        return self.unique_by

    @property
    def field_names(self) -> tuple[str, ...]:
        """All columns that a file may have, in order."""
        return tuple(field.name for field in self.fields)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Columns that a file must have (`required` key or yes)."""
        return tuple(field.name for field in self.fields if field.required != "no")

    def field(self, name: str) -> RecordField:
        """Return the field or derived field of that name (KeyError when there is none)."""
        for field in (*self.fields, *self.derived):
            if field.name == name:
                return field
        raise KeyError(name)

    def polars_schema(self) -> dict[str, pl.DataType]:
        """Columns and types of a loaded frame: fields, derived columns, then `absent`."""
        columns = {field.name: field.dtype for field in (*self.fields, *self.derived)}
        return {**columns, ABSENT: pl.List(pl.String())}


def read_schema(path: Path) -> RecordSchema:
    """Read one schema file; ConfigError names the file and the key that is wrong."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return RecordSchema.model_validate(content)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"cannot be read: {error}", file=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(first["msg"], file=str(path), key=key) from error


@lru_cache(maxsize=1)
def load_schemas() -> dict[str, RecordSchema]:
    """Return the schema of every record by its name, in the order of the names."""
    schemas = [read_schema(path) for path in sorted(SCHEMA_FOLDER.glob("*.yaml"))]
    return {schema.record: schema for schema in schemas}


def record_field_names() -> dict[str, str]:
    """Return `record.field` -> type for every field and derived field, as conditions name them."""
    return {
        f"{name}.{field.name}": field.type
        for name, schema in load_schemas().items()
        for field in (*schema.fields, *schema.derived)
    }
