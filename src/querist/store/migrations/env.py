"""What Alembic runs: the scripts, in the transaction of the connection that it is given."""

from __future__ import annotations

from alembic import context


def run() -> None:
    """Run the scripts that the database has not had."""
    context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


# The name under which Alembic loads this file; others (a test collector, say) may import it without harm.
if __name__ == "env_py":
    run()
