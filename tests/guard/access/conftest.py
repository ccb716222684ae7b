"""A store and its callers, governed where Ada is there; see `house.py`."""

import pytest
from tests.guard.access.house import Caller, House, Joining

from stemma.guard.access import TokenScope
from stemma.store import Store
from stemma.testing.clock import VirtualClock


@pytest.fixture
def house(store: Store) -> House:
    return House(store, VirtualClock())


@pytest.fixture
def ada(house: House) -> Caller:
    """The admin of a governed store, who has every role."""
    return house.govern()


@pytest.fixture
def join(house: House, ada: Caller) -> Joining:
    """Adds a principal with roles such as ``reviewer`` or ``author@prompts:/desk/*``, and gives back what it calls with."""

    def join(principal: str, *roles: str, scope: TokenScope = TokenScope(), days: float = 90) -> Caller:  # noqa: B008
        ada.access.add(principal)
        for named in roles:
            role, _, on = named.partition("@")
            ada.access.grant(principal, role, on=on or "*")
        return house.caller(ada.access.issue(principal, scope=scope, days=days).secret)

    return join
