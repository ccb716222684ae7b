"""Sharing messages out: in order, within replicas, and no inbox in the way of another."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update
from tests.network.posting import Post

from stemma.core.clock import timestamp
from stemma.ledger.scope import Scope
from stemma.network import MessageStatus
from stemma.network.claiming import MOST_DELIVERIES, Queue, Slot, Waiting, choose, queue
from stemma.network.inbox import standing
from stemma.store.schema import messages, steps

REPLICAS = {"a": 1, "b": 2, "c": None, "d": None}
letters = st.lists(st.sets(st.sampled_from(sorted(REPLICAS)), min_size=1, max_size=2), max_size=30)


def in_order(inboxes: list[set[str]]) -> list[Waiting]:
    return [
        Waiting(place, str(place), tuple(Slot(inbox, REPLICAS[inbox]) for inbox in sorted(names)))
        for place, names in enumerate(inboxes, start=1)
    ]


@given(letters, st.dictionaries(st.sampled_from("ab"), st.integers(0, 2)), st.integers(1, 8))
def test_choice_keeps_order_and_replicas(inboxes: list[set[str]], running: dict[str, int], most: int) -> None:
    """No inbox has more at work than its replicas, none is taken from out of order, and nothing that could be is left out."""
    waiting, busy, blocked = in_order(inboxes), Counter(running), set[str]()
    chosen = choose(waiting, busy, most, blocked)
    assert len(chosen) <= most
    for inbox, replicas in REPLICAS.items():
        at_work = running.get(inbox, 0) + sum(slot.inbox == inbox for _, slot in chosen)
        assert busy[inbox] == at_work
        assert replicas is None or at_work <= max(replicas, running.get(inbox, 0))
        mine = [one for one in waiting if len(one.slots) == 1 and one.slots[0].inbox == inbox]
        taken = [one for one, _ in chosen if one in mine]
        assert taken == mine[: len(taken)], "somebody was taken before who was sent later"
    if len(chosen) < most:
        left = [one for one in waiting if one not in [taken for taken, _ in chosen]]
        assert all(
            (limit := REPLICAS[slot.inbox]) is not None and busy[slot.inbox] >= limit
            for one in left
            for slot in one.slots
        )


@given(letters, st.integers(1, 4), st.integers(1, 5))
def test_choice_page_by_page_is_the_choice_of_all(inboxes: list[set[str]], most: int, size: int) -> None:
    """Looking at the waiting in pages leads to the same as looking at all of them at once."""
    waiting = in_order(inboxes)
    busy, blocked, paged = Counter[str](), set[str](), list[tuple[Waiting, Slot]]()
    for start in range(0, len(waiting), size):
        paged += choose(waiting[start : start + size], busy, most - len(paged), blocked)
    assert paged == choose(waiting, Counter(), most, set())


def test_inbox_that_is_held_up_keeps_no_other_waiting(scope: Scope) -> None:
    """However many wait for an agent that takes one at a time, what was sent to another after them is taken on at once."""
    post = Post(scope)
    for number in range(60):
        post.send(f"a{number}", "a", replicas=1)
    post.send("b", "b")
    assert post.claimed(2) == ["a0", "b"]
    assert post.claimed(2) == []
    with scope.read() as connection:
        assert queue(connection, None, None) is Queue.HELD_UP
        assert queue(connection, ["desk/b"], None) is Queue.EMPTY


def test_no_more_at_work_than_replicas_wherever(scope: Scope) -> None:
    """Two processes together take on as many messages of an inbox as it has replicas, in the order of sending."""
    post = Post(scope)
    for number in range(4):
        post.send(f"a{number}", "a", replicas=2)
    assert post.claimed(1, owner="me") == ["a0"]
    assert post.claimed(3, owner="you") == ["a1"]
    assert post.claimed(3, owner="you") == []


def test_message_put_up_goes_to_whoever_is_free_first(scope: Scope) -> None:
    """Of several that may claim it the fittest with a free hand does; one who serves only the second claims it for that one."""
    post = Post(scope)
    post.send("busy", "a", replicas=1)
    assert post.claimed() == ["busy"]
    post.send("one", "a", replicas=1, instead=["b"])
    post.send("two", "a", replicas=1, instead=["b", "c"])
    assert [one.message.recipient for one in post.claim(2)] == ["b", "c"]
    post.send("three", "b", instead=["c"])
    assert post.claimed(serves=["a"]) == []
    assert [one.message.recipient for one in post.claim(serves=["c"])] == ["c"]


def test_nobody_takes_on_what_is_too_late(scope: Scope) -> None:
    """A message whose deadline went by in the inbox is a dead letter that says so; the next one is taken on."""
    post = Post(scope)
    post.send("late", "a", deadline=timestamp(scope.clock.now() - timedelta(seconds=1)))
    post.send("next", "a")
    assert post.claimed(2) == ["next"]
    late = post.message("late").id
    with scope.read() as connection:
        dead = standing(connection, [late])[late]
    assert (dead.status, dead.reason) == (MessageStatus.DEAD, "nobody took it on before its deadline")


@pytest.mark.parametrize("kept", [0, 1])
def test_message_that_kills_whoever_takes_it_on(scope: Scope, kept: int) -> None:
    """Taken on so often without a new step it is a dead letter; one that came a step further in between gets another try."""
    post = Post(scope)
    post.send("a")
    id = post.message("a").id
    with scope.write() as tx:
        tx.connection.execute(update(messages).values(deliveries=MOST_DELIVERIES, reason="OSError: no"))
        if kept:
            tx.connection.execute(insert(steps).values(subject=id, step="m1", body="{}", at=tx.at))
    assert post.claimed() == (["a"] if kept else [])
    with scope.read() as connection:
        ended = standing(connection, [id])
    if not kept:
        assert ended[id].reason == f"it broke {MOST_DELIVERIES} times while it was worked on: OSError: no"
    else:
        assert ended == {}
