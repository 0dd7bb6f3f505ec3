"""What a collector is: settings, targets, one run on one target; or a listener that others send to.

A collector is one class in one file, added by one line in `collectors/registry.py`. It hands what it read to
a `Sink` and counts every outcome; the service decides when it runs, and how long it may take.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from collectors.sink import Sink


class SourceSettings(BaseModel):
    """What every source in the configuration may set; a collector's own settings come on top."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64, description="name of the source in metrics and logs")


class PolledSettings(SourceSettings):
    """A source that is asked on a schedule."""

    interval_s: float = Field(default=60.0, gt=0, description="from one run on a target to the next")
    deadline_s: float = Field(default=30.0, gt=0, description="a run that takes longer is given up")


S = TypeVar("S", bound=SourceSettings)


class Collector(ABC, Generic[S]):
    """A source that is asked on a schedule, target by target."""

    kind: ClassVar[str]
    settings_model: ClassVar[type[PolledSettings]]

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @abstractmethod
    def targets(self) -> Sequence[str]:
        """Names of the targets, one scheduled job each."""

    @abstractmethod
    async def collect(self, target: str, sink: Sink) -> Counter[str]:
        """Read one target once and hand the rows to the sink; returns the outcomes, counted by state.

        Raises SourceError where the target cannot be read. Cancelled when the deadline has passed.
        """

    def lacking(self) -> Mapping[str, int]:
        """Periods that elements should have delivered and have not yet, by element.

        None where none are expected.
        """
        return {}

    async def close(self) -> None:
        """Give back connections and engines."""
        return


class Listener(ABC, Generic[S]):
    """A source that sends by itself: the listener takes what comes until it is told to stop."""

    kind: ClassVar[str]
    settings_model: ClassVar[type[SourceSettings]]

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        """Everything that arrived, by the state it ended in."""
        self.listening = asyncio.Event()
        """Set once the sockets are open."""

    @abstractmethod
    async def listen(self, sink: Sink, stopping: asyncio.Event) -> None:
        """Take in what comes until `stopping` is set; then hand over what is still held, and return."""
