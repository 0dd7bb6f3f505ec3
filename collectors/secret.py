"""Secrets: they come from the environment or from a file and never stand in the configuration."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from collectors.errors import ConfigError


class Secret(BaseModel):
    """Where a secret is found: `{env = "NAME"}` or `{file = "path"}`. Its value is read when it is needed.

    Neither `repr` nor an error ever shows the value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_in_clear(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 - pydantic reports it with its key
                'a secret does not stand in the configuration: write {env = "NAME"} or {file = "path"}'
            )
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("name exactly one of env and file")
        return self

    def reveal(self) -> str:
        """Read the secret; ConfigError names the variable or the file where it is not there or empty."""
        value = os.environ.get(self.env, "") if self.env is not None else self._from_file()
        if not value:
            raise ConfigError("the secret is not set or empty", key=self.env or str(self.file))
        return value

    def _from_file(self) -> str:
        path = Path(str(self.file))
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"the secret cannot be read ({type(error).__name__})", file=str(path)
            ) from error
