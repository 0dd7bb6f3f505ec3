"""The KPI catalogue, its formulas, baselines and worst cells."""
