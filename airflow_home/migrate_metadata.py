"""Brings Airflow's metadata database to this version, and its pools to the declared workflows.

What `airflow db migrate` does, and then the pools, in one process, as each start of Airflow takes
many seconds. It makes no users, as these are the auth manager's, and no database or login.
Repeating it changes nothing.
"""

from __future__ import annotations

import sys

import workflows

DESCRIPTION = "Tasks of workflow {} at once: as many as its login may hold connections."


def migrate() -> None:
    """Do as `airflow db migrate` does, with its defaults."""
    from airflow.cli.cli_parser import get_parser  # noqa: PLC0415 - Airflow reads its settings then

    arguments = get_parser().parse_args(["db", "migrate"])
    arguments.func(arguments)


def set_pools() -> None:
    """Give each declared workflow its pool, and take those away that this made for others.

    Raises:
        WorkflowsError: the list of workflows is missing or broken.
    """
    from airflow.models.pool import Pool  # noqa: PLC0415 - as above
    from airflow.utils.session import create_session  # noqa: PLC0415

    wanted = {workflow.pool: workflow for workflow in workflows.declared().values()}
    with create_session() as session:
        for pool in Pool.get_pools(session=session):
            if pool.pool not in wanted and pool.description == DESCRIPTION.format(pool.pool):
                session.delete(pool)
        for workflow in wanted.values():
            Pool.create_or_update_pool(
                workflow.pool,
                workflow.slots,
                DESCRIPTION.format(workflow.name),
                # A deferred task holds no connection.
                include_deferred=False,
                session=session,
            )


def main() -> int:
    """Migrate, then set the pools; return the exit code."""
    try:
        # Before hours of work on a large database: a broken list is found at once.
        workflows.declared()
        migrate()
        set_pools()
    except workflows.WorkflowsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
