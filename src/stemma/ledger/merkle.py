"""The Merkle tree of RFC 6962 (and RFC 9162, section 2.1): hashes, roots and proofs, as pure functions and records.

A tree over a million entries is never held: a `Frontier` keeps the roots of its perfect subtrees, at most one a level,
and that is enough to append, to know the root and to fold a stream of leaves. A proof is a list of roots of ranges of
leaves; `inclusion_ranges` and `consistency_ranges` say which, and whoever keeps the leaves computes them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from stemma.core.errors import InvalidInput

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""

HASH_SIZE = 32

Range: TypeAlias = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of an entry. Its prefix differs from a node's, so no node can be passed off as an entry."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over the hashes of its two children."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves, as the roots of its perfect subtrees, largest first.

    >>> Frontier().extend([leaf_hash(b"")]).root().hex()
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
    """

    size: int = 0
    roots: tuple[bytes, ...] = ()

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> "Frontier":
        """The frontier that `to_bytes` wrote. Raises InvalidInput when the length does not belong to `size`."""
        if size < 0 or len(data) != HASH_SIZE * size.bit_count():
            raise InvalidInput(f"{len(data)} bytes cannot be the frontier of a tree of {size} entries")
        return cls(size, tuple(data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)))

    def to_bytes(self) -> bytes:
        return b"".join(self.roots)

    def extend(self, leaves: Sequence[bytes]) -> "Frontier":
        """The tree with leaf hashes `leaves` appended. Costs one hash a leaf, folded level by level."""
        untouched, completed = list(self.roots), list[bytes]()
        nodes, level = list(leaves), 0
        while nodes:
            if self.size >> level & 1:
                nodes.insert(0, untouched.pop())
            if len(nodes) & 1:
                completed.append(nodes.pop())
            pairs = iter(nodes)
            # node_hash written out: the call would cost a third again of the hash.
            nodes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            level += 1
        return Frontier(self.size + len(leaves), (*untouched, *reversed(completed)))

    def root(self) -> bytes:
        """The root hash of the whole tree."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree over leaf hashes `leaves`."""
    return Frontier().extend(list(leaves)).root()


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That a leaf stands at `index` in a tree of `size` leaves: `path` holds its siblings' roots, lowest first."""

    index: int
    size: int
    path: tuple[bytes, ...]

    def proves(self, leaf: bytes, root: bytes) -> bool:
        """Whether the path leads from leaf hash `leaf` to `root` (RFC 9162, section 2.1.3.2)."""
        if not 0 <= self.index < self.size:
            return False
        node, last, reached = self.index, self.size - 1, leaf
        for sibling in self.path:
            if last == 0:
                return False
            if node & 1 or node == last:
                reached = node_hash(sibling, reached)
                while not node & 1 and node:
                    node, last = node >> 1, last >> 1
            else:
                reached = node_hash(reached, sibling)
            node, last = node >> 1, last >> 1
        return last == 0 and reached == root


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That a tree of `new` leaves begins with the very tree of `old` leaves: nothing before was changed."""

    old: int
    new: int
    path: tuple[bytes, ...]

    def proves(self, old_root: bytes, new_root: bytes) -> bool:
        """Whether the path leads to both roots (RFC 9162, section 2.1.4.2)."""
        if not 0 <= self.old <= self.new:
            return False
        if self.old == 0 or self.old == self.new:
            return not self.path and (old_root == (new_root if self.old else EMPTY_ROOT))
        # A complete subtree's own root is not sent: the verifier has it.
        path = self.path if self.old & (self.old - 1) else (old_root, *self.path)
        if not path:
            return False
        node, last = self.old - 1, self.new - 1
        while node & 1:
            node, last = node >> 1, last >> 1
        old_reached = new_reached = path[0]
        for sibling in path[1:]:
            if last == 0:
                return False
            if node & 1 or node == last:
                old_reached, new_reached = node_hash(sibling, old_reached), node_hash(sibling, new_reached)
                while not node & 1 and node:
                    node, last = node >> 1, last >> 1
            else:
                new_reached = node_hash(new_reached, sibling)
            node, last = node >> 1, last >> 1
        return last == 0 and old_reached == old_root and new_reached == new_root


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges of leaves whose roots make up the inclusion proof of leaf `index`, lowest first (section 2.1.3.1).

    >>> inclusion_ranges(5, 8)
    [(4, 5), (6, 8), (0, 4)]
    """
    if not 0 <= index < size:
        raise InvalidInput(f"entry {index} is not in a tree of {size} entries")
    ranges, start, end = list[Range](), 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges of leaves whose roots make up the proof that a tree of `new` leaves extends one of `old` (2.1.4.1).

    >>> consistency_ranges(6, 8)
    [(4, 6), (6, 8), (0, 4)]
    """
    if not 0 <= old <= new:
        raise InvalidInput(f"a tree of {new} entries cannot extend one of {old}")
    if old in (0, new):
        return []
    ranges, start, end = list[Range](), 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    # From leaf 0 on, what is left is the old tree itself, whose root the verifier brings along.
    return ([(start, end)] if start else []) + ranges[::-1]


def _split(count: int) -> int:
    """The largest power of two below `count`: where RFC 6962 divides a tree."""
    return 1 << (count - 1).bit_length() - 1
