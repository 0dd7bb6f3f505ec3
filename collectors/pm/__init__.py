"""Readers of 3GPP performance-measurement files."""
