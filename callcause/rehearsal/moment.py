"""The moment that two processes share: the rehearsal sets it, the service under rehearsal goes by it."""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

_FORM = struct.Struct("<q")
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class SharedMoment:
    """A moment in a small file that is mapped into memory, in microseconds since 1970."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_FORM.pack(0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORM.size)

    def read(self) -> datetime:
        """Return the moment."""
        microseconds: int = _FORM.unpack_from(self._memory)[0]
        return _ZERO + microseconds * _MICROSECOND

    def move_to(self, at: datetime) -> None:
        """Set the moment; it never goes back."""
        if at > self.read():
            _FORM.pack_into(self._memory, 0, (at - _ZERO) // _MICROSECOND)
