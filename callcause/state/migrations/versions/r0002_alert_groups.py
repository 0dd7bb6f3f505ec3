"""Alerts and notices."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alert_groups",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("group_key", sa.String(length=64), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("group_labels", sa.JSON(), nullable=False),
        sa.Column("common_labels", sa.JSON(), nullable=False),
        sa.Column("common_annotations", sa.JSON(), nullable=False),
        sa.Column("external_url", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("diagnosis", sa.String(length=16), nullable=False),
        sa.Column("diagnosis_error", sa.Text(), nullable=True),
        sa.Column("diagnosed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("watch_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("top_cause", sa.String(length=128), nullable=True),
        sa.Column("department", sa.String(length=128), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_groups")),
    )
    op.create_index(op.f("ix_alert_groups_diagnosis"), "alert_groups", ["diagnosis"], unique=False)
    op.create_index(op.f("ix_alert_groups_group_key"), "alert_groups", ["group_key"], unique=False)
    op.create_index(op.f("ix_alert_groups_opened_at_id"), "alert_groups", ["opened_at", "id"], unique=False)
    op.create_index(
        op.f("ix_alert_groups_status_opened_at_id"),
        "alert_groups",
        ["status", "opened_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_alert_groups_watch_until"), "alert_groups", ["watch_until"], unique=False)
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("occasion", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("subject", "occasion", "target", name=op.f("uq_notices_subject_occasion_target")),
    )
    op.create_index(op.f("ix_notices_state_next_at"), "notices", ["state", "next_at"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("group_id", sa.String(length=64), nullable=False),
        sa.Column("group_key", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("annotations", sa.JSON(), nullable=False),
        sa.Column("generator_url", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["alert_groups.id"], name=op.f("fk_alerts_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint(
            "group_key", "fingerprint", "starts_at", name=op.f("uq_alerts_group_key_fingerprint_starts_at")
        ),
    )
    op.create_index(op.f("ix_alerts_group_id"), "alerts", ["group_id"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index(op.f("ix_alerts_group_id"), table_name="alerts")
    op.drop_table("alerts")
    op.drop_index(op.f("ix_notices_state_next_at"), table_name="notices")
    op.drop_table("notices")
    op.drop_index(op.f("ix_alert_groups_watch_until"), table_name="alert_groups")
    op.drop_index(op.f("ix_alert_groups_status_opened_at_id"), table_name="alert_groups")
    op.drop_index(op.f("ix_alert_groups_opened_at_id"), table_name="alert_groups")
    op.drop_index(op.f("ix_alert_groups_group_key"), table_name="alert_groups")
    op.drop_index(op.f("ix_alert_groups_diagnosis"), table_name="alert_groups")
    op.drop_table("alert_groups")
