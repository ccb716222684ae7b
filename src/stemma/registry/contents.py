"""Where prompt texts live: each once, named by digest, compressed against the text it came from.

A machine-written prompt differs from its parent by a line or two, so the parent's bytes serve as the Zstandard dictionary
(RFC 8878, raw content) and a 2 kB variant takes some fifty bytes. Every `CHAIN`-th generation is stored whole, which
bounds what must be read to get one text back.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import zstandard
from sqlalchemy import Connection, select, text

from stemma.core.errors import NotFound, StoreDamaged
from stemma.registry.prompt import Prompt
from stemma.store.schema import contents

CHAIN = 8
_LEVEL = 3
_PARAMETERS_IN_A_QUERY = 500  # SQLite builds before 3.32 stop at 999
_CACHED_TEXTS = 512
_CACHED_COMPRESSORS = 128  # each holds its match tables, some hundred kilobytes

_T = TypeVar("_T")

_CHAIN_QUERY = text(
    """
    with recursive chain(id, base_id, depth, payload) as (
        select id, base_id, depth, payload from contents where id = :id
        union all
        select c.id, c.base_id, c.depth, c.payload from contents c join chain on c.id = chain.base_id
    )
    select payload, depth from chain order by depth
    """
)


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
    """Texts by digest. One object belongs to one store; it keeps the texts that were used last."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        self._compressors: OrderedDict[int, tuple[zstandard.ZstdCompressor, int]] = OrderedDict()

    def put(self, connection: Connection, texts: Sequence[NewText]) -> list[int]:
        """Stores what is not there yet and returns the id of each text, in order; equal texts share one id."""
        wanted = {item.digest: item for item in texts}
        ids = find_ids(connection, list(wanted))
        missing = [item for digest, item in wanted.items() if digest not in ids]
        if missing:
            rows = [self._row(connection, item) for item in missing]
            if connection.dialect.name == "sqlite":
                # The write lock is ours, so ids can be dealt out here and the rows go in at the driver's speed.
                first = connection.exec_driver_sql("select coalesce(max(id), 0) + 1 from contents").scalar_one()
                connection.exec_driver_sql(
                    "insert into contents (id, digest, base_id, depth, payload) values (?, ?, ?, ?, ?)",
                    [(number, *row) for number, row in enumerate(rows, first)],
                )
                ids.update((item.digest, number) for number, item in enumerate(missing, first))
            else:
                names = ("digest", "base_id", "depth", "payload")
                statement = text(
                    "insert into contents (digest, base_id, depth, payload) values (:digest, :base_id, :depth, :payload) "
                    "on conflict (digest) do nothing"  # another worker may store the same text at this moment
                )
                connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])
                ids.update(find_ids(connection, [item.digest for item in missing]))
        return [ids[item.digest] for item in texts]

    def get(self, connection: Connection, content_id: int) -> Prompt:
        """The prompt stored under this id. Raises NotFound."""
        return _decoded(self._text(connection, content_id)[0])

    def _row(self, connection: Connection, item: NewText) -> tuple[bytes, int | None, int, bytes]:
        if item.base is not None:
            compressor, depth = self._compressor(connection, item.base)
            if depth < CHAIN:
                return item.digest, item.base, depth + 1, compressor.compress(item.canonical)
        return item.digest, None, 0, _compressor().compress(item.canonical)

    def _compressor(self, connection: Connection, base: int) -> tuple[zstandard.ZstdCompressor, int]:
        if (found := _recall(self._compressors, base)) is not None:
            return found
        canonical, depth = self._text(connection, base)
        return _remember(self._compressors, base, (_compressor(canonical), depth), _CACHED_COMPRESSORS)

    def _text(self, connection: Connection, content_id: int) -> tuple[bytes, int]:
        if (found := _recall(self._known, content_id)) is not None:
            return found
        chain = connection.execute(_CHAIN_QUERY, {"id": content_id}).all()
        if not chain:
            raise NotFound(f"there is no stored text with id {content_id}")
        canonical = b""
        for number, (payload, _) in enumerate(chain):
            try:
                canonical = _decompressor(canonical if number else None).decompress(payload)
            except zstandard.ZstdError as error:
                raise StoreDamaged(
                    f"the stored text {content_id} cannot be unpacked: {error}; restore a backup"
                ) from error
        return _remember(self._known, content_id, (canonical, chain[-1].depth))


def find_ids(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    """The ids of those of `digests` that are stored."""
    found: dict[bytes, int] = {}
    for start in range(0, len(digests), _PARAMETERS_IN_A_QUERY):
        part = digests[start : start + _PARAMETERS_IN_A_QUERY]
        query = select(contents.c.digest, contents.c.id).where(contents.c.digest.in_(part))
        found.update((bytes(row[0]), row[1]) for row in connection.execute(query))
    return found


def _decoded(canonical: bytes) -> Prompt:
    return Prompt.from_json(json.loads(canonical))


def _compressor(base: bytes | None = None) -> zstandard.ZstdCompressor:
    size = len(base or b"")
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=2 * size,  # sizes the match tables; longer texts are compressed all the same
        dict_size=size,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_checksum=False,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(dict_data=_dictionary(base), compression_params=parameters)


def _decompressor(base: bytes | None) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(base), format=zstandard.FORMAT_ZSTD1_MAGICLESS)


def _dictionary(base: bytes | None) -> zstandard.ZstdCompressionDict | None:
    return None if base is None else zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _recall(kept: OrderedDict[int, _T], key: int) -> _T | None:
    found = kept.get(key)
    if found is not None:
        kept.move_to_end(key)
    return found


def _remember(kept: OrderedDict[int, _T], key: int, value: _T, most: int = _CACHED_TEXTS) -> _T:
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)
    return value
