"""Fixtures of the evidence tests."""

from evidence_scene import scene

__all__ = ["scene"]
