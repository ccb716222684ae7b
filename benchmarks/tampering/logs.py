"""Logs to be tampered with: as rows in memory, which are put into a database or a file to be verified."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemma.core.clock import SystemClock
from stemma.core.errors import InvalidData, LedgerTampered
from stemma.ledger import Checkpoint, Event, Ledger, Signer, Use, export, leaf_hash, verify_export
from stemma.ledger.cosignature import Cosignature
from stemma.ledger.entry import body_of
from stemma.ledger.merkle import EMPTY_ROOT, Frontier, root_of
from stemma.ledger.snapshot import Head, StoredNote
from stemma.store import Store
from stemma.store.schema import ledger_checkpoints, ledger_entries, ledger_head

OWNER = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Signer("example.org/witness", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))), Use.WITNESS)

LARGEST = 96
KINDS = ("prompt.saved", "label.moved", "message.sent", "tool.called", "gate.judged")


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it is stored."""

    seq: int
    body: bytes
    leaf: bytes


@dataclass(frozen=True)
class Log:
    """All that is stored of a log."""

    rows: tuple[Row, ...]
    head: Head
    notes: tuple[StoredNote, ...]

    @cached_property
    def cosigned(self) -> str:
        """The checkpoint over all of it as a witness has signed and kept it."""
        made = Checkpoint.sign(OWNER, size=len(self.rows), root=root_of(row.leaf for row in self.rows))
        return Cosignature.sign(WITNESS, made, time=1_800_000_000).checkpoint.note

    def numbered(self, rows: Sequence[Row]) -> "Log":
        """With these rows, their numbers outside the body made gapless."""
        return replace(self, rows=tuple(replace(row, seq=seq) for seq, row in enumerate(rows)))

    def fitted(self) -> "Log":
        """With the head that belongs to the rows."""
        tree = Frontier().extend([row.leaf for row in self.rows])
        return replace(self, head=Head(tree.size, tree.to_bytes(), self.rows[-1].leaf if self.rows else EMPTY_ROOT))

    def signed(self, signer: Signer) -> "Log":
        """With every checkpoint that it is still long enough for signed anew, and one over all of it."""
        sizes = {note.size for note in self.notes if note.size <= len(self.rows)} | {len(self.rows)}
        leaves = [row.leaf for row in self.rows]
        made = [Checkpoint.sign(signer, size=size, root=root_of(leaves[:size])) for size in sorted(sizes)]
        return replace(self, notes=tuple(StoredNote(each.size, each.note) for each in made))


def entries(random: Random, first: int, end: int, tip: bytes) -> tuple[Row, ...]:
    """Entries `first` to `end` that go on from an entry with the leaf hash `tip`."""
    rows = []
    for seq in range(first, end):
        event = Event(random.choice(KINDS), f"p{random.randrange(9)}", "user:ada", {"n": random.randrange(10**6)})
        body = body_of(event, seq=seq, time=f"2027-01-01T00:{seq % 60:02}:00.000000Z", tip=tip)
        tip = leaf_hash(body)
        rows.append(Row(seq, body, tip))
    return tuple(rows)


def random_log(random: Random) -> Log:
    """Of any size up to `LARGEST`, signed at its end, as it is whenever a store is closed, and at up to four places before."""
    size = random.randint(2, LARGEST)
    rows = entries(random, 0, size, EMPTY_ROOT)
    places = tuple(StoredNote(random.randint(1, size), "") for _ in range(random.randint(0, 4)))
    return Log(rows, Head(), places).fitted().signed(OWNER)


class Carrier:
    """Where a log is verified: a SQLite database, and an export of it."""

    def __init__(self, folder: Path) -> None:
        self._ledger = Ledger(Store.open(f"sqlite:///{folder}/stemma.db"), SystemClock())
        self._file = folder / "log.jsonl"

    def found(self, *, exported: bool, kept: str | None = None) -> bool:
        """Whether verification says that something is wrong with the log that is there; with `kept`, what the witness has."""
        notes, witnesses = ([], []) if kept is None else ([kept], [WITNESS.public_key])
        try:
            if exported:
                export(self._ledger.store, self._file)
                return self.found_in_file(kept)
            return not self._ledger.verify(OWNER.public_key, kept=notes, witnesses=witnesses).verified
        except LedgerTampered:  # so damaged that it cannot stand in a file
            return True

    def found_in_file(self, kept: str | None = None) -> bool:
        notes, witnesses = ([], []) if kept is None else ([kept], [WITNESS.public_key])
        try:
            return not verify_export(self._file, OWNER.public_key, kept=notes, witnesses=witnesses).verified
        except InvalidData:
            return True

    def put(self, log: Log) -> None:
        """Writes a log over the one that is there."""
        with self._ledger.store.write() as connection:
            for table in (ledger_entries, ledger_head, ledger_checkpoints):
                connection.exec_driver_sql(f"delete from {table.name}")
            rows = [(row.seq, _stored(row.body), row.leaf) for row in log.rows]
            if rows:
                connection.exec_driver_sql("insert into ledger_entries values (?, ?, ?)", rows)
            head = (log.head.size, log.head.frontier, log.head.tip)
            connection.exec_driver_sql("insert into ledger_head values (1, ?, ?, ?)", head)
            notes = [(note.size, note.note) for note in log.notes]
            if notes:
                connection.exec_driver_sql("insert into ledger_checkpoints values (?, ?)", notes)

    def lines(self) -> list[bytes]:
        """The lines of an export of the log that is there."""
        export(self._ledger.store, self._file)
        return self._file.read_bytes().splitlines(keepends=True)

    def put_lines(self, lines: Sequence[bytes]) -> None:
        self._file.write_bytes(b"".join(lines))

    def close(self) -> None:
        self._ledger.store.close()


def _stored(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body  # SQLite takes it, as it does from whoever tampers
