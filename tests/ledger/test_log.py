"""The log on both databases: appended with what it records, read, proved, checkpointed."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select, text

from stemma.core.errors import InvalidInput, InvalidName, LedgerTampered, NotConfigured
from stemma.ledger import Entry, Event, Ledger, Signer, leaf_hash
from stemma.ledger.merkle import EMPTY_ROOT, root_of
from stemma.store import Store
from stemma.store.schema import ledger_entries
from stemma.testing.clock import VirtualClock


def append(ledger: Ledger, count: int, kind: str = "prompt.saved", subject: str = "a") -> None:
    with ledger.store.write() as connection:
        ledger.append_many(connection, [Event(kind, subject, "ada", {"n": n}) for n in range(count)])


def stored(ledger: Ledger) -> list[tuple[int, str, bytes]]:
    with ledger.store.read() as connection:
        rows = connection.execute(select(ledger_entries).order_by(ledger_entries.c.seq)).all()
    return [(seq, body, leaf) for seq, body, leaf in rows]


def test_an_entry_is_recorded_as_canonical_json(ledger: Ledger) -> None:
    """An append gives the entry's number, and what is stored is its canonical JSON with the hash of just these bytes."""
    with ledger.store.write() as connection:
        assert ledger.append(connection, "label.moved", subject="a/b", actor="ada", data={"version": 3}) == 0
    [(seq, body, leaf)] = stored(ledger)
    assert (seq, body) == (
        0,
        '{"actor":"ada","data":{"version":3},"kind":"label.moved","seq":0,"subject":"a/b",'
        f'"time":"2026-01-01T00:00:00.000000Z","tip":"{EMPTY_ROOT.hex()}"}}',
    )
    assert leaf == leaf_hash(body.encode()) == ledger.root()


def test_entries_are_numbered_without_gaps_and_chained(ledger: Ledger) -> None:
    """Single and bulk appends share one numbering, each entry carries the leaf hash before it, the root is over all."""
    append(ledger, 3)
    append(ledger, 1)
    append(ledger, 0)
    with ledger.store.write() as connection:
        assert ledger.append_many(connection, [Event("run.started", "r", "ada", {})] * 2) == range(4, 6)
        assert ledger.append(connection, "run.started", subject="r", actor="ada", data={}) == 6
    rows = stored(ledger)
    assert [seq for seq, _, _ in rows] == list(range(7)) == [Entry.from_body(body).seq for _, body, _ in rows]
    assert [Entry.from_body(body).tip for _, body, _ in rows[1:]] == [leaf.hex() for _, _, leaf in rows[:-1]]
    assert (ledger.size(), ledger.root()) == (7, root_of(leaf for _, _, leaf in rows))


def test_an_empty_log_has_the_empty_root(ledger: Ledger) -> None:
    """Before the first append there are no entries, no checkpoint, and nothing wrong."""
    assert (ledger.size(), ledger.root(), ledger.tail(), ledger.last_checkpoint()) == (0, EMPTY_ROOT, [], None)
    assert ledger.verify().verified


def test_an_undone_transaction_leaves_no_entry(ledger: Ledger) -> None:
    """When the work fails, its entry is gone with it, and the next append takes its number."""
    append(ledger, 2)
    with pytest.raises(InvalidName):
        record_and_fail(ledger)
    assert ledger.size() == 2
    append(ledger, 1)
    found = ledger.verify()
    assert (found.entries, found.verified) == (3, True)


def record_and_fail(ledger: Ledger) -> None:
    with ledger.store.write() as connection:
        ledger.append(connection, "prompt.saved", subject="a", actor="ada", data={})
        ledger.append(connection, "no verb", subject="a", actor="ada", data={})


def test_a_kind_is_a_dotted_verb(ledger: Ledger) -> None:
    """Kinds that searches could not rely on are refused, and nothing is written."""
    for kind in ("", "saved", "Prompt.saved", "prompt.", "prompt saved", "prompt.saved\n"):
        with pytest.raises(InvalidName, match="event kind"):
            append(ledger, 1, kind=kind)
    assert ledger.size() == 0


def test_data_that_json_cannot_carry_is_refused(ledger: Ledger) -> None:
    """Data that could not be hashed the same everywhere never gets into the log."""
    for value in (float("nan"), 2**60, object(), "\ud800", {1: 2}):
        with pytest.raises(InvalidInput, match="canonical JSON"), ledger.store.write() as connection:
            ledger.append(connection, "prompt.saved", subject="a", actor="ada", data={"value": value})
    assert ledger.size() == 0


def test_any_text_survives(ledger: Ledger) -> None:
    """Quotes, line breaks, NUL and characters beyond the basic plane come back as they were, and verify."""
    odd = "\"'\n\r\0\\%_/ é 🙂 \u2028"
    with ledger.store.write() as connection:
        ledger.append(connection, "prompt.saved", subject=odd, actor=odd, data={odd: [odd, 1.5, None]})
    [entry] = ledger.tail(subject=odd)
    assert (entry.subject, entry.actor, entry.data) == (odd, odd, {odd: [odd, 1.5, None]})
    assert ledger.verify().verified


def test_tail_gives_the_last_entries_oldest_first(ledger: Ledger) -> None:
    """The tail ends with the newest entry, across pages, and is the whole log when that is shorter."""
    append(ledger, 2_300)
    assert [entry.seq for entry in ledger.tail(3)] == [2297, 2298, 2299]
    assert len(ledger.tail(2_100)) == 2_100
    assert [entry.seq for entry in ledger.tail(5_000)] == list(range(2_300))


def test_tail_keeps_only_what_was_asked_for(ledger: Ledger) -> None:
    """Kind and subject match exactly, not by pieces, case or wildcards, and not what data happen to hold."""
    append(ledger, 1, kind="label.moved", subject="a_b")
    append(ledger, 1_500, kind="prompt.saved", subject="aXb")
    append(ledger, 1, kind="label.moved", subject="A_B")
    with ledger.store.write() as connection:
        ledger.append(
            connection, "run.started", subject="r", actor="ada", data={"kind": "label.moved", "subject": "a_b"}
        )
    assert [entry.seq for entry in ledger.tail(kind="label.moved")] == [0, 1501]
    assert [entry.seq for entry in ledger.tail(subject="a_b")] == [0]
    assert [entry.seq for entry in ledger.tail(2, kind="prompt.saved", subject="aXb")] == [1499, 1500]
    assert ledger.tail(kind="no.such") == []


def test_a_follower_misses_no_entry(ledger: Ledger) -> None:
    """Asked again and again with the last number it saw, a follower gets every entry once, in order."""
    append(ledger, 2_050)
    seen = [0]
    while page := ledger.tail(700, after=seen[-1]):
        seen += [entry.seq for entry in page]
    assert seen == list(range(2_050))


def test_proofs_lead_from_any_entry_to_any_later_root(ledger: Ledger) -> None:
    """Every entry is proved in the log of now and of then, and the log of now to extend the log of then."""
    append(ledger, 11)
    then = ledger.root()
    append(ledger, 10)
    leaves = [leaf for _, _, leaf in stored(ledger)]
    for seq in range(21):
        assert ledger.proof(seq).proves(leaves[seq], ledger.root())
    assert ledger.proof(4, size=11).proves(leaves[4], then)
    assert ledger.consistency(11).proves(then, ledger.root())
    assert not ledger.consistency(10).proves(then, ledger.root())
    with pytest.raises(InvalidInput, match="21 entries"):
        ledger.proof(1, size=22)
    with pytest.raises(InvalidInput, match="entry 21"):
        ledger.proof(21)


def test_a_checkpoint_is_made_only_when_the_log_grew(ledger: Ledger) -> None:
    """A checkpoint signs size and root; asked again without new entries it is the same one."""
    append(ledger, 5)
    first = ledger.checkpoint()
    assert (first.size, first.root, first.origin) == (5, ledger.root(), "example.org/log")
    assert ledger.checkpoint() == first == ledger.last_checkpoint()
    append(ledger, 1)
    second = ledger.checkpoint()
    assert second.size == 6
    found = ledger.verify(kept=[first.note])
    assert (found.verified, found.signed_size, found.checkpoints) == (True, 6, 3)


def test_a_checkpoint_needs_a_key(store: Store) -> None:
    """Without a signer the log appends and verifies, but makes no checkpoint."""
    ledger = Ledger(store, VirtualClock())
    append(ledger, 1)
    assert ledger.verify().signed_size == 0
    with pytest.raises(NotConfigured, match="signing key is not here, so no checkpoint was made; set STEMMA_KEYS"):
        ledger.checkpoint()


@pytest.mark.parametrize(
    "tampering",
    [
        "update ledger_head set size = 4",
        "update ledger_head set frontier = tip",
        "update ledger_checkpoints set size = 9, note = replace(note, '8', '9')",
        "update ledger_checkpoints set note = replace(note, '— example.org/log ', '— example.org/lag ')",
        "update ledger_checkpoints set note = 'gone'",
    ],
)
def test_a_log_that_is_not_what_was_signed_is_not_signed_again(ledger: Ledger, tampering: str) -> None:
    """A log that shrank below its last checkpoint, or differs from it, gets no new signature."""
    append(ledger, 8)
    ledger.checkpoint()
    with ledger.store.write() as connection:
        connection.execute(text(tampering))
    with pytest.raises(LedgerTampered):
        ledger.checkpoint()


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        ("update ledger_head set size = 1", "counts 1 entries, but there are more"),
        ("update ledger_head set size = 6", "head is damaged"),
        ("delete from ledger_head", "head is gone"),
    ],
)
def test_nothing_is_appended_to_a_log_whose_head_is_wrong(ledger: Ledger, tampering: str, problem: str) -> None:
    """An append that would not fit the entries is refused, with the way to find out why."""
    append(ledger, 2)
    with ledger.store.write() as connection:
        connection.execute(text(tampering))
    with pytest.raises(LedgerTampered, match=f"{problem}.*stemma audit verify"):
        append(ledger, 1)


WRITER = """
import sys
from stemma.core.clock import SystemClock
from stemma.ledger import Event, Ledger
from stemma.store import Store

url, name, times = sys.argv[1:]
ledger = Ledger(Store.open(url), SystemClock())
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(times)):
    with ledger.store.write() as connection:
        ledger.append(connection, "run.started", subject=name, actor="ada", data={"n": n})
        if n % 3 == 0:
            ledger.append_many(connection, [Event("run.finished", name, "ada", {"n": n})] * 2)
    if times == "1000000":
        print(n, flush=True)
"""


def writer(url: str, name: str, times: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, url, name, str(times)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_append_to_one_gapless_log(store_url: str, ledger: Ledger) -> None:
    """Two processes that begin an empty log at once give one log with every entry of both, each in its order."""
    writers = [writer(store_url, name, 60) for name in ("left", "right")]
    for process in writers:
        start(process)
    for process in writers:
        process.communicate()
        assert process.returncode == 0
    found = ledger.verify()
    assert (found.entries, found.problem) == (200, None)
    for name in ("left", "right"):
        entries = ledger.tail(100, subject=name, kind="run.started")
        assert [entry.data["n"] for entry in entries] == list(range(60))


@pytest.mark.crash
def test_a_killed_process_leaves_whole_transactions(store_url: str, ledger: Ledger) -> None:
    """A process killed while it appends leaves every finished transaction, none in half, and a log that goes on."""
    process = writer(store_url, "killed", 1_000_000)
    start(process)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 20:
            process.kill()
            break
    told = [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.communicate()
    assert_at_rest(ledger)
    started = [entry.data["n"] for entry in ledger.tail(10_000, kind="run.started")]
    finished = [entry.data["n"] for entry in ledger.tail(10_000, kind="run.finished")]
    assert started == list(range(len(started)))
    assert len(started) > max([20, *told])
    assert finished == [n for n in started if n % 3 == 0 for _ in range(2)]
    append(ledger, 1)
    assert ledger.verify().verified


def assert_at_rest(ledger: Ledger) -> None:
    """Waits until the server has noticed that the process is gone: nothing is locked any more."""
    deadline = time.monotonic() + 10
    while True:
        with ledger.store.write() as connection:
            ledger.append(connection, "run.watched", subject="watch", actor="ada", data={})
        if ledger.verify().verified or time.monotonic() > deadline:
            return


def test_the_key_and_the_log_survive_a_restart(store_url: str, tmp_path: Path) -> None:
    """A log opened again, with its key from the same folder, goes on and verifies under the same public key."""
    for size in (2, 4):
        ledger = Ledger(Store.open(store_url), VirtualClock(), Signer.load_or_create(tmp_path / "keys"))
        append(ledger, 2)
        assert ledger.checkpoint().size == size
        assert ledger.verify().signed_size == size
        ledger.store.close()
