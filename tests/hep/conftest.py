"""The hand-written IMS of the signalling tests serves the tests of HEP too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "signalling"))
