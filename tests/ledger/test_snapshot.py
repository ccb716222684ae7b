"""A snapshot is one moment of the log, whatever is appended while it is read."""

from stemma.ledger import Event, Ledger, verify
from stemma.ledger.snapshot import BATCH, snapshot


def test_entries_appended_meanwhile_do_not_show(ledger: Ledger) -> None:
    """What is appended and signed while a snapshot is read is not in it, and it verifies as it was."""
    events = [Event("prompt.saved", "a", "ada", {})] * (BATCH + 1)
    with ledger.store.write() as connection:
        ledger.append_many(connection, events)
    with snapshot(ledger.store) as taken:
        with ledger.store.write() as connection:
            ledger.append_many(connection, events)
        ledger.checkpoint()
        found = verify(taken)
    assert (found.problem, found.entries, found.checkpoints) == (None, BATCH + 1, 0)
    assert ledger.verify().entries == 2 * (BATCH + 1)
