"""What people look at: reports, later Grafana dashboards."""
