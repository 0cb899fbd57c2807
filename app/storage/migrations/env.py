"""Alembic's entry point: run the migration steps in the transaction of `migrate`."""

from alembic import context

from app.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
