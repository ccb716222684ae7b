"""Leave to read what users' data stand in: runs with their messages, their workspace and the alarms about them.

It is asked for where people and programs look, not where the runtime works: an agent reads what its task gives it.
"""

from sqlalchemy import Connection, select

from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.store.schema import runs


def may_read(scope: Scope, connection: Connection, network: str = "") -> None:
    """Nothing, if the caller may read the runs of `network`; of every network unless one is named. Raises Unauthorized."""
    scope.require(Action.READ, f"runs:/{network}", connection)


def may_read_run(scope: Scope, connection: Connection, run: str | None) -> None:
    """Nothing, if the caller may read that run; every one where none is named. Raises Unauthorized.

    Whether there is a run of that id is told to those alone who may read every run.
    """
    may_read(scope, connection, network_of(connection, run))


def network_of(connection: Connection, run: str | None) -> str:
    """The name of the network whose run that is; empty for none."""
    if run is None:
        return ""
    return connection.execute(select(runs.c.name).where(runs.c.id == run)).scalar() or ""
