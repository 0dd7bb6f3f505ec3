"""What all tables share: the declarative base, times in UTC, documents kept small."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Integer, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of indices and constraints, so that a later migration can name what it changes."""


class Base(DeclarativeBase):
    """The base of every table of the state database."""

    metadata = MetaData(naming_convention=NAMES)


class Versioned:
    """A row that several writers may change: the second of two that read the same version is refused."""

    version: Mapped[int] = mapped_column(Integer)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy calls it with the class
        """Name the column that SQLAlchemy compares and counts up with every change."""
        return {"version_id_col": cls.version}


class UtcTime(TypeDecorator[datetime]):
    """A moment. Only times with an offset go in; UTC comes out of both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the database UTC; a time without an offset is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without an offset cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the caller UTC; SQLite keeps no offset."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CompressedJson(TypeDecorator[Any]):
    """A document of some kilobytes, such as a diagnosis: its key order is kept, its size is not."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> bytes | None:
        """Write the document."""
        if value is None:
            return None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return zlib.compress(text.encode("utf-8"), 1)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any | None:
        """Read the document."""
        return None if value is None else json.loads(zlib.decompress(value))


def utc_now() -> datetime:
    """Return the moment, in UTC."""
    return _clock()


def go_by(clock: Callable[[], datetime]) -> None:
    """Take the moment from this clock from now on: a rehearsal of a month does not last a month."""
    global _clock
    _clock = clock


def _system_clock() -> datetime:
    return datetime.now(UTC)


_clock: Callable[[], datetime] = _system_clock
