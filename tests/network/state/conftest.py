"""A run that state can belong to."""

import pytest

from stemma.ledger.scope import Scope
from stemma.store.schema import networks, runs


@pytest.fixture
def run(scope: Scope) -> str:
    """The id of a run that was recorded."""
    with scope.store.write() as connection:
        pinned = {"digest": b"d", "name": "desk", "folder": ".", "body": "{}", "created_at": "now"}
        connection.execute(networks.insert().values(pinned))
        recorded = {"id": "r_1", "batch": "b", "item": 1, "name": "desk", "network": b"d", "request": "{}"}
        recorded |= {"status": "running", "actor": "user:test", "created_at": "now"}
        connection.execute(runs.insert().values(recorded))
    return "r_1"
