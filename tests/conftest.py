"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FIXED_KEY = "tests-only-key-0123456789abcdef"


@pytest.fixture(autouse=True)
def _fixed_pseudonym_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCAUSE_PSEUDONYM_KEY", FIXED_KEY)


def absent(reason: str) -> None:
    """Skip with a reason on a developer's machine, fail where CI says nothing may be skipped."""
    if os.environ.get("CALLCAUSE_NO_SKIP") and not reason.startswith("optional"):
        pytest.fail(f"not skipped in CI: {reason}")
    pytest.skip(reason)


@pytest.fixture
def third_party_data() -> Path:
    """The folder with real third-party files, else a skip that names the variable."""
    folder = Path(os.environ.get("CALLCAUSE_TEST_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip("no third-party data: set CALLCAUSE_TEST_DATA to its folder")
    return folder
