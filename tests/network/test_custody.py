"""Custody: what comes back from the dead and the broken, and what counts against it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from tests.network.posting import Post

from stemma.core.trust import UNTRUSTED
from stemma.ledger.scope import Scope
from stemma.network import Question, RunStatus
from stemma.network.admission import share_alone
from stemma.network.custody import (
    MOST_BREAKS,
    give_back,
    give_back_broken,
    give_back_unbroken,
    holder_of,
    in_hands_of,
    owners,
    uncount,
)
from stemma.network.questions import ask
from stemma.network.records import Records, claim_runs
from stemma.store.schema import messages


def deliveries(scope: Scope) -> dict[str, int]:
    with scope.read() as connection:
        rows = connection.execute(select(messages.c.id, messages.c.deliveries)).all()
        return {row.id.rpartition(".")[2]: row.deliveries for row in rows}


def test_dead_process_leaves_everything_to_others(scope: Scope) -> None:
    """What it had in hand waits in its old place, in its old order, and nobody else's is touched."""
    post = Post(scope)
    for name in "abc":
        post.send(name, replicas=2)
    assert post.claimed(2) == ["a", "b"]
    with scope.read() as connection:
        assert owners(connection) == {"me"}
        assert in_hands_of(connection, "me") == {post.runs[0].id, post.message("a").id, post.message("b").id}
    with scope.write() as tx:
        assert give_back(tx, "you") == 0
        assert give_back(tx, "me") == 3
    assert post.claimed(3, owner="you") == ["a", "b"]
    with scope.read() as connection:
        assert holder_of(connection, post.message("a").id) == "you"
        assert holder_of(connection, post.runs[0].id) == ""
        assert holder_of(connection, "nothing") is None


def test_waiting_for_a_person_is_no_reason_to_die(scope: Scope) -> None:
    """Each death counts for what was worked on, not for what had asked a person and waited."""
    post = Post(scope)
    for name in ("a", "b"):
        post.send(name)
    post.claim(2)
    message = post.message("a")
    with scope.write() as tx:
        ask(tx, Question(f"{message.id}.t1-1", message.run, message.id, "tool", "Pay?", {}, UNTRUSTED))
        give_back(tx, "me")
    assert deliveries(scope) == {"a": 0, "b": 1}


def test_who_stops_of_his_own_will_broke_nothing(scope: Scope) -> None:
    """What a worker leaves to others when it is told to stop, or lost by no fault of the message, does not count."""
    post = Post(scope)
    post.send("a")
    post.claim()
    with scope.write() as tx:
        uncount(tx, "me")
    assert deliveries(scope) == {"a": 0}
    with scope.write() as tx:
        give_back(tx, "me")
    post.claim()
    with scope.write() as tx:
        give_back_unbroken(tx, [post.message("a").id, post.runs[0].id], "me")
    assert deliveries(scope) == {"a": 0}
    assert post.claimed() == ["a"]


def test_run_that_breaks_again_and_again_has_failed(scope: Scope) -> None:
    """It is given back so often; the last time it ends, with why."""
    post = Post(scope)
    run = post.runs[0].id
    tried = []
    for _ in range(MOST_BREAKS):
        with scope.write() as tx:
            tried.append(give_back_broken(tx, run, post.owner, "KeyError: 'x'"))
        with scope.write() as tx:
            claim_runs(tx, post.owner, most=1, batch=None)
    assert tried == [True] * (MOST_BREAKS - 1) + [False]
    ended = Records(scope).get(run)
    assert ended.status is RunStatus.FAILED
    assert ended.outcome is not None
    assert ended.outcome.reason == f"it broke {MOST_BREAKS} times: KeyError: 'x'"


def test_nobody_gives_back_what_he_does_not_have(scope: Scope) -> None:
    """A message that broke in a ghost's hands stays with its owner, without the ghost's reason."""
    post = Post(scope)
    post.send("a")
    post.claim()
    with scope.write() as tx:
        assert not give_back_broken(tx, post.message("a").id, "a ghost", "no")
    with scope.read() as connection:
        assert holder_of(connection, post.message("a").id) == "me"
        assert connection.execute(select(messages.c.reason)).scalar() is None


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_nothing_is_put_back_while_messages_are_shared_out(scope: Scope) -> None:
    """It would be seen neither among those that wait nor among those that are worked on, and the next would overtake it."""
    post = Post(scope)
    for name in "ab":
        post.send(name, replicas=1)
    post.claim()

    def put_back() -> int:
        with scope.write() as tx:
            return give_back(tx, "me")

    waits = text("select 1 from pg_locks where locktype = 'advisory' and not granted")
    with ThreadPoolExecutor(1) as thread:
        with scope.write() as sharing:
            share_alone(sharing.connection)
            putting_back = thread.submit(put_back)
            while not putting_back.done() and sharing.connection.execute(waits).first() is None:
                pass
            assert not putting_back.done()
        assert putting_back.result() == 2
    assert post.claimed(2, owner="you") == ["a"]
