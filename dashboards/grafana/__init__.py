"""Grafana boards as code: typed descriptions, built into JSON by Grafana's foundation SDK."""
