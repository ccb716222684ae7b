"""What the audit log costs: appends beside plain inserts, verification beside plain hashing.

    python benchmarks/ledger.py [--entries 1000000]

Both sides run in this process on one SQLite file. *Plain inserts* put the same rows into a table of the same shape through
the same kind of transaction, with no numbering, chain, tree or hash; rounds of both sides alternate, and medians are
printed. *Plain hashing* reads the same rows, or the same lines, and takes one SHA-256 of each body or line.
"""

import argparse
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlalchemy import select

from stemma.core.clock import SystemClock
from stemma.ledger import Event, Ledger, Signer, Verification, export, verify_export
from stemma.ledger.snapshot import snapshot
from stemma.store import Store
from stemma.store.schema import ledger_entries

EVENT = Event("candidates.stored", "support/triage", "ada@example.org", {"count": 50, "digest": "7f" * 32})
ROUNDS = 7
FILL = 1_000
INSERT = "insert into plain values (?, ?, ?)"

Row = tuple[int, str, bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000, help="length of the log to verify")
    count: int = parser.parse_args().entries
    with TemporaryDirectory(prefix="stemma-bench-") as folder:
        store = Store.open(f"sqlite:///{folder}/stemma.db")
        signer = Signer.load_or_create(Path(folder) / "keys")
        ledger = Ledger(store, SystemClock(), signer)
        with store.write() as connection:
            connection.exec_driver_sql("create table plain (seq integer primary key, body text, leaf blob)")
        print(f"{'appends to SQLite':<36}{'log, /s':>12}{'plain, /s':>12}{'log / plain':>14}")
        print_appends("1 a transaction", ledger, append_singly, insert_singly, transactions=400, size=1)
        print_appends("100 a transaction, one by one", ledger, append_singly, insert_singly, transactions=10, size=100)
        print_appends("100 a transaction, at once", ledger, append_at_once, insert_at_once, transactions=40, size=100)
        fill(ledger, count)
        ledger.checkpoint()
        path = Path(folder) / "log.jsonl"
        written = export(store, path)
        print(
            f"\n{f'verification of {written.entries:,} entries':<36}{'log, s':>12}{'hashing, s':>12}{'log / hashing':>14}"
        )
        print_verification("from the store", ledger.verify, lambda: hash_rows(store))
        print_verification("from an export", lambda: verify_export(path, signer.public_key), lambda: hash_lines(path))
        store.close()


def print_appends(
    name: str,
    ledger: Ledger,
    append: Callable[[Ledger, int, int], None],
    insert: Callable[[Store, list[Row], int], None],
    *,
    transactions: int,
    size: int,
) -> None:
    logged, plain = list[float](), list[float]()
    for _ in range(ROUNDS):
        start = ledger.size()
        logged.append(seconds(partial(append, ledger, transactions, size)))
        plain.append(seconds(partial(insert, ledger.store, rows_from(ledger.store, start), size)))
    total = transactions * size
    ours, theirs = total / median(logged), total / median(plain)
    print(f"{name:<36}{ours:>12,.0f}{theirs:>12,.0f}{ours / theirs:>14.2f}", flush=True)


def append_singly(ledger: Ledger, transactions: int, size: int) -> None:
    for _ in range(transactions):
        with ledger.store.write() as connection:
            for _ in range(size):
                ledger.append(connection, EVENT.kind, subject=EVENT.subject, actor=EVENT.actor, data=EVENT.data)


def append_at_once(ledger: Ledger, transactions: int, size: int) -> None:
    for _ in range(transactions):
        with ledger.store.write() as connection:
            ledger.append_many(connection, [EVENT] * size)


def insert_singly(store: Store, rows: list[Row], size: int) -> None:
    for at in range(0, len(rows), size):
        with store.write() as connection:
            for row in rows[at : at + size]:
                connection.exec_driver_sql(INSERT, row)


def insert_at_once(store: Store, rows: list[Row], size: int) -> None:
    for at in range(0, len(rows), size):
        with store.write() as connection:
            connection.exec_driver_sql(INSERT, rows[at : at + size])


def rows_from(store: Store, start: int) -> list[Row]:
    with store.read() as connection:
        found = connection.execute(select(ledger_entries).where(ledger_entries.c.seq >= start))
        return [(seq, body, leaf) for seq, body, leaf in found]


def fill(ledger: Ledger, count: int) -> None:
    while (missing := count - ledger.size()) > 0:
        append_at_once(ledger, 1, min(FILL, missing))


def print_verification(name: str, verify: Callable[[], Verification], hashing: Callable[[], None]) -> None:
    plain = seconds(hashing)
    began = perf_counter()
    verify().require()
    ours = perf_counter() - began
    print(f"{name:<36}{ours:>12.2f}{plain:>12.2f}{ours / plain:>14.2f}", flush=True)


def hash_rows(store: Store) -> None:
    with snapshot(store) as taken:
        for batch in taken.batches:
            for body in batch.bodies:
                sha256(body)


def hash_lines(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            sha256(line)


def seconds(work: Callable[[], None]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


if __name__ == "__main__":
    main()
