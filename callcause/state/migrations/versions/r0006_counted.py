"""Indices from which open tickets are counted: for the queue's counts and for the metrics of the loop."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COUNTED = (
    "state", "holder", "category", "region", "reply_due_at", "handling_due_at", "hold_due_at", "received_at",
)  # fmt: skip


def upgrade() -> None:
    """Make the index of open tickets; the one of arrivals holds what is counted of them."""
    op.create_index("ix_tickets_counted", "tickets", list(COUNTED), unique=False)
    op.drop_index(op.f("ix_tickets_received_at"), table_name="tickets")
    op.create_index("ix_tickets_arrivals", "tickets", ["received_at", "category", "region"], unique=False)


def downgrade() -> None:
    """Give the old index back."""
    op.drop_index("ix_tickets_arrivals", table_name="tickets")
    op.create_index(op.f("ix_tickets_received_at"), "tickets", ["received_at"], unique=False)
    op.drop_index("ix_tickets_counted", table_name="tickets")
