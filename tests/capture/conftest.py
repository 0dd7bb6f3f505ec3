"""Captures are decoded by the real tshark."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from presence import absent

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:  # the writers of packets stand beside the tests
    sys.path.insert(0, FOLDER)


@pytest.fixture(scope="session", autouse=True)
def _tshark() -> None:
    if shutil.which("tshark") is None:
        absent("tshark is not installed (Debian package tshark)")
