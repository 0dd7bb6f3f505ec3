"""The loop: a ticket's life, incidents, early warnings, vault, audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER audit_log_no_{verb} BEFORE {verb} ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""
_POSTGRES = """
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
"""


def upgrade() -> None:
    """Make tables and columns; the database itself refuses to change the audit log."""
    op.create_table(
        "audit_log",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at_text", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_log")),
    )
    op.create_table(
        "complaint_days",
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("alarmed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("type", "region", "day", name=op.f("pk_complaint_days")),
    )
    op.create_table(
        "early_warnings",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=128), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticket_type", sa.String(length=64), nullable=True),
        sa.Column("order_number", sa.String(length=200), nullable=True),
        sa.Column("subscriber", sa.String(length=64), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("base", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("raised_by", sa.String(length=128), nullable=False),
        sa.Column("reviewed_by", sa.String(length=128), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovery", sa.Text(), nullable=True),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_early_warnings")),
    )
    op.create_index(
        op.f("ix_early_warnings_raised_at_id"), "early_warnings", ["raised_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_early_warnings_state_raised_at_id"),
        "early_warnings",
        ["state", "raised_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_early_warnings_type_region_day"), "early_warnings", ["type", "region", "day"], unique=False
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("entity", sa.String(length=200), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("tickets", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("chance", sa.Double(), nullable=True),
        sa.Column("top_cause", sa.String(length=128), nullable=True),
        sa.Column("department", sa.String(length=128), nullable=True),
        sa.Column("diagnosis", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(
        op.f("ix_incidents_key_entity_state"), "incidents", ["key", "entity", "state"], unique=False
    )
    op.create_index(
        op.f("ix_incidents_state_opened_at_id"), "incidents", ["state", "opened_at", "id"], unique=False
    )
    op.create_table(
        "vault_entries",
        sa.Column("pseudonym", sa.String(length=64), nullable=False),
        sa.Column("key_number", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", name=op.f("pk_vault_entries")),
    )
    op.create_index(op.f("ix_vault_entries_at"), "vault_entries", ["at"], unique=False)
    op.create_index(op.f("ix_vault_entries_key_number"), "vault_entries", ["key_number"], unique=False)
    op.create_table(
        "vault_requests",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("pseudonym", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=128), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=128), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vault_requests")),
    )
    op.create_index(op.f("ix_vault_requests_pseudonym"), "vault_requests", ["pseudonym"], unique=False)
    op.create_index(
        op.f("ix_vault_requests_state_asked_at_id"),
        "vault_requests",
        ["state", "asked_at", "id"],
        unique=False,
    )
    op.create_table(
        "ticket_keys",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("entity", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_keys_ticket_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_keys")),
    )
    op.create_index(op.f("ix_ticket_keys_at"), "ticket_keys", ["at"], unique=False)
    op.create_index(
        op.f("ix_ticket_keys_key_entity_at"), "ticket_keys", ["key", "entity", "at"], unique=False
    )
    op.create_index(op.f("ix_ticket_keys_ticket_id"), "ticket_keys", ["ticket_id"], unique=False)
    op.create_table(
        "ticket_pauses",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.String(length=200), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_pauses_ticket_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_pauses")),
    )
    op.create_index(op.f("ix_ticket_pauses_ticket_id"), "ticket_pauses", ["ticket_id"], unique=False)
    op.add_column("ticket_events", sa.Column("department", sa.String(length=128), nullable=True))
    op.add_column("tickets", sa.Column("region", sa.String(length=64), nullable=True))
    op.add_column("tickets", sa.Column("channel", sa.String(length=64), nullable=True))
    op.add_column("tickets", sa.Column("customer", sa.String(length=64), nullable=True))
    op.add_column("tickets", sa.Column("cell", sa.String(length=64), nullable=True))
    op.add_column("tickets", sa.Column("change_ref", sa.String(length=200), nullable=True))
    op.add_column("tickets", sa.Column("repeat_of", sa.String(length=200), nullable=True))
    op.add_column("tickets", sa.Column("joint_count", sa.Integer(), server_default="1", nullable=False))
    op.add_column(
        "tickets", sa.Column("severity", sa.String(length=16), server_default="normal", nullable=False)
    )
    op.add_column("tickets", sa.Column("priority", sa.String(length=4), server_default="P3", nullable=False))
    op.add_column("tickets", sa.Column("level", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tickets", sa.Column("serious", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tickets", sa.Column("disturbs", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tickets", sa.Column("owner", sa.String(length=128), nullable=True))
    op.add_column("tickets", sa.Column("holder", sa.String(length=128), nullable=True))
    op.add_column("tickets", sa.Column("question", sa.String(length=64), nullable=True))
    op.add_column("tickets", sa.Column("answers", sa.JSON(), nullable=True))
    op.add_column("tickets", sa.Column("parent_id", sa.String(length=64), nullable=True))
    op.add_column("tickets", sa.Column("incident_id", sa.String(length=64), nullable=True))
    op.add_column("tickets", sa.Column("clustered", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tickets", sa.Column("entered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("first_response_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("called_back_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("reply_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("handling_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("hold_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("entry_late", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tickets", sa.Column("handoffs", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tickets", sa.Column("wrong_dispatches", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tickets", sa.Column("exchanges", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tickets", sa.Column("times_handled", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tickets", sa.Column("satisfaction", sa.Integer(), nullable=True))
    op.add_column("tickets", sa.Column("no_contact", sa.Text(), nullable=True))
    op.add_column("tickets", sa.Column("solved", sa.Boolean(), nullable=True))
    op.add_column("tickets", sa.Column("timely", sa.Boolean(), nullable=True))
    op.add_column("tickets", sa.Column("overdue_reason", sa.String(length=64), nullable=True))
    op.add_column("tickets", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_tickets_closed_at"), "tickets", ["closed_at"], unique=False)
    op.create_index(
        op.f("ix_tickets_clustered_diagnosis"), "tickets", ["clustered", "diagnosis"], unique=False
    )
    op.create_index(
        op.f("ix_tickets_customer_received_at"), "tickets", ["customer", "received_at"], unique=False
    )
    op.create_index(
        op.f("ix_tickets_holder_state_priority_reply_due_at_id"),
        "tickets",
        ["holder", "state", "priority", "reply_due_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_tickets_incident_id"), "tickets", ["incident_id"], unique=False)
    op.create_index(op.f("ix_tickets_parent_id"), "tickets", ["parent_id"], unique=False)
    op.create_index(
        op.f("ix_tickets_priority_reply_due_at_id"),
        "tickets",
        ["priority", "reply_due_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_tickets_received_at"), "tickets", ["received_at"], unique=False)
    op.create_index(op.f("ix_tickets_region_state"), "tickets", ["region", "state"], unique=False)
    op.create_index(op.f("ix_tickets_reply_due_at"), "tickets", ["reply_due_at"], unique=False)
    op.create_index(
        op.f("ix_tickets_state_priority_reply_due_at_id"),
        "tickets",
        ["state", "priority", "reply_due_at", "id"],
        unique=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(verb=verb))
    else:
        op.execute(_POSTGRES)
        op.execute(
            "CREATE TRIGGER audit_log_guard BEFORE UPDATE OR DELETE ON audit_log "
            "FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only()"
        )


def downgrade() -> None:
    """Drop them."""
    op.drop_index(op.f("ix_tickets_state_priority_reply_due_at_id"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_reply_due_at"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_region_state"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_received_at"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_priority_reply_due_at_id"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_parent_id"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_incident_id"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_holder_state_priority_reply_due_at_id"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_customer_received_at"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_clustered_diagnosis"), table_name="tickets")
    op.drop_index(op.f("ix_tickets_closed_at"), table_name="tickets")
    op.drop_column("tickets", "erased_at")
    op.drop_column("tickets", "overdue_reason")
    op.drop_column("tickets", "timely")
    op.drop_column("tickets", "solved")
    op.drop_column("tickets", "no_contact")
    op.drop_column("tickets", "satisfaction")
    op.drop_column("tickets", "times_handled")
    op.drop_column("tickets", "exchanges")
    op.drop_column("tickets", "wrong_dispatches")
    op.drop_column("tickets", "handoffs")
    op.drop_column("tickets", "entry_late")
    op.drop_column("tickets", "hold_due_at")
    op.drop_column("tickets", "handling_due_at")
    op.drop_column("tickets", "reply_due_at")
    op.drop_column("tickets", "waiting_since")
    op.drop_column("tickets", "reopened_at")
    op.drop_column("tickets", "closed_at")
    op.drop_column("tickets", "called_back_at")
    op.drop_column("tickets", "replied_at")
    op.drop_column("tickets", "resolved_at")
    op.drop_column("tickets", "first_response_at")
    op.drop_column("tickets", "accepted_at")
    op.drop_column("tickets", "dispatched_at")
    op.drop_column("tickets", "entered_at")
    op.drop_column("tickets", "clustered")
    op.drop_column("tickets", "incident_id")
    op.drop_column("tickets", "parent_id")
    op.drop_column("tickets", "answers")
    op.drop_column("tickets", "question")
    op.drop_column("tickets", "holder")
    op.drop_column("tickets", "owner")
    op.drop_column("tickets", "disturbs")
    op.drop_column("tickets", "serious")
    op.drop_column("tickets", "level")
    op.drop_column("tickets", "priority")
    op.drop_column("tickets", "severity")
    op.drop_column("tickets", "joint_count")
    op.drop_column("tickets", "repeat_of")
    op.drop_column("tickets", "change_ref")
    op.drop_column("tickets", "cell")
    op.drop_column("tickets", "customer")
    op.drop_column("tickets", "channel")
    op.drop_column("tickets", "region")
    op.drop_column("ticket_events", "department")
    op.drop_index(op.f("ix_ticket_pauses_ticket_id"), table_name="ticket_pauses")
    op.drop_table("ticket_pauses")
    op.drop_index(op.f("ix_ticket_keys_ticket_id"), table_name="ticket_keys")
    op.drop_index(op.f("ix_ticket_keys_key_entity_at"), table_name="ticket_keys")
    op.drop_index(op.f("ix_ticket_keys_at"), table_name="ticket_keys")
    op.drop_table("ticket_keys")
    op.drop_index(op.f("ix_vault_requests_state_asked_at_id"), table_name="vault_requests")
    op.drop_index(op.f("ix_vault_requests_pseudonym"), table_name="vault_requests")
    op.drop_table("vault_requests")
    op.drop_index(op.f("ix_vault_entries_key_number"), table_name="vault_entries")
    op.drop_index(op.f("ix_vault_entries_at"), table_name="vault_entries")
    op.drop_table("vault_entries")
    op.drop_index(op.f("ix_incidents_state_opened_at_id"), table_name="incidents")
    op.drop_index(op.f("ix_incidents_key_entity_state"), table_name="incidents")
    op.drop_table("incidents")
    op.drop_index(op.f("ix_early_warnings_type_region_day"), table_name="early_warnings")
    op.drop_index(op.f("ix_early_warnings_state_raised_at_id"), table_name="early_warnings")
    op.drop_index(op.f("ix_early_warnings_raised_at_id"), table_name="early_warnings")
    op.drop_table("early_warnings")
    op.drop_table("complaint_days")
    op.drop_table("audit_log")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_log_is_append_only")
