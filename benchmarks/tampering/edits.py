"""The ways to tamper: each makes another log of one, at random, as somebody would who can write the whole database."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from benchmarks.tampering.logs import OWNER, STRANGER, Log, Row, entries

from stemma.core.digests import canonical_json
from stemma.ledger import leaf_hash
from stemma.ledger.merkle import EMPTY_ROOT
from stemma.ledger.snapshot import StoredNote

Edit: TypeAlias = Callable[[Random, Log], Log]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to tamper. One that `needs_witness` leaves nothing behind that the log's own key could contradict; one that is
    not `exported` changes what an export does not have."""

    name: str
    edit: Edit
    needs_witness: bool = False
    exported: bool = True


# --- one entry --------------------------------------------------------------------------------------------------------


def body_byte(random: Random, log: Log) -> Log:
    return _with(log, at := _any(random, log), replace(log.rows[at], body=_flipped(random, log.rows[at].body)))


def body_byte_and_hash(random: Random, log: Log) -> Log:
    return _with(log, at := _any(random, log), _hashed(log.rows[at], _flipped(random, log.rows[at].body)))


def field(random: Random, log: Log) -> Log:
    """Another value in one field of an entry, canonical and hashed as it should be."""
    at = _any(random, log)
    told = json.loads(log.rows[at].body)
    name = random.choice(list(told))
    changed = {"seq": told["seq"] + random.choice((-1, 1, 7)), "data": {"n": -1}, "tip": random.randbytes(32).hex()}
    told[name] = changed.get(name, f"{told[name]}x")
    return _with(log, at, _hashed(log.rows[at], canonical_json(told)))


def leaf(random: Random, log: Log) -> Log:
    return _with(log, at := _any(random, log), replace(log.rows[at], leaf=_flipped(random, log.rows[at].leaf)))


def number(random: Random, log: Log) -> Log:
    """Another number for an entry, outside of its body."""
    at, taken = _any(random, log), {row.seq for row in log.rows}
    seq = next(each for each in iter(lambda: random.randint(-5, 2 * len(taken)), None) if each not in taken)
    rows = [*log.rows[:at], replace(log.rows[at], seq=seq), *log.rows[at + 1 :]]
    return replace(log, rows=tuple(sorted(rows, key=lambda row: row.seq)))


# --- order and number -------------------------------------------------------------------------------------------------


def deletion(random: Random, log: Log) -> Log:
    at = _any(random, log)
    return replace(log, rows=log.rows[:at] + log.rows[at + 1 :])


def deletion_closed_up(random: Random, log: Log) -> Log:
    deleted = deletion(random, log)
    return deleted.numbered(deleted.rows)


def swap(random: Random, log: Log) -> Log:
    one, other = random.sample(range(len(log.rows)), 2)
    rows = list(log.rows)
    rows[one], rows[other] = rows[other], rows[one]
    return log.numbered(rows)


def move(random: Random, log: Log) -> Log:
    """One entry taken out and put in elsewhere, those between moved up."""
    rows = list(log.rows)
    taken, put = random.sample(range(len(rows)), 2)
    rows.insert(put, rows.pop(taken))
    return log.numbered(rows)


def duplicate(random: Random, log: Log) -> Log:
    rows = list(log.rows)
    rows.insert(random.randint(0, len(rows)), rows[_any(random, log)])
    return log.numbered(rows)


def overwritten(random: Random, log: Log) -> Log:
    """An entry written over another."""
    old, new = random.sample(range(len(log.rows)), 2)
    return _with(log, new, replace(log.rows[old], seq=new))


def insertion(random: Random, log: Log) -> Log:
    """A forged entry that fits what is before it, those behind pushed along."""
    at = random.randint(0, len(log.rows))
    return log.numbered([*log.rows[:at], *entries(random, at, at + 1, _tip(log, at)), *log.rows[at:]])


# --- the end, the head, the checkpoints -------------------------------------------------------------------------------


def cut(random: Random, log: Log) -> Log:
    return replace(log, rows=log.rows[: _any(random, log)])


def cut_with_head(random: Random, log: Log) -> Log:
    """Cut below a checkpoint, with the head of what is left."""
    return cut(random, log).fitted()


def head(random: Random, log: Log) -> Log:
    match random.choice(("size", "frontier", "tip")):
        case "size":
            changed = replace(log.head, size=log.head.size + random.choice((-1, 1, 5)))
        case "frontier":
            changed = replace(log.head, frontier=_flipped(random, log.head.frontier))
        case _:
            changed = replace(log.head, tip=_flipped(random, log.head.tip))
    return replace(log, head=changed)


def note(random: Random, log: Log) -> Log:
    at = random.randrange(len(log.notes))
    text = log.notes[at].note
    place = random.randrange(len(text))
    letter = next(each for each in iter(lambda: random.choice("AZaz09+/= \n"), None) if each != text[place])
    changed = StoredNote(log.notes[at].size, text[:place] + letter + text[place + 1 :])
    return replace(log, notes=(*log.notes[:at], changed, *log.notes[at + 1 :]))


# --- forks ------------------------------------------------------------------------------------------------------------


def fork(random: Random, log: Log) -> Log:
    """Everything from somewhere on written anew, as long, shorter or longer, with right hashes and a right head."""
    at = _any(random, log)
    end = random.randint(at + 1, len(log.rows) + 5)
    return replace(log, rows=log.rows[:at] + entries(random, at, end, _tip(log, at))).fitted()


def fork_by_stranger(random: Random, log: Log) -> Log:
    """The same, and every checkpoint signed anew by another key of the log's name."""
    return fork(random, log).signed(STRANGER)


# --- by the owner -----------------------------------------------------------------------------------------------------


def cut_with_checkpoints(random: Random, log: Log) -> Log:
    """Cut, with a right head, and without the checkpoints that would show it: nothing has to be signed for that."""
    left = cut_with_head(random, log)
    return replace(left, notes=tuple(each for each in left.notes if each.size <= len(left.rows)))


def cut_and_signed(random: Random, log: Log) -> Log:
    return cut_with_head(random, log).signed(OWNER)


def fork_and_signed(random: Random, log: Log) -> Log:
    return fork(random, log).signed(OWNER)


def all_anew(random: Random, log: Log) -> Log:
    """The whole log forged and signed with its own key."""
    size = random.randint(1, len(log.rows) + 5)
    return replace(log, rows=entries(random, 0, size, EMPTY_ROOT)).fitted().signed(OWNER)


WAYS = (
    Way("a byte of a body", body_byte),
    Way("a byte of a body, and its leaf hash", body_byte_and_hash),
    Way("a field of a body, and its leaf hash", field),
    Way("a byte of a leaf hash", leaf),
    Way("a number beside a body", number, exported=False),
    Way("an entry deleted", deletion),
    Way("an entry deleted, the gap closed", deletion_closed_up),
    Way("two entries swapped", swap),
    Way("an entry moved", move),
    Way("an entry doubled", duplicate),
    Way("an entry written over another", overwritten),
    Way("a forged entry put in", insertion),
    Way("cut", cut),
    Way("cut, with a right head", cut_with_head),
    Way("the head changed", head),
    Way("a checkpoint changed", note),
    Way("forked, with a right head", fork),
    Way("forked, signed by another key", fork_by_stranger),
    Way("cut, with the checkpoints behind", cut_with_checkpoints, needs_witness=True),
    Way("cut, signed by the owner", cut_and_signed, needs_witness=True),
    Way("forked, signed by the owner", fork_and_signed, needs_witness=True),
    Way("all written anew by the owner", all_anew, needs_witness=True),
)


# --- an export --------------------------------------------------------------------------------------------------------


def line_byte(random: Random, lines: Sequence[bytes]) -> list[bytes]:
    at = random.randrange(len(lines))
    return [*lines[:at], _flipped(random, lines[at]), *lines[at + 1 :]]


def line_gone(random: Random, lines: Sequence[bytes]) -> list[bytes]:
    at = random.randrange(len(lines))
    return [*lines[:at], *lines[at + 1 :]]


def line_doubled(random: Random, lines: Sequence[bytes]) -> list[bytes]:
    at = random.randrange(len(lines))
    return [*lines[: at + 1], *lines[at:]]


def lines_swapped(random: Random, lines: Sequence[bytes]) -> list[bytes]:
    one, other = random.sample(range(len(lines)), 2)
    swapped = list(lines)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    return swapped


LINE_WAYS = (
    ("a byte of an export", line_byte),
    ("a line of an export deleted", line_gone),
    ("a line of an export doubled", line_doubled),
    ("two lines of an export swapped", lines_swapped),
)


def _any(random: Random, log: Log) -> int:
    return random.randrange(len(log.rows))


def _with(log: Log, at: int, row: Row) -> Log:
    return replace(log, rows=(*log.rows[:at], row, *log.rows[at + 1 :]))


def _hashed(row: Row, body: bytes) -> Row:
    return Row(row.seq, body, leaf_hash(body))


def _tip(log: Log, at: int) -> bytes:
    return log.rows[at - 1].leaf if at else EMPTY_ROOT


def _flipped(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ random.randint(1, 255)]) + data[at + 1 :]
