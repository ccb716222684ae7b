"""The file that a backup is: a ZIP of tables as Zstandard-compressed lines, a manifest, and a signature over it.

::

    tables/ledger_entries.tsv.zst   rows as PostgreSQL's COPY text format spells them, see `stemma.store.lines`
    …
    manifest.json                   what is in it: versions, columns, rows and SHA-256 of each table, the log's size and root
    checkpoint.txt                  a signed note over the log's size and root and the manifest's SHA-256

Any tool opens it: `unzip`, then `zstd -d`. The SHA-256 of a table is that of its lines, not compressed.
"""

import base64
import errno
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedReader
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, TypeAlias, cast

import zstandard

from stemma.core.digests import canonical_json, digest_bytes
from stemma.core.errors import InvalidData, InvalidInput, StemmaError, StoreFull, StoreNewer
from stemma.ledger import Checkpoint, PublicKey, Signer
from stemma.store.tables import BLOCK

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many rows are done, of how many."""

_FORMAT, _VERSION = "stemma-backup", 1
_MANIFEST, _CHECKPOINT = "manifest.json", "checkpoint.txt"
_LONGEST_MANIFEST = 1 << 24


@dataclass(frozen=True, slots=True)
class Member:
    """One table in the archive."""

    table: str
    columns: tuple[str, ...]
    rows: int
    sha256: str

    @property
    def file(self) -> str:
        return _file(self.table)

    def to_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "columns": list(self.columns),
            "rows": self.rows,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself. `schema` is the store's revision, `database` the kind that it was taken from."""

    product: str
    schema: str
    database: str
    taken_at: str
    ledger_size: int
    ledger_root: str
    public_key: str
    members: tuple[Member, ...]

    @property
    def rows(self) -> int:
        return sum(member.rows for member in self.members)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "product": self.product,
            "schema": self.schema,
            "database": self.database,
            "taken_at": self.taken_at,
            "ledger": {"size": self.ledger_size, "root": self.ledger_root},
            "public_key": self.public_key,
            "tables": [member.to_json() for member in self.members],
        }

    @classmethod
    def from_json(cls, path: Path, content: Any) -> "Manifest":
        """The manifest that `to_json` wrote. Raises InvalidData, or StoreNewer for a format of tomorrow."""
        if not isinstance(content, Mapping) or content.get("format") != _FORMAT:
            raise InvalidData(path, "not a backup: its manifest does not say so")
        if content.get("version") != _VERSION:
            raise StoreNewer(
                f"{path}: written in version {content.get('version')!r} of the format, this one knows {_VERSION}; "
                "upgrade with: pip install --upgrade stemma-ai"
            )
        try:
            return cls(
                content["product"],
                content["schema"],
                content["database"],
                content["taken_at"],
                int(content["ledger"]["size"]),
                content["ledger"]["root"],
                content["public_key"],
                tuple(
                    Member(one["table"], tuple(one["columns"]), int(one["rows"]), one["sha256"])
                    for one in content["tables"]
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidData(path, f"the manifest is damaged: {error!r}") from error


class ArchiveWriter:
    """An archive in the making; see `written`."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.members: list[Member] = []
        self._open = ExitStack()

    def through(self, table: str, columns: Sequence[str], blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Gives each of the `blocks` on after it was written, so that whoever checks them reads the rows only once."""
        digest, rows = sha256(), 0
        with self._open:
            raw = self._open.enter_context(self._file.open(_file(table), "w", force_zip64=True))
            compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
            compressed = self._open.enter_context(compressor.stream_writer(raw, closefd=False))
            for block in blocks:
                compressed.write(block)
                digest.update(block)
                rows += block.count(b"\n")
                yield block
        self.members.append(Member(table, tuple(columns), rows, digest.hexdigest()))

    def abandon(self) -> None:
        """Lets go of the table that was being written; a ZIP file with one open can not even be thrown away."""
        self._open.close()

    def finish(self, manifest: Manifest, signer: Signer) -> None:
        """Writes the manifest and the note that binds it to the log's root."""
        body = canonical_json(manifest.to_json())
        root = base64.b64encode(bytes.fromhex(manifest.ledger_root)).decode()
        text = f"{signer.name}\n{manifest.ledger_size}\n{root}\n{_binding(body)}\n"
        self._file.writestr(_MANIFEST, body)
        self._file.writestr(_CHECKPOINT, signer.sign(text))


@contextmanager
def written(path: Path) -> Iterator[ArchiveWriter]:
    """An archive that appears under `path` when the block ends, and not at all when it raises. Readable by its owner alone.

    Raises InvalidData when the file cannot be written, StoreFull when its disk is full.
    """
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
            unfinished = Path(temporary.name)
            try:
                with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
                    archive = ArchiveWriter(file)
                    try:
                        yield archive
                    finally:
                        archive.abandon()
                temporary.flush()
                os.fsync(temporary.fileno())
                unfinished.replace(path)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"{path}: no room left on its disk; no backup was made. Name a file elsewhere") from error
        raise InvalidData(path, f"the backup cannot be written: {error.strerror}; no backup was made") from error


class Archive:
    """An archive to read. Its manifest holds; its tables are checked as they are read to their ends."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path = path
        self._file = file
        self._body = self._small(_MANIFEST)
        try:
            content = json.loads(self._body)
        except (ValueError, RecursionError) as error:
            raise InvalidData(path, "the manifest is damaged: it is not JSON") from error
        self.manifest = Manifest.from_json(path, content)

    def check_signature(self, public_key: PublicKey) -> None:
        """Raises InvalidData when the note in the archive is not by that key, or not about this archive."""
        note = self._small(_CHECKPOINT).decode("utf-8", "replace")
        try:
            found = Checkpoint.parse(note, public_key)
        except InvalidInput as error:
            raise InvalidData(self.path, f"its signature cannot be believed: {error}; nothing was restored") from error
        signed = (found.size, found.root.hex(), _binding(self._body) in note.splitlines())
        if signed != (self.manifest.ledger_size, self.manifest.ledger_root, True):
            raise InvalidData(self.path, "it was changed after it was signed; nothing was restored")

    def lines(self, member: Member) -> Iterator[bytes]:
        """The lines of one table, in blocks. Raises InvalidData at the end when they are not those that were written."""
        digest, rows = sha256(), 0
        with self._opened(member.file) as lines:
            while block := b"".join(_some(lines)):
                digest.update(block)
                rows += block.count(b"\n")
                yield block
        if (rows, digest.hexdigest()) != (member.rows, member.sha256):
            raise self._damaged(member.file, "other rows than the manifest counts")

    def _small(self, name: str) -> bytes:
        try:
            with self._file.open(name) as file:
                return file.read(_LONGEST_MANIFEST)
        except KeyError as error:
            raise InvalidData(self.path, f"not a backup, or cut off: there is no {name} in it") from error
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged(name, error) from error

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._file.open(name) as raw, zstandard.ZstdDecompressor().stream_reader(raw) as plain:
                yield BufferedReader(cast("Any", plain), 1 << 20)
        except KeyError as error:
            raise InvalidData(self.path, f"there is no {name} in it, which its manifest counts") from error
        except (zipfile.BadZipFile, zstandard.ZstdError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged(name, error) from error

    def _damaged(self, name: str, why: object) -> StemmaError:
        return InvalidData(self.path, f"{name} is damaged ({why}); nothing was restored, take another backup")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Opens an archive. Raises InvalidData when it is none, or is cut off."""
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as error:
        raise InvalidData(path, f"not a whole backup: {error}; nothing was restored, take another one") from error
    except OSError as error:
        raise InvalidData(path, f"the backup cannot be read: {error.strerror}; check the path") from error
    with file:
        yield Archive(path, file)


class Tally:
    """Counts the rows that pass, and tells who listens."""

    def __init__(self, total: int, listener: Progress | None) -> None:
        self._done = 0
        self._total = total
        self._listener = listener

    def over(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._done += block.count(b"\n")
            if self._listener is not None:
                self._listener(self._done, self._total)
            yield block


def exhaust(blocks: Iterable[bytes]) -> None:
    """Reads what is left, for the checks at its end."""
    for _ in blocks:
        pass


def _file(table: str) -> str:
    return f"tables/{table}.tsv.zst"


def _binding(manifest: bytes) -> str:
    """The line of the note that says which archive it is about. A checkpoint may carry such lines behind its root."""
    return f"{_FORMAT} sha256 {digest_bytes(manifest)}"


def _some(lines: IO[bytes]) -> Iterator[bytes]:
    for _ in range(BLOCK):
        if not (line := lines.readline()):
            return
        yield line
