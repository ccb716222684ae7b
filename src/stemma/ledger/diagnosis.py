"""Which entry is the bad one, when two neighbours do not agree.

Every leaf hash is written twice: computed from its body, and as `tip` in the next body. Where the two differ, either the
entry was rewritten (with its stored leaf hash) or the next one's `tip` was. Both readings give a whole sequence of leaf
hashes, and the next anchor, a size with a known root, tells which of them is the log that was signed.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from stemma.core.errors import InvalidInput
from stemma.ledger.entry import TIP, Entry
from stemma.ledger.merkle import HASH_SIZE, Frontier, leaf_hash
from stemma.ledger.snapshot import Head

_CHUNK = 4_096


@dataclass(frozen=True, slots=True)
class Anchor:
    """A size at which the root is known: from a checkpoint whose signature holds, from one not checked, or the head.

    One that is `is_outside` was kept elsewhere, or signed by a witness: who can write the store cannot have made it.
    """

    size: int
    root: bytes
    name: str
    is_signed: bool = False
    is_outside: bool = False
    is_head: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong; `first_bad` when the data prove which entry is the first bad one, `suspects` when only a range."""

    problem: str
    first_bad: int | None = None
    suspects: range | None = None

    @classmethod
    def at(cls, seq: int, problem: str) -> "Finding":
        return cls(problem, seq, range(seq, seq + 1))

    @classmethod
    def among(cls, suspects: range, problem: str) -> "Finding":
        return cls(problem, suspects[0] if len(suspects) == 1 else None, suspects)


def of_disagreement(anchor: Anchor, proven: int) -> Finding:
    """Neighbours agree everywhere, but the tree does not have the root that `anchor` gives it."""
    suspects = range(proven, anchor.size)
    doubt = "" if anchor.is_signed else f", or {anchor.name} was changed"
    return Finding.among(suspects, f"{_spoken(suspects)} rewritten: {anchor.name} was made of others{doubt}")


def of_broken_link(
    tree: Frontier,
    pending: Sequence[bytes],
    following: Iterator[bytes],
    head: Head | None,
    anchors: Collection[Anchor],
    proven: int,
) -> Finding:
    """The next body does not carry the hash of the last entry.

    `tree` holds all entries before the last one, `pending` that one's leaf hash, or nothing at the log's beginning.
    `following` are the bodies behind, at least one; `anchors` those not yet reached, smallest first; entries below
    `proven` are known to be right.
    """
    place = tree.size + len(pending)
    body, after = next(following), next(following, None)
    claimed = _claimed(body)
    if claimed is None:
        return Finding.at(place, f"entry {place} was changed: its body is not that of an entry")
    if claimed > place:
        return Finding.at(place, f"entry {place} is missing: entry {claimed} stands in its place")
    if claimed < place:
        return _put_in(tree, pending, claimed, body, after, head, anchors)
    if not pending:
        return Finding.at(place, f"entry {place} was changed: it does not begin a log")
    last_tip = () if head is None else (head.tip,)
    tips = chain(() if after is None else (_tip(after),), map(_tip, following), last_tip)
    vouching = next(tips, None)
    is_vouched_for = vouching in (None, leaf_hash(body))
    if anchor := next((anchor for anchor in anchors if anchor.size >= place), None):
        later = tips if vouching is None else chain((vouching,), tips)
        changed, unchanged = _roots_with(tree, (_tip(body), *pending), later, anchor.size)
        if changed == anchor.root:
            return _rewritten(place - 1)
        if unchanged == anchor.root and not is_vouched_for:
            return _rewritten(place)
        if anchor.is_signed:
            suspects = range(proven, place if is_vouched_for else place + 1)
            return Finding.among(suspects, f"{_spoken(suspects)} rewritten: {anchor.name} was made of others")
    return _rewritten(place - 1)


def _put_in(
    tree: Frontier,
    pending: Sequence[bytes],
    claimed: int,
    body: bytes,
    after: bytes | None,
    head: Head | None,
    anchors: Collection[Anchor],
) -> Finding:
    """A body calls itself by a number that is taken: it is a stranger, or others were put in and pushed it along."""
    place = tree.size + len(pending)
    pushed = Finding.at(claimed, f"entry {claimed} was put in: the one that had its number stands at {place}")
    stranger = Finding.at(place, f"entry {place} was put in: it calls itself entry {claimed}")
    if after is not None:
        return pushed if _claimed(after) == claimed + 1 else stranger
    # It is the last entry, so no neighbour tells; a root may, with the one reading or with the other.
    roots = {(anchor.size, anchor.root) for anchor in anchors}
    if head is not None and (place + 1, tree.extend([*pending, head.tip]).root()) in roots:
        return stranger
    if (place, tree.extend([leaf_hash(body)]).root()) in roots:
        return pushed
    suspects = range(claimed, place + 1)
    return Finding.among(suspects, f"{_spoken(suspects)} put in: entry {place} calls itself entry {claimed}")


def of_broken_tip(tree: Frontier, head: Head, anchors: Collection[Anchor]) -> Finding | None:
    """The head does not carry the hash of the entry behind `tree`, the last one; None unless that entry was changed."""
    seq = tree.size
    roots = {anchor.root for anchor in anchors if anchor.size == seq + 1}
    if tree.extend([head.tip]).root() in roots:
        return _rewritten(seq)
    return None


def _rewritten(seq: int) -> Finding:
    return Finding.at(seq, f"entry {seq} was rewritten: it is not the one that the next entry was written behind")


def _roots_with(
    tree: Frontier, choices: Iterable[bytes], later: Iterator[bytes], size: int
) -> tuple[bytes | None, bytes | None]:
    """The roots at `size` of `tree` with either choice appended and then `later`; None when that does not reach so far."""
    first, second = (tree.extend([choice]) for choice in choices)
    while first.size < size and (tips := list(islice(later, min(_CHUNK, size - first.size)))):
        first, second = first.extend(tips), second.extend(tips)
    return (first.root(), second.root()) if first.size == size else (None, None)


def _claimed(body: bytes) -> int | None:
    """The number that a body gives itself."""
    try:
        seq = Entry.from_body(body).seq
    except InvalidInput:
        return None
    return seq if type(seq) is int else None


def _tip(body: bytes) -> bytes:
    try:
        return bytes.fromhex(body[TIP].decode())
    except ValueError:
        return bytes(HASH_SIZE)  # a broken copy of a hash fits nothing


def _spoken(entries: range) -> str:
    if len(entries) == 1:
        return f"entry {entries[0]} was"
    return f"one of the entries {entries[0]} to {entries[-1]}, or several, was"
