"""When a file is whole: its writer says so, or nothing has changed for a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Stamp = tuple[int, int]
"""Size in octets and time of the last change (ns, or s where the server has no more)."""


class FileRule(BaseModel):
    """Which files are meant, and when one is whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patterns: tuple[str, ...] = Field(default=("*",), description="names of files that are meant")
    but_not: tuple[str, ...] = Field(
        default=(".*", "*.tmp", "*.part", "*.filepart", "*.writing"),
        description="names of files that are still being written",
    )
    complete: Literal["stable", "marker", "renamed"] = Field(
        default="stable",
        description="stable: unchanged for stable_s; marker: a file with marker_suffix stands beside it; "
        "renamed: the writer gives it its name only when it is whole",
    )
    stable_s: float = Field(default=10.0, ge=0)
    marker_suffix: str = Field(default=".done", min_length=1)
    most_files: int = Field(default=500, ge=1, description="files in one run, the oldest first")

    def meant(self, name: str) -> bool:
        """Tell whether a file of this name is to be read at all."""
        if self.complete == "marker" and name.endswith(self.marker_suffix):
            return False
        meant = any(fnmatch(name, pattern) for pattern in self.patterns)
        return meant and not any(fnmatch(name, pattern) for pattern in self.but_not)


class Afterwards(BaseModel):
    """What becomes of a file that was stored: nothing, unless it is said here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    do: Literal["keep", "delete", "move"] = "keep"
    move_to: str | None = None

    @model_validator(mode="after")
    def _where(self) -> Afterwards:
        if (self.do == "move") != (self.move_to is not None):
            raise ValueError("move_to goes together with do = 'move'")
        return self


@dataclass(slots=True)
class Completeness:
    """Looks at stamps of files over time and tells which are whole."""

    rule: FileRule
    _first_seen: dict[str, tuple[Stamp, float]] = field(default_factory=dict)

    def ready(self, stamps: Mapping[str, Stamp], names: Iterable[str], now_s: float) -> list[str]:
        """Paths of whole files, the oldest first.

        `stamps`: files that are meant, by path; `names`: every path there, markers included; `now_s`: seconds
        on a clock that only moves forward. A file that changes starts to wait again.
        """
        every = set(names)
        self._first_seen = {
            path: seen
            if (seen := self._first_seen.get(path)) is not None and seen[0] == stamp
            else (stamp, now_s)
            for path, stamp in stamps.items()
        }
        whole = [path for path in stamps if self._whole(path, every, now_s)]
        return sorted(whole, key=lambda path: (stamps[path][1], path))

    def _whole(self, path: str, every: set[str], now_s: float) -> bool:
        if self.rule.complete == "marker":
            return path + self.rule.marker_suffix in every
        if self.rule.complete == "renamed":
            return True
        return now_s - self._first_seen[path][1] >= self.rule.stable_s
