"""Indices of feedback: what is due for a look at its remedy, and what precision is counted from."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COUNTED = ("at", "category", "first_cause", "confirmed_cause", "verdict")


def upgrade() -> None:
    """Make them; the one of the moment grows by what is counted."""
    op.create_index(op.f("ix_feedback_remedied_at"), "feedback", ["remedied_at"], unique=False)
    op.drop_index(op.f("ix_feedback_at"), table_name="feedback")
    op.create_index("ix_feedback_counted", "feedback", list(COUNTED), unique=False)


def downgrade() -> None:
    """Give the old index back."""
    op.drop_index("ix_feedback_counted", table_name="feedback")
    op.create_index(op.f("ix_feedback_at"), "feedback", ["at"], unique=False)
    op.drop_index(op.f("ix_feedback_remedied_at"), table_name="feedback")
