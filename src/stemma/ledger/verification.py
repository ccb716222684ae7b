"""Reading a whole log and saying whether it is what was appended and signed; if not, which entry is the first bad one.

Four things must agree: each body with its stored leaf hash, each leaf hash with the copy in the next body (and the
last one with the head's), the tree of all leaf hashes with the head, and the tree at each signed size with the
checkpoint. All but the last could be made to agree by whoever can write the database; a checkpoint only by the key.
So a log can be believed up to `Verification.signed_size`, and nobody can cut it below a checkpoint kept elsewhere. Who
holds the key as well can write everything anew but what a witness has signed: up to `witnessed_size` not even the owner
has changed anything.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from typing import Any

from stemma.core.errors import InvalidInput, LedgerTampered
from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.cosignature import Cosignature
from stemma.ledger.diagnosis import Anchor, Finding, of_broken_link, of_broken_tip, of_disagreement
from stemma.ledger.entry import TIP
from stemma.ledger.merkle import EMPTY_ROOT, Frontier
from stemma.ledger.signing import PublicKey
from stemma.ledger.snapshot import Batch, Head, Snapshot


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading the log gave.

    `entries` were read, up to the first bad one; their Merkle root is `root`. `checkpoints` agree with them, and
    signatures cover the first `signed_size`. When something is wrong, `problem` says what; `first_bad` is the first bad
    entry, or None where the data prove only that it is among `suspects`, or that no entry is bad but a head or a
    checkpoint. `public_key` is the key that signatures were checked with. Every one of the witnesses that were asked for
    has seen the first `witnessed_size`.
    """

    entries: int
    root: bytes
    checkpoints: int
    signed_size: int
    problem: str | None = None
    first_bad: int | None = None
    suspects: range | None = None
    public_key: str | None = None
    witnessed_size: int = 0

    @property
    def verified(self) -> bool:
        return self.problem is None

    def require(self) -> None:
        """Raises LedgerTampered unless everything agreed."""
        if self.problem is not None:
            raise LedgerTampered(self.problem, seq=self.first_bad)

    def to_json(self) -> dict[str, Any]:
        return {
            "entries": self.entries,
            "verified": self.verified,
            "root": self.root.hex(),
            "checkpoints": self.checkpoints,
            "signed_size": self.signed_size,
            "problem": self.problem,
            "first_bad": self.first_bad,
            "suspects": None if self.suspects is None else [self.suspects[0], self.suspects[-1]],
            "public_key": self.public_key,
            "witnessed_size": self.witnessed_size,
        }


def verify(
    snapshot: Snapshot,
    public_key: PublicKey | None = None,
    *,
    kept: Sequence[str] = (),
    witnesses: Sequence[PublicKey] = (),
) -> Verification:
    """Checks everything in `snapshot` in one pass that holds a few hundred entries at a time.

    Without `public_key` checkpoints are compared with the entries, but not believed: `signed_size` stays 0. `kept` are
    notes that were kept elsewhere; they count like the log's own, and show if those were removed. A checkpoint that one of
    `witnesses` signed is believed whoever holds the log's key, and each of them must have signed one; the largest that a
    witness itself still has belongs among `kept`, else a log that was cut back to an older one passes. Never raises
    for what it finds: see `Verification`.
    """
    anchors, seen, complaints = _anchors(snapshot, public_key, kept, witnesses)
    walk = _Walk(deque(anchors), complaints)
    finding = _read(walk, snapshot)
    if finding is None and walk.doubts:
        anchor, proven = walk.doubts[0]
        finding = of_disagreement(anchor, proven)
    if finding is None and walk.complaints:
        finding = Finding(walk.complaints[0])
    return Verification(
        entries=walk.tree.size,
        root=walk.tree.root(),
        checkpoints=walk.met,
        signed_size=walk.signed,
        problem=None if finding is None else finding.problem,
        first_bad=None if finding is None else finding.first_bad,
        suspects=None if finding is None else finding.suspects,
        public_key=None if public_key is None else public_key.text,
        witnessed_size=min(
            (max((size for size in sizes if size <= walk.vouched), default=0) for sizes in seen.values()), default=0
        ),
    )


@dataclass
class _Walk:
    """How far the reading has come.

    `tree` lags one entry behind: `pending`, the leaf hash of the last entry read, joins it when the next one vouches
    for it.
    """

    anchors: deque[Anchor]  # not yet reached, smallest first
    complaints: list[str]  # about heads and checkpoints, never about entries
    tree: Frontier = field(default_factory=Frontier)
    pending: list[bytes] = field(default_factory=list)
    doubts: list[tuple[Anchor, int]] = field(default_factory=list)  # unsigned ones that disagreed, and `proven` then
    proven: int = 0  # entries below this agree with some anchor
    vouched: int = 0  # … with one that is not the store's own
    signed: int = 0
    met: int = 0

    @property
    def tip(self) -> bytes:
        return self.pending[0] if self.pending else EMPTY_ROOT

    @property
    def count(self) -> int:
        return self.tree.size + len(self.pending)

    def add(self, leaves: list[bytes]) -> Finding | None:
        """Entries whose successor vouches for them join the tree; stops at a signature that does not fit."""
        while self.anchors and (cut := self.anchors[0].size - self.tree.size) <= len(leaves):
            self.tree, leaves = self.tree.extend(leaves[:cut]), leaves[cut:]
            if finding := self._meet(self.anchors.popleft()):
                return finding
        self.tree = self.tree.extend(leaves)
        return None

    def _meet(self, anchor: Anchor) -> Finding | None:
        if self.tree.root() == anchor.root:
            self.proven = anchor.size
            self.met += not anchor.is_head
            if anchor.is_signed:
                self.signed = anchor.size
            if anchor.is_outside:
                self.vouched = anchor.size
            # A later tree that fits shows that the entries below are right, and the one that differed was wrong.
            self.complaints += [
                f"{false.name} was changed: the entries it counts are right" for false, _ in self.doubts
            ]
            self.doubts.clear()
        elif self.proven == anchor.size:
            self.complaints.append(f"{anchor.name} was changed: the entries it counts are right")
        elif anchor.is_signed:
            # Who rewrote what others saw also held the key: what only that key signed proves nothing against it.
            return of_disagreement(anchor, self.vouched if anchor.is_outside else self.proven)
        else:
            self.doubts.append((anchor, self.proven))
        return None


def _read(walk: _Walk, snapshot: Snapshot) -> Finding | None:
    """Walks through all entries; gives what is wrong with them, or None."""
    batches = iter(snapshot.batches)
    for batch in batches:
        leaves, flaw = _leaves(batch, walk)
        if flaw is not None:
            return _flaw(walk, snapshot.head, batch, leaves, flaw, batches)
        if finding := walk.add(walk.pending + leaves[:-1]):
            return finding
        walk.pending = leaves[-1:]
    return _end(walk, snapshot.head)


def _leaves(batch: Batch, walk: _Walk) -> tuple[list[bytes], int | None]:
    """The leaf hashes of `batch`, and the place of the first entry with which something is wrong."""
    start, tip = walk.count, walk.tip
    leaves = [sha256(b"\x00" + body).digest() for body in batch.bodies]
    tips = b"".join([body[TIP] for body in batch.bodies])
    seqs = tuple(range(start, start + len(leaves)))
    if batch.seqs == seqs and batch.leaves == tuple(leaves) and tips == b"".join((tip, *leaves[:-1])).hex().encode():
        return leaves, None
    before = (tip, *leaves)
    for at, body in enumerate(batch.bodies):
        if batch.seqs[at] != seqs[at] or batch.leaves[at] != leaves[at] or body[TIP] != before[at].hex().encode():
            return leaves, at
    raise AssertionError("columns that differ as a whole differ somewhere")


def _flaw(
    walk: _Walk, head: Head | None, batch: Batch, leaves: list[bytes], at: int, rest: Iterator[Batch]
) -> Finding | None:
    trusted = walk.pending + leaves[:at]
    if finding := walk.add(trusted[:-1]):
        return finding
    walk.pending = trusted[-1:]
    seq, expected = batch.seqs[at], walk.count
    if seq == expected and batch.leaves[at] == leaves[at]:
        following = chain(batch.bodies[at:], chain.from_iterable(later.bodies for later in rest))
        return of_broken_link(walk.tree, walk.pending, following, head, walk.anchors, walk.proven)
    if finding := walk.add(walk.pending):
        return finding
    walk.pending = []
    if seq > expected:
        return Finding.at(expected, f"entry {expected} is missing: the next one is {seq}")
    if seq < expected:
        return Finding.at(seq, f"entry {seq} is there twice, or was put in")
    return Finding.at(seq, f"entry {seq} was changed: its body and its stored leaf hash do not belong together")


def _end(walk: _Walk, head: Head | None) -> Finding | None:
    """What the end of the entries shows: the head, and what was signed beyond."""
    count = walk.count
    if head is None and count:
        walk.complaints.append("the log's head is missing from the store")
    if head is not None and head.size == count and head.tip != walk.tip:
        if finding := of_broken_tip(walk.tree, head, walk.anchors):
            return finding
        walk.complaints.append("the head was changed: its last leaf hash is not the last entry's")
    tip = walk.tip
    if finding := walk.add(walk.pending):
        return finding
    walk.pending = []
    if beyond := next((anchor for anchor in walk.anchors if not anchor.is_head), None):
        return _missing(count, beyond.name, beyond.size)
    if head is None or head.size == count:
        return None
    if walk.proven > head.size or head.tip == tip:
        walk.complaints.append(f"the head was changed: it counts {head.size} entries, there are {count}")
        return None
    if head.size > count:
        return _missing(count, "the head", head.size)
    if walk.proven == head.size:
        return Finding(
            f"entry {head.size} and all behind it were put in: the head counts {head.size} entries",
            head.size,
            range(head.size, count),
        )
    return None


def _missing(count: int, name: str, size: int) -> Finding:
    return Finding(f"entry {count} is missing: {name} counts {size} entries", count, range(count, count + 1))


def _anchors(
    snapshot: Snapshot, public_key: PublicKey | None, kept: Sequence[str], witnesses: Sequence[PublicKey]
) -> tuple[list[Anchor], dict[PublicKey, list[int]], list[str]]:
    """The sizes at which the root is known, smallest first and of one size the most believed first; those that each witness
    has signed; and what is wrong with the texts that should say so."""
    anchors, complaints = list[Anchor](), list[str]()
    seen: dict[PublicKey, list[int]] = {witness: [] for witness in witnesses}
    notes: list[tuple[str, int | None, str]] = [
        (f"the checkpoint at {stored.size}", stored.size, stored.note) for stored in snapshot.checkpoints
    ]
    notes += [("the checkpoint that was kept", None, note) for note in kept]
    for name, size, note in notes:
        read, is_signed, is_outside = None, public_key is not None, public_key is not None and size is None
        try:
            read = Checkpoint.parse(note, public_key)
        except InvalidInput as error:
            complaints.append(f"{name} cannot be believed: {error}")
        for witness in witnesses:
            try:
                cosigned = Cosignature.find(note, witness)
            except InvalidInput as error:
                complaints.append(f"{name} cannot be believed: {error}")
                continue
            if cosigned is not None:
                read, is_signed, is_outside = cosigned.checkpoint, True, True
                name = f"the checkpoint that witness {witness.name!r} saw"
                seen[witness].append(read.size)
        if read is None:
            continue
        if size not in (None, read.size):
            complaints.append(f"{name} was changed: its note is about {read.size} entries")
        anchors.append(Anchor(read.size, read.root, name, is_signed, is_outside))
    complaints += [
        f"witness {witness.name!r} has signed no checkpoint that is here: it may have been removed; ask the witness for its "
        "own copy, and give it with --kept"
        for witness, sizes in seen.items()
        if not sizes
    ]
    if snapshot.head is not None:
        try:
            anchors.append(Anchor(snapshot.head.size, snapshot.head.tree().root(), "the head", is_head=True))
        except InvalidInput as error:
            complaints.append(f"the head was changed: {error}")
    anchors.sort(key=lambda one: (one.size, not one.is_outside, not one.is_signed, one.is_head))
    return anchors, seen, complaints
