"""The audit log: appended to inside the transaction of what it records, proved, checkpointed, verified."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from stemma.core.clock import Clock, timestamp
from stemma.core.digests import canonical_json
from stemma.core.errors import InvalidInput, LedgerTampered, NotConfigured
from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.entry import Entry, Event, body_of
from stemma.ledger.merkle import (
    ConsistencyProof,
    Frontier,
    InclusionProof,
    Range,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
)
from stemma.ledger.signing import PublicKey, Signer
from stemma.ledger.snapshot import Head, head_query, snapshot
from stemma.ledger.verification import Verification, verify
from stemma.store import Store
from stemma.store.schema import ledger_checkpoints, ledger_entries, ledger_head

_PAGE = 1_000


class Ledger:
    """An append-only log in the product's own database. Entries are numbered from 0 without gaps.

    >>> from stemma.core.clock import SystemClock
    >>> store = Store.open("sqlite://")
    >>> ledger = Ledger(store, SystemClock())
    >>> with store.write() as connection:
    ...     ledger.append(connection, "label.moved", subject="support/triage", actor="ada", data={"version": 3})
    0
    >>> ledger.verify().verified
    True
    """

    def __init__(self, store: Store, clock: Clock, signer: Signer | None = None) -> None:
        self.store = store
        self._clock = clock
        self.signer = signer
        # Plain driver statements: an append rides on every operation, and building Core's would double its cost.
        mark = "?" if store.is_sqlite else "%s"
        # SQLite's writer holds the whole database from its BEGIN on; PostgreSQL's take turns at this row.
        lock = "" if store.is_sqlite else " for update"
        self._read_head = head_query(store)
        self._lock_head = self._read_head + lock
        self._insert_head = f"insert into ledger_head values (1, {mark}, {mark}, {mark}) on conflict (id) do nothing"
        self._insert_entry = f"insert into ledger_entries (seq, body, leaf) values ({mark}, {mark}, {mark})"
        self._update_head = f"update ledger_head set size = {mark}, frontier = {mark}, tip = {mark} where id = 1"
        self._update_head_from = f"{self._update_head} and size = {mark} and tip = {mark} and frontier = {mark}"
        # What this process appended last. Mostly it still is the head, and need not be read; the update finds out.
        self._last: Head | None = None

    def append(self, connection: Connection, kind: str, *, subject: str, actor: str, data: Mapping[str, Any]) -> int:
        """Records one event in `connection`'s transaction (a `store.write()`), and gives its number.

        Both are committed or neither. Append late in a transaction: on PostgreSQL the next append anywhere waits from
        here until the commit. Raises InvalidName for a kind that is no dotted verb, InvalidInput for data that JSON
        cannot carry, LedgerTampered when the log's head does not fit its entries.
        """
        return self.append_many(connection, [Event(kind, subject, actor, data)])[0]

    def append_many(self, connection: Connection, events: Iterable[Event]) -> range:
        """Records `events` in their order, like `append`, and gives their numbers."""
        events = list(events)
        last = self._last
        if last is not None and events:
            appended = self._append(connection, events, last, is_guess=True)
            if appended is not None:
                return appended
        head = self._head(connection)
        if not events:
            return range(head.size, head.size)
        appended = self._append(connection, events, head, is_guess=False)
        assert appended is not None
        return appended

    def _append(self, connection: Connection, events: Sequence[Event], head: Head, *, is_guess: bool) -> range | None:
        """The numbers of the events, written behind `head`; None, with nothing written, when a guess at the head was wrong."""
        time = timestamp(self._clock.now())
        tip, leaves, rows = head.tip, list[bytes](), list[tuple[int, str, bytes]]()
        for seq, event in enumerate(events, head.size):
            body = body_of(event, seq=seq, time=time, tip=tip)
            tip = leaf_hash(body)
            leaves.append(tip)
            rows.append((seq, body.decode(), tip))
        tree = _tree(head).extend(leaves)
        now = Head(tree.size, tree.to_bytes(), tip)
        if is_guess:
            guess = (now.size, now.frontier, now.tip, head.size, head.tip, head.frontier)
            if connection.exec_driver_sql(self._update_head_from, guess).rowcount != 1:
                return None
        try:
            connection.exec_driver_sql(self._insert_entry, rows if len(rows) > 1 else rows[0])
        except IntegrityError as error:
            raise LedgerTampered(
                f"the log's head counts {head.size} entries, but there are more; nothing was appended. "
                "Find out with: stemma audit verify"
            ) from error
        if not is_guess:
            connection.exec_driver_sql(self._update_head, (now.size, now.frontier, now.tip))
        self._last = now
        return range(head.size, head.size + len(rows))

    def tail(
        self, n: int = 20, *, kind: str | None = None, subject: str | None = None, after: int | None = None
    ) -> list[Entry]:
        """The last `n` entries, oldest first; or, `after` a number, the first `n` behind it, so a follower misses none.

        `kind` and `subject` keep only entries that have exactly these. They are found by reading backwards (two million
        entries a second), so that appends need not keep an index.
        """
        seq, body = ledger_entries.c.seq, ledger_entries.c.body
        query = select(seq, body).order_by(seq.desc() if after is None else seq).limit(_PAGE)
        for key, wanted in (("kind", kind), ("subject", subject)):
            if wanted is not None:  # a coarse sieve inside the database; parsing below decides
                query = query.where(body.contains(f'"{key}":{canonical_json(wanted).decode()}', autoescape=True))
        found = list[Entry]()
        with self.store.read() as connection:
            beyond = after
            while len(found) < n:
                bound = query if beyond is None else query.where(seq < beyond if after is None else seq > beyond)
                page = connection.execute(bound).all()
                found += [
                    entry
                    for entry in (_entry(number, text) for number, text in page)
                    if kind in (None, entry.kind) and subject in (None, entry.subject)
                ]
                if len(page) < _PAGE:
                    break
                beyond = page[-1].seq
        return found[:n][:: -1 if after is None else 1]

    def size(self) -> int:
        """How many entries there are."""
        return self._current().size

    def root(self) -> bytes:
        """The Merkle root over all entries."""
        return self._current().root()

    def proof(self, seq: int, *, size: int | None = None) -> InclusionProof:
        """That entry `seq` is in the log of `size` entries (now, when not given). Reads every leaf hash once.

        Raises InvalidInput when the log, or `size`, does not reach that far.
        """
        with self.store.read() as connection:
            total = self._reach(connection, size)
            return InclusionProof(seq, total, _roots(connection, inclusion_ranges(seq, total)))

    def consistency(self, old: int, *, size: int | None = None) -> ConsistencyProof:
        """That the log of `size` entries (now, when not given) begins with the log of `old` entries as it was."""
        with self.store.read() as connection:
            total = self._reach(connection, size)
            return ConsistencyProof(old, total, _roots(connection, consistency_ranges(old, total)))

    def checkpoint(self) -> Checkpoint:
        """Signs the log as it stands and keeps the note; gives the last one again when nothing was appended since.

        Raises NotConfigured without a signing key, LedgerTampered when the log has shrunk below its last checkpoint or
        differs from it, or that is of another key: such a log must not be signed.
        """
        if self.signer is None:
            raise NotConfigured(
                "the audit log's signing key is not here, so no checkpoint was made; set STEMMA_KEYS to its folder"
            )
        with self.store.write() as connection:
            head = self._head(connection)
            tree = _tree(head)
            last = _last_checkpoint(connection)
            if last is not None and (last.size > tree.size or (last.size == tree.size and last.root != tree.root())):
                raise LedgerTampered(
                    f"the log has {tree.size} entries and is not what was signed at {last.size}; nothing was signed. "
                    "Find out with: stemma audit verify"
                )
            if last is not None and _believed(last, self.signer.public_key).size == tree.size:
                return last
            made = Checkpoint.sign(self.signer, size=tree.size, root=tree.root())
            connection.execute(ledger_checkpoints.insert().values(size=made.size, note=made.note))
            return made

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint that is kept, its signature not checked; None when there is none."""
        with self.store.read() as connection:
            return _last_checkpoint(connection)

    def verify(
        self,
        public_key: PublicKey | None = None,
        *,
        kept: Sequence[str] = (),
        witnesses: Sequence[PublicKey] = (),
    ) -> Verification:
        """Reads the whole log and checks it; see `verify` of `stemma.ledger.verification`.

        `public_key` defaults to that of this ledger's own signer.
        """
        if public_key is None and self.signer is not None:
            public_key = self.signer.public_key
        with snapshot(self.store) as taken:
            return verify(taken, public_key, kept=kept, witnesses=witnesses)

    def _head(self, connection: Connection) -> Head:
        """The head, locked against other appends until the transaction ends."""
        row = connection.exec_driver_sql(self._lock_head).one_or_none()
        if row is None:
            # Only before the first append. On PostgreSQL a second process that comes as early waits inside the insert.
            if connection.execute(select(ledger_entries.c.seq).limit(1)).first() is not None:
                # Or that process has come and gone between the two questions, and left a head with its entries.
                row = connection.exec_driver_sql(self._lock_head).one_or_none()
                if row is None:
                    raise LedgerTampered(
                        "the log's head is gone while entries are there; find out with: stemma audit verify"
                    )
                return Head(*row)
            connection.exec_driver_sql(self._insert_head, (0, b"", Head().tip))
            row = connection.exec_driver_sql(self._lock_head).one()
        return Head(*row)

    def _current(self) -> Frontier:
        with self.store.read() as connection:
            row = connection.exec_driver_sql(self._read_head).one_or_none()
        return _tree(Head() if row is None else Head(*row))

    def _reach(self, connection: Connection, size: int | None) -> int:
        total = connection.execute(select(ledger_head.c.size)).scalar() or 0
        if size is not None and not 0 <= size <= total:
            raise InvalidInput(f"the log has {total} entries; it cannot be proved at size {size}")
        return total if size is None else size


def _tree(head: Head) -> Frontier:
    try:
        return head.tree()
    except InvalidInput as error:
        raise LedgerTampered(f"the log's head is damaged ({error}); find out with: stemma audit verify") from error


def _entry(seq: int, body: str) -> Entry:
    try:
        return Entry.from_body(body)
    except InvalidInput as error:
        raise LedgerTampered(str(error), seq=seq) from error


def _last_checkpoint(connection: Connection) -> Checkpoint | None:
    row = connection.execute(select(ledger_checkpoints).order_by(ledger_checkpoints.c.size.desc()).limit(1)).first()
    if row is None:
        return None
    try:
        return Checkpoint.parse(row.note)
    except InvalidInput as error:
        raise LedgerTampered(f"the checkpoint at {row.size} is damaged: {error}") from error


def _believed(last: Checkpoint, public_key: PublicKey) -> Checkpoint:
    try:
        return Checkpoint.parse(last.note, public_key)
    except InvalidInput as error:
        raise LedgerTampered(
            f"the checkpoint at {last.size} cannot be believed: {error}; nothing was signed, as a second key makes the log "
            "unverifiable: put the log's own ledger.key into the folder of STEMMA_KEYS, or name its folder"
        ) from error


def _roots(connection: Connection, ranges: Iterable[Range]) -> tuple[bytes, ...]:
    return tuple(_root(connection, start, end) for start, end in ranges)


def _root(connection: Connection, start: int, end: int) -> bytes:
    tree = Frontier()
    for leaves in _leaves(connection, start, end):
        tree = tree.extend(leaves)
    return tree.root()


def _leaves(connection: Connection, start: int, end: int) -> Iterator[Sequence[bytes]]:
    seq = ledger_entries.c.seq
    for at in range(start, end, _PAGE):
        query = select(ledger_entries.c.leaf).where(seq >= at, seq < min(at + _PAGE, end)).order_by(seq)
        yield connection.execute(query).scalars().all()
