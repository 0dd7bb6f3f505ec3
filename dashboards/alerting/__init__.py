"""Prometheus rules and the Alertmanager configuration, generated from the KPI and cause catalogues."""
