"""Whether a test may be skipped because a part of the machine is absent."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(reason: str) -> NoReturn:
    """Skip with a reason on a developer's machine, fail where CI says nothing may be skipped."""
    if os.environ.get("CALLCAUSE_NO_SKIP") and not reason.startswith("optional"):
        pytest.fail(f"not skipped in CI: {reason}")
    pytest.skip(reason)
