"""What Alembic runs to migrate: the steps, on the connection and in the transaction it is handed."""

from alembic import context

from app.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
