"""What Alembic runs for every command: it works on the connection it is handed, in that connection's transaction."""

from alembic import context

from mcu.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
