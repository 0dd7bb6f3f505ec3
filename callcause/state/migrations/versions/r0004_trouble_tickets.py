"""What TMF621 adds to tickets, its listeners; feedback, knowledge and stored evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "hub_subscriptions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("api", sa.String(length=8), nullable=False),
        sa.Column("callback", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=True),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_subscriptions")),
    )
    op.create_table(
        "knowledge",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("runbook_version", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_knowledge")),
    )
    op.create_table(
        "feedback",
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=128), nullable=False),
        sa.Column("confirmed_cause", sa.String(length=128), nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=True),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("first_cause", sa.String(length=128), nullable=True),
        sa.Column("first_probability", sa.Float(), nullable=True),
        sa.Column("remedied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effect", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_feedback_ticket_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_at"), "feedback", ["at"], unique=False)
    op.create_table(
        "hub_deliveries",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("subscription_id", sa.String(length=64), nullable=False),
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["hub_subscriptions.id"],
            name=op.f("fk_hub_deliveries_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hub_deliveries")),
    )
    op.create_index(
        op.f("ix_hub_deliveries_state_next_at"), "hub_deliveries", ["state", "next_at"], unique=False
    )
    op.create_index(
        op.f("ix_hub_deliveries_subscription_id_id"),
        "hub_deliveries",
        ["subscription_id", "id"],
        unique=False,
    )
    op.create_table(
        "trouble_tickets",
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("severity", sa.String(length=64), nullable=False),
        sa.Column("ticket_type", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_trouble_tickets_ticket_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_trouble_tickets")),
    )
    op.create_index(op.f("ix_trouble_tickets_external_id"), "trouble_tickets", ["external_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("program", sa.String(length=32), nullable=False),
        sa.Column("knowledge", sa.String(length=64), nullable=False),
        sa.Column("row", sa.LargeBinary(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["result_id"], ["results.id"], name=op.f("fk_evidence_result_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("result_id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_ticket_id"), "evidence", ["ticket_id"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index(op.f("ix_evidence_ticket_id"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index(op.f("ix_trouble_tickets_external_id"), table_name="trouble_tickets")
    op.drop_table("trouble_tickets")
    op.drop_index(op.f("ix_hub_deliveries_subscription_id_id"), table_name="hub_deliveries")
    op.drop_index(op.f("ix_hub_deliveries_state_next_at"), table_name="hub_deliveries")
    op.drop_table("hub_deliveries")
    op.drop_index(op.f("ix_feedback_at"), table_name="feedback")
    op.drop_table("feedback")
    op.drop_table("knowledge")
    op.drop_table("hub_subscriptions")
