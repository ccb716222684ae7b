"""The whole log in one file, to be kept and verified far from its database.

JSON Lines, with ``.zst`` behind its name compressed: a header, the checkpoints, then the entries in order, each body as
it was hashed::

    {"checkpoints":1,"format":"stemma-ledger","head":{…},"public_key":"stemma+1f3a7c09+ATdv…","version":1}
    {"checkpoint":{"note":"stemma\\n2\\n…","size":2}}
    {"entry":{"actor":"ada",…},"leaf":"6e340b…"}
    {"entry":{"actor":"ada",…},"leaf":"fac542…"}
"""

import json
import operator
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, cast

import zstandard

from stemma.core.digests import canonical_json
from stemma.core.errors import InvalidData, InvalidInput, LedgerTampered
from stemma.ledger.merkle import HASH_SIZE
from stemma.ledger.signing import PublicKey
from stemma.ledger.snapshot import BATCH, Batch, Head, Snapshot, StoredNote, snapshot
from stemma.ledger.verification import Verification, verify
from stemma.store import Store

_FORMAT, _VERSION = "stemma-ledger", 1
_LONGEST_LINE = 1 << 24  # so that a file of anything else is not read into memory in search of a line's end

# An entry's line is put together and taken apart by position: a JSON parser would take longer than all the hashing.
_OPENING, _MIDDLE, _CLOSING = b'{"entry":', b',"leaf":"', b'"}\n'
_LEAF = slice(-len(_CLOSING) - 2 * HASH_SIZE, -len(_CLOSING))
_BODY = slice(len(_OPENING), _LEAF.start - len(_MIDDLE))


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was written, and how much is in it."""

    path: Path
    entries: int
    checkpoints: int


def export(store: Store, path: Path, *, public_key: PublicKey | None = None) -> Export:
    """Writes the log in `store` to `path`, whole or not at all; an existing file is replaced.

    `public_key` goes into the header, for readers who have no better source of it. Raises InvalidData when the file
    cannot be written or is not named .jsonl or .jsonl.zst, LedgerTampered when an entry is so damaged that it cannot stand
    on a line.
    """
    if not path.name.endswith((".jsonl", ".jsonl.zst")):
        raise InvalidData(path, "the export is JSON Lines; name it .jsonl, or .jsonl.zst to have it compressed")
    with _written(path) as file, snapshot(store) as taken:
        header = _Header(public_key, len(taken.checkpoints), taken.head)
        file.write(canonical_json(header.to_json()) + b"\n")
        for stored in taken.checkpoints:
            file.write(canonical_json({"checkpoint": {"size": stored.size, "note": stored.note}}) + b"\n")
        entries = 0
        for batch in taken.batches:
            for seq, body, leaf in zip(batch.seqs, batch.bodies, batch.leaves, strict=True):
                if b"\n" in body or len(leaf) != HASH_SIZE:
                    raise LedgerTampered("it cannot be exported; see: stemma audit verify", seq=seq)
                file.write(b"".join((_OPENING, body, _MIDDLE, leaf.hex().encode(), _CLOSING)))
            entries += len(batch.seqs)
    return Export(path, entries, len(taken.checkpoints))


def verify_export(
    path: Path,
    public_key: PublicKey | None = None,
    *,
    kept: Sequence[str] = (),
    witnesses: Sequence[PublicKey] = (),
) -> Verification:
    """Verifies an exported log without any database; a problem with an entry names its line.

    Without `public_key` the one in the file's header is used, which proves only that the file has not been damaged: who
    can rewrite a whole file can sign it with a key of their own. Raises InvalidData, with the line, for what is not an
    export or was cut off inside a line.
    """
    with _read(path) as file:
        lines = _Lines(path, file)
        header = _Header.read(lines)
        notes = _stored_notes(lines, header.checkpoints)
        before = lines.read
        taken = Snapshot(header.head, notes, _batches(lines))
        found = verify(taken, public_key or header.public_key, kept=kept, witnesses=witnesses)
    if found.problem is None:
        return found
    where = f"{path}" if found.first_bad is None else f"{path}:{before + found.first_bad + 1}"
    return replace(found, problem=f"{where}: {found.problem}")


@dataclass
class _Lines:
    """A file's lines and how many were read."""

    path: Path
    file: IO[bytes]
    read: int = 0

    def one(self) -> Any:
        """The next line as JSON."""
        line = self.file.readline(_LONGEST_LINE)
        self.read += 1
        try:
            parsed = json.loads(line)
            # Two spellings of the same value would let a line be changed without its being noticed.
            is_canonical = canonical_json(parsed) + b"\n" == line
        except (ValueError, RecursionError, InvalidInput) as error:
            raise InvalidData(self.path, "not JSON, so this is not an exported audit log", line=self.read) from error
        if not is_canonical:
            raise InvalidData(self.path, "not a line of an exported audit log: not canonical JSON", line=self.read)
        return parsed


@dataclass(frozen=True, slots=True)
class _Header:
    """What the first line says of the rest."""

    public_key: PublicKey | None
    checkpoints: int
    head: Head | None

    def to_json(self) -> dict[str, Any]:
        head, key = self.head, self.public_key
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "public_key": key and key.text,
            "checkpoints": self.checkpoints,
            "head": head and {"size": head.size, "frontier": head.frontier.hex(), "tip": head.tip.hex()},
        }

    @classmethod
    def read(cls, lines: _Lines) -> "_Header":
        stored = lines.one()
        if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
            raise InvalidData(lines.path, "not an exported audit log: its first line does not say so", line=1)
        if stored.get("version") != _VERSION:
            raise InvalidData(
                lines.path,
                f"written in version {stored.get('version')!r} of the format, this one knows {_VERSION}; "
                "upgrade with: pip install --upgrade stemma-ai",
                line=1,
            )
        try:
            key, checkpoints, head = stored["public_key"], stored["checkpoints"], stored["head"]
            header = cls(
                None if key is None else PublicKey.parse(key),
                operator.index(checkpoints),
                head
                and Head(operator.index(head["size"]), bytes.fromhex(head["frontier"]), bytes.fromhex(head["tip"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInput) as error:
            raise InvalidData(lines.path, f"the first line is damaged: {error}", line=1) from error
        if header.to_json() != stored:  # hexadecimal has capitals, too
            raise InvalidData(lines.path, "the first line is damaged", line=1)
        return header


def _batches(lines: _Lines) -> Iterator[Batch]:
    seq = 0
    while batch := list(islice(lines.file, BATCH)):
        count = len(batch)
        opened = b"".join([line[: _BODY.start] for line in batch]) == _OPENING * count
        parted = b"".join([line[_BODY.stop : _LEAF.start] for line in batch]) == _MIDDLE * count
        closed = b"".join([line[_LEAF.stop :] for line in batch]) == _CLOSING * count
        if not (opened and parted and closed):
            raise _not_an_entry(lines, batch)
        leaves = _leaves(b"".join([line[_LEAF] for line in batch]), count)
        if leaves is None:
            raise _not_an_entry(lines, batch)
        yield Batch(tuple(range(seq, seq + count)), tuple([line[_BODY] for line in batch]), leaves)
        seq += count
        lines.read += count


def _leaves(digits: bytes, count: int) -> tuple[bytes, ...] | None:
    try:
        joined = bytes.fromhex(digits.decode())
    except ValueError:
        return None
    if joined.hex().encode() != digits:  # fromhex also takes spaces and capitals, which no export holds
        return None
    return tuple([joined[at : at + HASH_SIZE] for at in range(0, count * HASH_SIZE, HASH_SIZE)])


def _not_an_entry(lines: _Lines, batch: list[bytes]) -> InvalidData:
    for number, line in enumerate(batch, lines.read + 1):
        framed = line[: _BODY.start] == _OPENING and line[_BODY.stop : _LEAF.start] == _MIDDLE
        if not framed or line[_LEAF.stop :] != _CLOSING or _leaves(line[_LEAF], 1) is None:
            problem = "not an entry of an exported audit log" if line.endswith(b"\n") else "the file is cut off here"
            return InvalidData(lines.path, problem, line=number)
    raise AssertionError("lines that are wrong together are wrong somewhere")


def _stored_notes(lines: _Lines, count: int) -> tuple[StoredNote, ...]:
    notes = list[StoredNote]()
    for _ in range(count):
        note = _stored_note(lines)
        if notes and note.size <= notes[-1].size:
            raise InvalidData(lines.path, "a checkpoint out of its order, in which it was not written", line=lines.read)
        notes.append(note)
    return tuple(notes)


def _stored_note(lines: _Lines) -> StoredNote:
    match lines.one():
        case {"checkpoint": {"size": int(size), "note": str(note)}}:
            return StoredNote(size, note)
    raise InvalidData(lines.path, "not a checkpoint, though the header counts one here", line=lines.read)


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under `path` when the block ends, and not at all when it raises."""
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
            unfinished = Path(temporary.name)
            try:
                if path.suffix == ".zst":
                    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
                    with compressor.stream_writer(temporary, closefd=False) as compressed:
                        yield cast("IO[bytes]", compressed)
                else:
                    yield cast("IO[bytes]", temporary)
                temporary.flush()
                os.fsync(temporary.fileno())
                unfinished.replace(path)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise InvalidData(path, f"the export cannot be written: {error.strerror}; nothing was changed") from error


@contextmanager
def _read(path: Path) -> Iterator[IO[bytes]]:
    try:
        with open(path, "rb") as file:
            if path.suffix != ".zst":
                yield file
                return
            with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
                yield BufferedReader(cast("Any", reader), 1 << 20)
    except OSError as error:
        raise InvalidData(path, f"the export cannot be read: {error.strerror}") from error
    except zstandard.ZstdError as error:
        raise InvalidData(path, f"not a whole Zstandard file: {error}") from error
