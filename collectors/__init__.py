"""Readers of network files, record schemas, KPI catalogue and the store."""
