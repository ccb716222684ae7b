"""Runs the migrations on the connection that `stemma.store.migration` hands over."""

from alembic import context

from stemma.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
