"""Whatever is done to a log is found, and the first bad entry named: exactly where the data prove it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import LedgerTampered
from stemma.ledger import Checkpoint, Event, Ledger, Signer, Verification, leaf_hash, verify
from stemma.ledger.entry import body_of
from stemma.ledger.merkle import EMPTY_ROOT, Frontier, root_of
from stemma.ledger.snapshot import Batch, Head, Snapshot, StoredNote
from stemma.store import Store
from stemma.testing.clock import VirtualClock

SIGNER = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
TIME = "2026-01-01T00:00:00.000000Z"


@dataclass(frozen=True)
class Row:
    """One stored entry, as somebody who tampers sees it."""

    seq: int
    body: bytes
    leaf: bytes

    def rewritten(self, body: bytes) -> "Row":
        """With another body and the leaf hash that belongs to it."""
        return Row(self.seq, body, leaf_hash(body))


@dataclass(frozen=True)
class Log:
    """A whole stored log, to be tampered with."""

    rows: tuple[Row, ...]
    head: Head | None
    notes: tuple[StoredNote, ...]

    def verified(self, *, key: bool = True, kept: Sequence[str] = (), batch: int = 3) -> Verification:
        pieces = [self.rows[at : at + batch] for at in range(0, len(self.rows), batch)]
        columns = (
            Batch(tuple(r.seq for r in rows), tuple(r.body for r in rows), tuple(r.leaf for r in rows))
            for rows in pieces
        )
        return verify(Snapshot(self.head, self.notes, columns), SIGNER.public_key if key else None, kept=kept)

    def with_row(self, at: int, row: Row) -> "Log":
        return replace(self, rows=(*self.rows[:at], row, *self.rows[at + 1 :]))

    def renumbered(self, rows: Sequence[Row]) -> "Log":
        """With other rows, their numbers (outside the body) made gapless again."""
        return replace(self, rows=tuple(replace(row, seq=seq) for seq, row in enumerate(rows)))


def entries(count: int, *, first: int = 0, tip: bytes = EMPTY_ROOT, actor: str = "ada") -> tuple[Row, ...]:
    rows = []
    for seq in range(first, count):
        body = body_of(Event("prompt.saved", f"p{seq}", actor, {"n": seq}), seq=seq, time=TIME, tip=tip)
        tip = leaf_hash(body)
        rows.append(Row(seq, body, tip))
    return tuple(rows)


def head_of(rows: Sequence[Row]) -> Head:
    tree = Frontier().extend([row.leaf for row in rows])
    return Head(tree.size, tree.to_bytes(), rows[-1].leaf if rows else EMPTY_ROOT)


def log(count: int, *signed: int) -> Log:
    """A log of `count` entries with checkpoints at the sizes `signed`."""
    rows = entries(count)
    notes = (
        StoredNote(size, Checkpoint.sign(SIGNER, size=size, root=root_of(r.leaf for r in rows[:size])).note)
        for size in sorted(set(signed))
    )
    return Log(rows, head_of(rows), tuple(notes))


@st.composite
def logs(draw: st.DrawFn, *, least: int = 1) -> tuple[Log, int]:
    """A log whose end is signed, with some earlier checkpoints, and a place in it."""
    count = draw(st.integers(least, 20))
    signed = draw(st.lists(st.integers(0, count), max_size=4))
    return log(count, *signed, count), draw(st.integers(0, count - 1))


def named(found: Verification) -> int | None:
    """The one entry that is named; the message and the range must say the same."""
    assert found.problem is not None
    if found.first_bad is not None:
        assert found.suspects is not None
        assert found.suspects[0] == found.first_bad
    return found.first_bad


@given(logs(), st.integers(1, 25), st.booleans())
def test_an_untouched_log_verifies(drawn: tuple[Log, int], batch: int, key: bool) -> None:
    """Whatever its size, its checkpoints and how it is read in pieces, an untouched log is right and signed to its end."""
    kept, _ = drawn
    found = kept.verified(batch=batch, key=key)
    count = len(kept.rows)
    assert (found.problem, found.entries, found.checkpoints) == (None, count, len(kept.notes))
    assert (found.root, found.signed_size) == (root_of(row.leaf for row in kept.rows), count if key else 0)
    found.require()


@given(logs(), st.data(), st.integers(1, 25))
def test_a_changed_body_is_named(drawn: tuple[Log, int], data: st.DataObject, batch: int) -> None:
    """Any byte of any body changed, with or without its leaf hash made to fit: that entry is named."""
    kept, at = drawn
    row = kept.rows[at]
    place, byte = data.draw(st.integers(0, len(row.body) - 1)), data.draw(st.integers(0, 255))
    body = row.body[:place] + bytes([byte]) + row.body[place + 1 :]
    if body != row.body:
        assert named(kept.with_row(at, replace(row, body=body)).verified(batch=batch)) == at
        assert named(kept.with_row(at, row.rewritten(body)).verified(batch=batch)) == at


@given(logs(), st.binary(max_size=40), st.integers(1, 25))
def test_a_replaced_body_or_leaf_hash_is_named(drawn: tuple[Log, int], other: bytes, batch: int) -> None:
    """A body or a leaf hash replaced by anything at all: that entry is named."""
    kept, at = drawn
    assert named(kept.with_row(at, kept.rows[at].rewritten(other)).verified(batch=batch)) == at
    assert named(kept.with_row(at, replace(kept.rows[at], leaf=other)).verified(batch=batch)) == at


@given(logs(), st.integers(1, 25))
def test_a_missing_entry_is_named(drawn: tuple[Log, int], batch: int) -> None:
    """A deleted entry is named, the last one too, whether or not the numbers behind it are closed up."""
    kept, at = drawn
    rows = kept.rows[:at] + kept.rows[at + 1 :]
    assert named(replace(kept, rows=rows).verified(batch=batch)) == at
    assert named(kept.renumbered(rows).verified(batch=batch)) == at


@given(logs(), st.integers(1, 3), st.integers(1, 25))
def test_forged_entries_that_push_others_along_are_named(drawn: tuple[Log, int], count: int, batch: int) -> None:
    """Entries forged to fit what is before them, put in anywhere: one is named, several at least narrowed down to."""
    kept, at = drawn
    tip = kept.rows[at - 1].leaf if at else EMPTY_ROOT
    forged = entries(at + count, first=at, tip=tip, actor="mallory")
    found = kept.renumbered(kept.rows[:at] + forged + kept.rows[at:]).verified(batch=batch)
    assert found.suspects is not None
    assert at in found.suspects
    assert named(found) in ({at} if count == 1 else {at, None})


@given(logs(), st.integers(1, 25))
def test_an_entry_behind_the_head_is_named(drawn: tuple[Log, int], batch: int) -> None:
    """An entry that was not appended but written behind the last one is named."""
    kept, _ = drawn
    count = len(kept.rows)
    forged = entries(count + 1, first=count, tip=kept.rows[-1].leaf)
    assert named(replace(kept, rows=kept.rows + forged).verified(batch=batch)) == count


@given(logs(), st.integers(1, 25), st.data())
def test_a_copy_of_an_older_entry_is_named(drawn: tuple[Log, int], batch: int, data: st.DataObject) -> None:
    """An old entry written over a newer one is found where it does not belong."""
    kept, at = drawn
    old = data.draw(st.integers(0, at))
    if old < at:
        found = kept.with_row(at, replace(kept.rows[old], seq=at)).verified(batch=batch)
        assert named(found) == at


@given(logs(least=2), st.integers(1, 25), st.data())
def test_swapped_entries_are_named(drawn: tuple[Log, int], batch: int, data: st.DataObject) -> None:
    """Two entries in each other's place: the earlier of the two places is named."""
    kept, one = drawn
    other = data.draw(st.integers(0, len(kept.rows) - 1))
    if one != other:
        rows = list(kept.rows)
        rows[one], rows[other] = rows[other], rows[one]
        assert named(replace(kept, rows=tuple(rows)).verified(batch=batch)) == min(one, other)
        assert named(kept.renumbered(rows).verified(batch=batch)) == min(one, other)


@given(logs(), st.integers(1, 25))
def test_a_log_cut_below_a_checkpoint_is_named(drawn: tuple[Log, int], batch: int) -> None:
    """Cut off, with a head that fits what is left: the first missing entry is named, by checkpoint or by head."""
    kept, at = drawn
    rows = kept.rows[:at]
    assert named(replace(kept, rows=rows).verified(batch=batch)) == at
    assert named(replace(kept, rows=rows, head=head_of(rows)).verified(batch=batch)) == at
    # With the checkpoints removed as well only one that was kept elsewhere can tell.
    left = replace(kept, rows=rows, head=head_of(rows), notes=tuple(note for note in kept.notes if note.size <= at))
    assert left.verified(batch=batch).verified
    assert named(left.verified(batch=batch, kept=[kept.notes[-1].note])) == at


@given(logs(least=3), st.integers(1, 25), st.data())
def test_several_rewritten_entries_name_the_first(drawn: tuple[Log, int], batch: int, data: st.DataObject) -> None:
    """Entries rewritten each with its leaf hash, as a search and replace would do it: the first of them is named."""
    kept, at = drawn
    places = {at, *data.draw(st.lists(st.integers(0, len(kept.rows) - 1), max_size=4))}
    changed = kept
    for place in places:
        row = kept.rows[place]
        changed = changed.with_row(place, row.rewritten(row.body.replace(b'"ada"', b'"eve"')))
    assert named(changed.verified(batch=batch)) == min(places)


@given(logs(), st.integers(1, 25), st.data())
def test_a_run_rewritten_with_its_chain_is_narrowed_to_checkpoints(
    drawn: tuple[Log, int], batch: int, data: st.DataObject
) -> None:
    """Entries rewritten together so that they fit each other: the range named begins at a checkpoint and holds them all."""
    kept, at = drawn
    end = data.draw(st.integers(at + 1, len(kept.rows)))
    forged = entries(end, first=at, tip=kept.rows[at - 1].leaf if at else EMPTY_ROOT, actor="mallory")
    rows = kept.rows[:at] + forged + kept.rows[end:]
    found = replace(kept, rows=rows, head=head_of(rows)).verified(batch=batch)
    below = max([note.size for note in kept.notes if note.size <= at], default=0)
    above = min(note.size for note in kept.notes if note.size > at)
    assert found.suspects is not None
    assert at in found.suspects
    assert found.suspects[0] >= below
    assert found.suspects[-1] < max(above, end)
    assert found.first_bad in (None, at)
    assert found.signed_size <= at


@given(logs(least=2), st.integers(1, 25))
def test_an_entry_rewritten_under_a_fitting_head_is_named_by_the_next(drawn: tuple[Log, int], batch: int) -> None:
    """Without any checkpoint, an entry rewritten together with the whole tree still differs from what the next one says."""
    kept, at = drawn
    if at < len(kept.rows) - 1:
        changed = kept.with_row(at, kept.rows[at].rewritten(kept.rows[at].body.replace(b'"ada"', b'"eve"')))
        fitted = replace(changed, notes=(), head=head_of(changed.rows))
        assert named(fitted.verified(batch=batch, key=False)) == at


def test_what_is_rewritten_behind_the_last_signature_is_not_called_signed() -> None:
    """A rewrite of everything behind the last checkpoint cannot be found; the signed size says how far to believe."""
    kept = log(10, 6)
    rows = kept.rows[:7] + entries(10, first=7, tip=kept.rows[6].leaf, actor="mallory")
    found = replace(kept, rows=rows, head=head_of(rows)).verified()
    assert (found.verified, found.signed_size) == (True, 6)


@given(logs(), st.data())
def test_a_changed_head_is_found_and_no_entry_blamed(drawn: tuple[Log, int], data: st.DataObject) -> None:
    """Any change of the head alone is found; entries that a checkpoint covers are not blamed for it."""
    kept, _ = drawn
    head = kept.head
    assert head is not None
    part = data.draw(st.sampled_from(["size", "frontier", "tip", "older", "gone"]))
    changed: Head | None
    if part == "size":
        changed = replace(head, size=data.draw(st.integers(-1, 64).filter(lambda size: size != head.size)))
    elif part == "older":
        changed = head_of(kept.rows[: data.draw(st.integers(0, head.size - 1))])
    elif part == "gone":
        changed = None
    else:
        stored: bytes = getattr(head, part)
        at = data.draw(st.integers(0, len(stored) - 1))
        flipped = stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]
        changed = replace(head, frontier=flipped) if part == "frontier" else replace(head, tip=flipped)
    found = replace(kept, head=changed).verified()
    assert found.problem is not None
    assert "head" in found.problem
    assert (found.first_bad, found.suspects) == (None, None)


@given(logs(), st.data())
def test_a_changed_checkpoint_is_found_and_no_entry_blamed(drawn: tuple[Log, int], data: st.DataObject) -> None:
    """Any one character of any checkpoint changed, or its size in the table, is found; no entry is blamed."""
    kept, _ = drawn
    which = data.draw(st.integers(0, len(kept.notes) - 1))
    stored = kept.notes[which]
    at = data.draw(st.integers(0, len(stored.note) - 1))
    letter = data.draw(st.sampled_from("AB09=+ \n—x").filter(lambda letter: letter != stored.note[at]))
    for changed in (
        replace(stored, note=stored.note[:at] + letter + stored.note[at + 1 :]),
        replace(stored, size=stored.size + 1),
    ):
        found = replace(kept, notes=(*kept.notes[:which], changed, *kept.notes[which + 1 :])).verified()
        assert found.problem is not None
        assert f"checkpoint at {changed.size}" in found.problem
        assert (found.first_bad, found.suspects) == (None, None)


def test_a_checkpoint_by_another_key_is_not_believed() -> None:
    """A log signed again by somebody else's key of the same name does not verify under the right one."""
    other = Signer(SIGNER.name, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    kept = log(5)
    note = StoredNote(5, Checkpoint.sign(other, size=5, root=root_of(row.leaf for row in kept.rows)).note)
    found = replace(kept, notes=(note,)).verified()
    assert found.problem is not None
    assert f"not signed by example.org/log+{SIGNER.public_key.key_hash.hex()}" in found.problem
    assert found.signed_size == 0


@given(logs(), st.integers(1, 25))
def test_without_a_key_a_false_checkpoint_does_not_accuse_entries(drawn: tuple[Log, int], batch: int) -> None:
    """Read without a key, a checkpoint with another root is held against the head and later checkpoints, and loses."""
    kept, at = drawn
    false = StoredNote(at, Checkpoint.sign(SIGNER, size=at, root=bytes(32)).note)
    notes = (*(note for note in kept.notes if note.size != at), false)
    found = replace(kept, notes=notes).verified(key=False, batch=batch)
    assert found.problem == f"the checkpoint at {at} was changed: the entries it counts are right"
    assert (found.first_bad, found.suspects) == (None, None)


def test_what_is_wrong_can_be_raised() -> None:
    """`require` turns a finding into the error that carries the entry's number."""
    kept = log(4)
    with pytest.raises(LedgerTampered, match=r"entry 2: .*missing") as raised:
        replace(kept, rows=kept.rows[:2] + kept.rows[3:]).verified().require()
    assert raised.value.seq == 2


@pytest.mark.parametrize(
    ("statements", "first_bad"),
    [
        (["update ledger_entries set body = replace(body, '\"n\":700', '\"n\":701') where seq = 700"], 700),
        (["delete from ledger_entries where seq = 512"], 512),
        (["delete from ledger_entries where seq >= 900"], 900),
        (["update ledger_entries set leaf = (select leaf from ledger_entries where seq = 1) where seq = 3"], 3),
        (
            [
                "update ledger_entries set seq = -1 where seq = 511",
                "update ledger_entries set seq = 511 where seq = 512",
                "update ledger_entries set seq = 512 where seq = -1",
            ],
            511,
        ),
        (["update ledger_entries set seq = -7 where seq = 5"], -7),
        (["update ledger_entries set body = 'é' where seq = 999"], 999),
        (["update ledger_head set size = 999"], None),
        (["delete from ledger_head"], None),
        (["update ledger_checkpoints set note = replace(note, '1000', '1001')"], None),
    ],
)
def test_tampering_inside_the_database_is_found(ledger: Ledger, statements: list[str], first_bad: int | None) -> None:
    """What is changed by SQL behind the ledger's back is found on both databases, and the entry named."""
    with ledger.store.write() as connection:
        ledger.append_many(connection, [Event("prompt.saved", "a", "ada", {"n": n}) for n in range(1000)])
    ledger.checkpoint()
    assert ledger.verify().verified
    with ledger.store.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    found = ledger.verify()
    assert found.problem is not None
    assert found.first_bad == first_bad


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("ledger_entries", "body"),
        ("ledger_entries", "leaf"),
        ("ledger_head", "size"),
        ("ledger_head", "frontier"),
        ("ledger_head", "tip"),
        ("ledger_checkpoints", "note"),
    ],
)
def test_any_type_in_a_sqlite_column_is_reported_not_raised(tmp_path: Path, table: str, column: str) -> None:
    """A SQLite file takes any type, and text that is no UTF-8, in any column; the reading still ends in a finding."""
    ledger = Ledger(Store.open(f"sqlite:///{tmp_path}/stemma.db"), VirtualClock(), SIGNER)
    with ledger.store.write() as connection:
        ledger.append_many(connection, [Event("prompt.saved", "a", "ada", {})] * 3)
    ledger.checkpoint()
    for value in ("7", "'x'", "x'ff00'", "1.5", "cast(x'ff' as text)"):
        with ledger.store.write() as connection:
            connection.exec_driver_sql(f"update {table} set {column} = {value}")
        assert ledger.verify().problem is not None
