"""Run by Alembic: the migrations on the connection that `callcause.state.migration` hands over."""

from alembic import context

from callcause.state.base import Base

_connection = context.config.attributes["connection"]
context.configure(
    connection=_connection,
    target_metadata=Base.metadata,
    render_as_batch=_connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
