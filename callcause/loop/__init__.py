"""The closed loop: a ticket's life and clocks, severity, clusters, early warning, feedback, indicators."""
