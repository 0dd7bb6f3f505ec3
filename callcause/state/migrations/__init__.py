"""Alembic migrations, shipped with the program and run at its start."""
