"""Self-contained HTML reports: one page a ticket and one for the batch, no network access to open them."""

from dashboards.report.page import write_reports

__all__ = ["write_reports"]
