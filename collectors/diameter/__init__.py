"""Diameter: messages read, requests paired with their answers, results keyed by (vendor, code)."""
