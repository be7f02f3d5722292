"""Alembic's entry: runs the steps on the connection that `run` hands over, or prints them as SQL."""

from alembic import context

if context.is_offline_mode():
    context.configure(
        dialect_name="postgresql",
        literal_binds=True,
        transaction_per_migration=True,
        transactional_ddl=context.config.attributes.get("transactional_ddl", True),
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
