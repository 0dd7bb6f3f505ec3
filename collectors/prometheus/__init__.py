"""Counters of nodes from exporters (exposition text) or from a Prometheus (range queries)."""

from collectors.prometheus.collector import PrometheusCollector, PrometheusSettings, PrometheusTarget
from collectors.prometheus.node_map import PrometheusMap, load_maps

__all__ = ["PrometheusCollector", "PrometheusMap", "PrometheusSettings", "PrometheusTarget", "load_maps"]
