"""What an operator may set about the state database."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from collectors.secret import Secret

DRIVERS = ("sqlite", "postgresql+psycopg")


class StateSettings(BaseModel):
    """Where the state database is. The password of a server never stands in the URL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str = Field(default="sqlite:///data/state.sqlite", description="SQLAlchemy URL")
    password: Secret | None = None
    audit_head: Path | None = Field(
        default=None, description="file with the end of the audit log; beside a SQLite database by itself"
    )
    patience_s: float = Field(default=5.0, gt=0, description="how long a unit of work is tried again")

    @field_validator("database")
    @classmethod
    def _known_and_without_password(cls, text: str) -> str:
        try:
            url = make_url(text)
        except ArgumentError:
            raise ValueError("no database URL, expected for example sqlite:///data/state.sqlite") from None
        if url.drivername not in DRIVERS:
            raise ValueError(f"no such database here, expected one of: {', '.join(DRIVERS)}")
        if url.password is not None:
            raise ValueError('the password does not stand in the URL: write password = {env = "NAME"}')
        if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
            raise ValueError("a database in memory would lose tickets, expected a file")
        return text

    def url(self) -> URL:
        """Return the URL with the password in it; it is never shown."""
        url = make_url(self.database)
        return url.set(password=self.password.reveal()) if self.password else url

    def audit_head_file(self) -> Path | None:
        """Return the file that keeps the end of the audit log; None where a server has none."""
        url = make_url(self.database)
        if self.audit_head is None and url.drivername == "sqlite":
            return Path(f"{url.database}.audit-head")
        return self.audit_head
