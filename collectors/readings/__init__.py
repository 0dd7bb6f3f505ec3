"""Readings of live nodes: counters and gauges, made into node samples and KPIs of whole periods.

Shared by every collector that polls counters (Prometheus, SNMP).
"""
