"""Waiting for what another process or thread does, with more patience than any machine needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

PATIENCE_S = 240.0


def wait_until(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Return what `holds` gives once it is true; fail after the patience."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail(f"in {patience_s:.0f} s never: {what}")
