"""Topics: messages that an agent posts in the middle of its turn, one to each subscriber, and that nobody waits for."""

from collections.abc import Sequence
from dataclasses import dataclass

from stemma.ledger.scope import Transaction
from stemma.network.admission import Address, Turned, turned_away
from stemma.network.bounds import Bounds
from stemma.network.inbox import send
from stemma.network.message import Message


@dataclass(frozen=True, slots=True)
class Post:
    """A message to one subscriber. Not begun by the `deadline`, it is a dead letter."""

    message: Message
    address: Address
    deadline: str | None = None


def publish(transaction: Transaction, posts: Sequence[Post], *, bounds: Bounds, by: str, asker: str) -> Turned | None:
    """Puts each message into its inbox, all of them or none; why not, if not. Those that are there already stay as they are.

    `asker` is the message in whose turn they are sent, which `by` has in hand. They belong to its run, count
    and are charged there; a run that completes leaves them to be answered, one that ends otherwise cancels them.
    """
    for number, post in enumerate(posts):
        turned = turned_away(
            transaction.connection, post.message, post.address, bounds=bounds, by=by, asker=asker, beside=number
        )
        if turned is not None:
            return turned
    for post in posts:
        send(transaction, post.message, post.address, bounds=bounds, by=by, deadline=post.deadline, asker=asker)
    return None
