"""Tickets that were removed after their time: their records in the store bring them back no more."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of their ids."""
    op.create_table(
        "former_tickets",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_tickets")),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("former_tickets")
