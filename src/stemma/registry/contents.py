"""Where prompt texts live: each once, named by digest, compressed against the text it came from.

A machine-written prompt differs from its parent by a line or two, so the parent's bytes serve as the Zstandard dictionary
(RFC 8878, raw content) and a 2 kB variant takes some fifty bytes. Every `CHAIN`-th generation is stored whole, which
bounds what must be read to get one text back.
"""

import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from threading import Lock
from typing import TypeAlias

import zstandard
from sqlalchemy import Connection, bindparam, select, text

from stemma.core.errors import NotFound, StoreDamaged
from stemma.registry.prompt import Prompt
from stemma.store.schema import contents

CHAIN = 16
_LEVEL = 3
_PARAMETERS_IN_A_QUERY = 500  # SQLite builds before 3.32 stop at 999
_CACHED_BYTES = 16 * 2**20

_CHAIN_QUERY = text(
    """
    with recursive chain(id, base_id, depth, payload) as (
        select id, base_id, depth, payload from contents where id = :id
        union all
        select c.id, c.base_id, c.depth, c.payload from contents c join chain on c.id = chain.base_id
    )
    select payload from chain order by depth
    """
)
# Written as text, since a column's type would handle each of thousands of digests in Python first.
_IDS_QUERY = text("select digest, id from contents where digest in :digests").bindparams(
    bindparam("digests", expanding=True)
)

_Row: TypeAlias = tuple[bytes, int | None, int, bytes]  # digest, base_id, depth, payload


@dataclass(frozen=True, slots=True)
class _Stored:
    id: int
    digest: bytes
    depth: int


@dataclass(frozen=True, slots=True)
class NewText:
    """A text to store: its digest, its canonical JSON, and the id of the stored text that it was made from."""

    digest: bytes
    canonical: bytes
    base: int | None = None

    @classmethod
    def of(cls, prompt: Prompt, *, base: int | None = None) -> "NewText":
        return cls(bytes.fromhex(prompt.digest), prompt.canonical, base)


class Contents:
    """Texts by digest. One object belongs to one store, may be shared by threads, and keeps the texts used last."""

    def __init__(self) -> None:
        self._recent = _RecentTexts()

    def put(self, connection: Connection, texts: Sequence[NewText]) -> list[int]:
        """Stores what is not there yet and returns the id of each text, in order; equal texts share one id.

        Raises NotFound for a base that is not stored.
        """
        wanted = {item.digest: item for item in texts}
        ids = find_ids(connection, list(wanted))
        missing = [item for digest, item in wanted.items() if digest not in ids]
        if missing:
            # In the digests' order everywhere: two workers with texts in common then cannot wait for each other.
            rows = sorted(self._rows(connection, missing))
            if connection.dialect.name == "sqlite":
                # The write lock is ours, so ids can be dealt out here and the rows go in at the driver's speed.
                first = connection.exec_driver_sql("select coalesce(max(id), 0) + 1 from contents").scalar_one()
                connection.exec_driver_sql(
                    "insert into contents (id, digest, base_id, depth, payload) values (?, ?, ?, ?, ?)",
                    [(number, *row) for number, row in enumerate(rows, first)],
                )
                ids.update((row[0], number) for number, row in enumerate(rows, first))
            else:
                connection.exec_driver_sql(
                    "insert into contents (digest, base_id, depth, payload) values (%s, %s, %s, %s) "
                    "on conflict (digest) do nothing",  # another worker may store the same text at this moment
                    rows,
                )
                ids.update(find_ids(connection, [row[0] for row in rows]))
            self._recent.keep((item.digest, item.canonical) for item in missing)
        return [ids[item.digest] for item in texts]

    def get(self, connection: Connection, content_id: int) -> Prompt:
        """The prompt stored under this id. Raises NotFound, and StoreDamaged when the text is not what its digest says."""
        [stored] = _stored(connection, [content_id]).values()
        return Prompt.from_json(json.loads(self._text(connection, stored)))

    def _rows(self, connection: Connection, items: Iterable[NewText]) -> list[_Row]:
        """The rows to insert. Siblings are compressed together: setting up a dictionary costs more than using it."""
        by_base = sorted(items, key=_base)
        bases = _stored(connection, {item.base for item in by_base if item.base is not None})
        rows: list[_Row] = []
        for number, siblings in groupby(by_base, key=_base):
            base = bases.get(number)
            if base is None or base.depth >= CHAIN:
                whole = _compressor(None)
                rows += [(item.digest, None, 0, whole.compress(item.canonical)) for item in siblings]
            else:
                against = _compressor(self._text(connection, base))
                rows += [(item.digest, base.id, base.depth + 1, against.compress(item.canonical)) for item in siblings]
        return rows

    def _text(self, connection: Connection, stored: _Stored) -> bytes:
        if (recent := self._recent.get(stored.digest)) is not None:
            return recent
        canonical: bytes | None = None
        try:
            for payload in connection.scalars(_CHAIN_QUERY, {"id": stored.id}):
                canonical = _decompressor(canonical).decompress(payload)
        except zstandard.ZstdError as error:
            raise StoreDamaged(f"the stored text {stored.id} cannot be unpacked: {error}; restore a backup") from error
        if canonical is None or sha256(canonical).digest() != stored.digest:
            raise StoreDamaged(f"the stored text {stored.id} is not the one that its digest names; restore a backup")
        self._recent.keep([(stored.digest, canonical)])
        return canonical


class _RecentTexts:
    """The texts used last, up to `_CACHED_BYTES`. By digest, so that what a transaction took back does no harm."""

    def __init__(self) -> None:
        self._texts: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, digest: bytes) -> bytes | None:
        with self._lock:
            if (found := self._texts.get(digest)) is not None:
                self._texts.move_to_end(digest)
            return found

    def keep(self, texts: Iterable[tuple[bytes, bytes]]) -> None:
        with self._lock:
            for digest, canonical in texts:
                if digest not in self._texts:
                    self._texts[digest] = canonical
                    self._size += len(canonical)
            while self._size > _CACHED_BYTES:
                self._size -= len(self._texts.popitem(last=False)[1])


def find_ids(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    """The ids of those of `digests` that are stored."""
    found: dict[bytes, int] = {}
    for start in range(0, len(digests), _PARAMETERS_IN_A_QUERY):
        part = digests[start : start + _PARAMETERS_IN_A_QUERY]
        found.update((bytes(row[0]), row[1]) for row in connection.execute(_IDS_QUERY, {"digests": part}))
    return found


def _stored(connection: Connection, ids: Collection[int]) -> dict[int, _Stored]:
    """What the store knows of the texts with these ids. Raises NotFound for the first one that is not there."""
    found: dict[int, _Stored] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), _PARAMETERS_IN_A_QUERY):
        part = wanted[start : start + _PARAMETERS_IN_A_QUERY]
        query = select(contents.c.id, contents.c.digest, contents.c.depth).where(contents.c.id.in_(part))
        found.update((row[0], _Stored(row[0], bytes(row[1]), row[2])) for row in connection.execute(query))
    if missing := sorted(set(ids) - found.keys()):
        raise NotFound(f"there is no stored text with id {missing[0]}")
    return found


def _base(item: NewText) -> int:
    return item.base or 0  # ids begin at 1


def _compressor(base: bytes | None) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(
        dict_data=_dictionary(base), compression_params=_parameters(len(base or b"").bit_length())
    )


@lru_cache
def _parameters(bits: int) -> zstandard.ZstdCompressionParameters:
    """Parameters for a base of up to 2**bits bytes: they size the match tables; longer texts are compressed all the same."""
    return zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=1 << bits,
        dict_size=1 << bits,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_checksum=False,
        write_dict_id=False,
    )


def _decompressor(base: bytes | None) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(base), format=zstandard.FORMAT_ZSTD1_MAGICLESS)


def _dictionary(base: bytes | None) -> zstandard.ZstdCompressionDict | None:
    return None if base is None else zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
