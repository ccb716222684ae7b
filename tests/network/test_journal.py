"""The journal: a step, its event and its charge together, once, and only while the subject is in the writer's hands."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select, update
from tests.network.posting import Post

from stemma.core.trust import UNTRUSTED
from stemma.ledger.scope import Scope
from stemma.network.bounds import Spent
from stemma.network.custody import give_back
from stemma.network.journal import Charge, Event, Journal, Superseded, steps_of
from stemma.network.turn import Reply
from stemma.network.writer import Writer
from stemma.store.schema import runs

CALL = Charge(calls=1, tokens=10, microdollars=3)
CALLED = Event("model.called", {"agent": "clerk"})


def journaled(scope: Scope, post: Post, work: Callable[[Journal], Awaitable[None]], *, owner: str = "me") -> None:
    """Does `work` with the journal of message `a`, as `owner` would."""

    async def main() -> None:
        writer = Writer(scope)
        try:
            await work(Journal(writer, post.message("a").id, post.runs[0].id, owner))
        finally:
            writer.close()

    asyncio.run(main())


@pytest.fixture
def post(scope: Scope) -> Post:
    """A message `a` that is worked on by `me`."""
    made = Post(scope)
    made.send("a")
    made.claim()
    return made


def test_step_is_written_with_its_event_and_charge(scope: Scope, post: Post) -> None:
    """One call leaves the step to be read back, one event, and what it took from the run; the run's total comes back."""

    async def work(journal: Journal) -> None:
        await journal.keep("m1", {"said": "é"}, events=[CALLED], charge=CALL)
        assert journal.spent == Spent(1, 1, 10, 3)

    journaled(scope, post, work)
    with scope.read() as connection:
        assert steps_of(connection, post.message("a").id) == {"m1": {"said": "é"}}
    assert [entry.kind for entry in scope.ledger.tail()].count("model.called") == 1


def test_step_that_is_written_again_charges_once(scope: Scope, post: Post) -> None:
    """A write whose commit came through and whose answer got lost is made again: nothing of it counts twice."""

    async def work(journal: Journal) -> None:
        for _ in range(2):
            await journal.keep("m1", {}, events=[CALLED], charge=CALL)
        assert journal.spent == Spent(1, 1, 10, 3)

    journaled(scope, post, work)
    assert [entry.kind for entry in scope.ledger.tail()].count("model.called") == 1


def test_every_step_tells_what_the_whole_run_has_taken(scope: Scope, post: Post) -> None:
    """What others charge to the run is known as of the last step, also when that took nothing itself."""

    async def work(journal: Journal) -> None:
        with scope.write() as tx:
            tx.connection.execute(update(runs).values(calls=7))
        await journal.keep("t1-1", {})
        assert journal.spent.calls == 7

    journaled(scope, post, work)


def test_ghost_writes_nothing(scope: Scope, post: Post) -> None:
    """Once its message was put back a process can neither keep a step, nor charge, nor answer, though it was its owner."""
    with scope.write() as tx:
        assert give_back(tx, "me") == 2  # the run, too

    async def work(journal: Journal) -> None:
        with pytest.raises(Superseded):
            await journal.keep("m1", {}, events=[CALLED], charge=CALL)
        with pytest.raises(Superseded):
            await journal.answer(post.message("a"), Reply("yes", UNTRUSTED), events=[CALLED], charge=CALL)

    journaled(scope, post, work)
    with scope.read() as connection:
        assert steps_of(connection, post.message("a").id) == {}
        assert connection.execute(select(runs.c.calls)).scalar() == 0
    assert "model.called" not in [entry.kind for entry in scope.ledger.tail()]
