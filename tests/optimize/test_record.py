"""A search that is run again meets what it wrote, and is stopped where it would write something else."""

from collections.abc import Callable

import pytest

from stemma.core.errors import Conflict
from stemma.ledger.scope import Scope
from stemma.optimize.individual import Proposal
from stemma.optimize.record import Record
from stemma.registry.candidates import Candidates, Status
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Generator, NewSession, Session, Sessions

SEED, CHILD, OTHER = (Proposal(Prompt(text), "edit") for text in ("One.", "Two.", "Three."))


@pytest.fixture
def session(scope: Scope) -> Session:
    return Sessions(scope).open(NewSession(Generator("test", {})))


@pytest.fixture
def record(scope: Scope, session: Session) -> Callable[[], Record]:
    """The session's record as a fresh process would read it."""
    return lambda: Record(scope, session, Candidates(scope, Contents()))


def test_candidates_are_stored_once(scope: Scope, session: Session, record: Callable[[], Record]) -> None:
    """A second run gets the first one's ids, and only what is new is written."""
    first = record().store([SEED, CHILD])
    again = record()
    assert again.store([SEED]) == first[:1]
    assert again.replaying
    ids = again.store([CHILD, OTHER])
    assert (ids[0], again.replaying) == (first[1], False)
    assert [one.id for one in Candidates(scope, Contents()).of_session(session)] == [*first, ids[1]]


def test_another_candidate_than_before_is_a_conflict(record: Callable[[], Record]) -> None:
    """A run that does not repeat itself is refused, with the place where it left the path."""
    record().store([SEED, CHILD])
    with pytest.raises(Conflict, match="candidate 2 would be"):
        record().store([SEED, OTHER])


def test_a_step_is_ended_once(scope: Scope, record: Callable[[], Record]) -> None:
    """Verdicts are written with the first run's step; a second run that ends it in another state is refused."""
    first = record()
    [number] = first.store([SEED])
    first.step(0, {"best": number}, {}, [(number, 0.5, "others did better")])
    record().step(0, {"best": number}, {}, [(number, 0.9, None)])
    stored = Candidates(scope, Contents()).get(number)
    assert (stored.score, stored.status) == (0.5, Status.REJECTED)
    with pytest.raises(Conflict, match="step 0 would end in another state"):
        record().step(0, {"best": number + 1}, {}, [])
