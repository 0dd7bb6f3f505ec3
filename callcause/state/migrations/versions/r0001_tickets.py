"""Tickets, their events and results."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tickets",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_store", sa.Boolean(), nullable=False),
        sa.Column("diagnosis", sa.String(length=16), nullable=False),
        sa.Column("diagnosis_error", sa.Text(), nullable=True),
        sa.Column("diagnosed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("watch_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result_id", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("top_cause", sa.String(length=128), nullable=True),
        sa.Column("department", sa.String(length=128), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
    )
    op.create_index(
        op.f("ix_tickets_diagnosis_taken_in_at_id"),
        "tickets",
        ["diagnosis", "taken_in_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_tickets_in_store"), "tickets", ["in_store"], unique=False)
    op.create_index(
        op.f("ix_tickets_state_taken_in_at_id"), "tickets", ["state", "taken_in_at", "id"], unique=False
    )
    op.create_index(op.f("ix_tickets_taken_in_at_id"), "tickets", ["taken_in_at", "id"], unique=False)
    op.create_index(
        op.f("ix_tickets_verdict_taken_in_at_id"), "tickets", ["verdict", "taken_in_at", "id"], unique=False
    )
    op.create_index(op.f("ix_tickets_watch_until"), "tickets", ["watch_until"], unique=False)
    op.create_table(
        "results",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("runbook_version", sa.String(length=64), nullable=False),
        sa.Column("contract", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_results_ticket_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
    )
    op.create_index(op.f("ix_results_ticket_id"), "results", ["ticket_id"], unique=False)
    op.create_table(
        "ticket_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("from_state", sa.String(length=32), nullable=True),
        sa.Column("to_state", sa.String(length=32), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_events_ticket_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_events")),
    )
    op.create_index(op.f("ix_ticket_events_ticket_id"), "ticket_events", ["ticket_id"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index(op.f("ix_ticket_events_ticket_id"), table_name="ticket_events")
    op.drop_table("ticket_events")
    op.drop_index(op.f("ix_results_ticket_id"), table_name="results")
    op.drop_table("results")
    op.drop_index(op.f("ix_tickets_watch_until"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_verdict_taken_in_at_id"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_taken_in_at_id"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_state_taken_in_at_id"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_in_store"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_diagnosis_taken_in_at_id"), table_name="tickets")
    op.drop_table("tickets")
