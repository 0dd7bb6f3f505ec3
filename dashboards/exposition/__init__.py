"""Metrics for Prometheus: their names as data, and the collector that builds them at each scrape."""

from dashboards.exposition.collector import CallcauseCollector, Reading
from dashboards.exposition.families import FAMILIES, Family

__all__ = ["FAMILIES", "CallcauseCollector", "Family", "Reading"]
