"""Run by alembic: applies migrations on the connection that `vouch.store.engine` hands over."""

from alembic import context

from vouch.store.tables import METADATA

if hasattr(context, "config"):  # absent where the module is only read, for its documentation
    context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()
