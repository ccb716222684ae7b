"""Sending: written once, fenced, bounded, and turned away when an inbox is full."""

import pytest
from sqlalchemy import select
from tests.network.posting import Post

from stemma.ledger.scope import Scope
from stemma.network import Bounds, MessageStatus
from stemma.network.admission import Address, Turned
from stemma.network.inbox import Posted, bury, return_to_sender
from stemma.store.schema import messages


def test_message_sent_again_stays_as_it_is(scope: Scope) -> None:
    """A flow that is replayed sends the same message, which is not written, counted or told of twice."""
    post = Post(scope)
    first, again = post.send("a"), post.send("a")
    assert isinstance(first, Posted)
    assert isinstance(again, Posted)
    assert (first.spent.messages, again.status) == (1, MessageStatus.WAITING)
    assert post.claimed(2) == ["a"]
    assert [entry.kind for entry in scope.ledger.tail()].count("message.sent") == 1


def test_sender_works_on_it_at_once_where_nobody_waits(scope: Scope) -> None:
    """With a free hand and an empty inbox it is the sender's; behind others, or over the replicas, it waits its turn."""
    post = Post(scope)
    sent = [post.send(name, replicas=1, at_once=True) for name in "abc"]
    assert [isinstance(one, Posted) and one.mine for one in sent] == [True, False, False]
    post.send("x", "other")
    behind = post.send("y", "other", at_once=True)
    assert isinstance(behind, Posted)
    assert not behind.mine


def test_nobody_sends_for_a_run_that_is_in_other_hands(scope: Scope) -> None:
    """A process that was taken for dead, and comes back, is turned away when it sends; nothing is written."""
    post = Post(scope)
    turned = post.send("a", by="a ghost")
    assert isinstance(turned, Turned)
    assert turned.why == "ended"
    assert post.claimed() == []


def test_full_inbox_turns_away(scope: Scope) -> None:
    """Those that wait are counted, those that are worked on are not; what is put up is counted where it is put up."""
    post = Post(scope)
    for name in "ab":
        post.send(name, capacity=2)
    turned = post.send("c", capacity=2)
    assert isinstance(turned, Turned)
    assert (turned.why, "holds 2 waiting messages" in turned.reason) == ("full", True)
    post.claim()
    assert isinstance(post.send("c", capacity=2), Posted)
    assert isinstance(post.send("up", capacity=1, instead=["b"]), Turned)


def test_message_that_no_inbox_took_is_a_dead_letter(scope: Scope) -> None:
    """It is on record with the reason, and counts against the run; returned again, it stays what it is."""
    post = Post(scope)
    for _ in range(2):
        with scope.write() as tx:
            back = return_to_sender(tx, post.message("a"), Address("desk/clerk", None, 1), "it is full")
    assert (back.status, back.reason) == (MessageStatus.DEAD, "it is full")
    again = post.send("b")
    assert isinstance(again, Posted)
    assert again.spent.messages == 2


@pytest.mark.parametrize(
    ("bounds", "reason"), [(Bounds(messages=1), "bound of 1 messages"), (Bounds(depth=0), "messages below each other")]
)
def test_bound_of_the_run_turns_away(scope: Scope, bounds: Bounds, reason: str) -> None:
    """Where a bound leaves no room the message is not written, and the bound is named."""
    post = Post(scope)
    sent = [post.send(name, bounds=bounds) for name in "ab"]
    turned = sent[-1]
    assert isinstance(turned, Turned)
    assert turned.why == "bound"
    assert reason in turned.reason


def test_letter_is_buried_once_and_never_what_was_answered(scope: Scope) -> None:
    """A deadline that goes by when the answer is there changes nothing."""
    post = Post(scope)
    post.send("a")
    id = post.message("a").id
    for reason in ("first", "second"):
        with scope.write() as tx:
            bury(tx, id, reason)
    with scope.read() as connection:
        assert connection.execute(select(messages.c.reason)).scalar() == "first"
    assert [entry.kind for entry in scope.ledger.tail()].count("message.buried") == 1
