"""Memory: what agents keep across tasks, each text with its label, searched by meaning."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.digests import canonical_json, digest_bytes
from stemma.core.errors import Conflict, InvalidInput, InvalidName, NotFound
from stemma.core.trust import Integrity, TrustLabel
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.models.encoders.encoder import Encoder, Vectors
from stemma.network.state.matrix import Matrix
from stemma.store.schema import memories

_LONGEST_NAME = 200
_LONGEST_TEXT = 100_000
_PAGE = 2000
_BATCH = 256  # texts that are encoded again before they are written back: what an interruption can lose


@dataclass(frozen=True, slots=True)
class Memory:
    """A text that was kept. `source` says what it was learned from; `id` is the number of its entry in the audit log.

    `score` is the cosine with what was searched for; None where nothing was.
    """

    id: int
    scope: str
    source: str
    text: str
    label: TrustLabel
    at: str
    score: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "scope": self.scope,
            "source": self.source,
            "text": self.text,
            "label": self.label.to_json(),
            "at": self.at,
            "score": self.score,
        }


class Memories:
    """The memories of one store, as `encoder` sees them. Can be shared by threads.

    The vectors of a scope stay in this process's memory once it was searched: 2 kB each at 512 dimensions. What other
    processes remember and forget is noticed by the next search.
    """

    def __init__(self, scope: Scope, encoder: Encoder) -> None:
        self._scope = scope
        self._encoder = encoder
        # Two encoders of one name may differ in the length of their vectors.
        self._signature = f"{encoder.name}-{encoder.dimensions}"
        self._matrices: dict[str, Matrix] = {}
        self._lock = Lock()

    def acting_as(self, actor: str) -> "Memories":
        """The same memories, in another actor's name; what was searched here is not kept there."""
        return Memories(self._scope.acting_as(actor), self._encoder)

    @property
    def encoder(self) -> str:
        """The name of what measures the likeness of meanings here."""
        return self._encoder.name

    def remember(self, scope: str, text: str, *, source: str, label: TrustLabel) -> Memory:
        """Keeps `text` for the tasks to come. One transaction, with the event ``memory.written``.

        Once for each `source` of a scope: asked for again, it answers with what is kept, whatever the text. What no database
        holds (zero characters, half surrogate pairs) becomes U+FFFD.

        Raises InvalidName, InvalidInput for a text without a word or of more than 100,000 characters, and Unauthorized.
        """
        for kind, name in (("memory scope", scope), ("memory source", source)):
            if not (0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip()):
                rule = f"it has 1 to {_LONGEST_NAME} printable characters, with no space at either end"
                raise InvalidName(kind, name, rule)
        kept = self._of_source(scope, source)
        if kept is not None:
            return kept
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd").strip()
        if not text or len(text) > _LONGEST_TEXT:
            raise InvalidInput(
                f"a text of {len(text):,} characters cannot be remembered from {source!r}; "
                f"memories have 1 to {_LONGEST_TEXT:,}: keep a summary"
            )
        vector = self._encoder.encode([text])[0]
        row = {
            "scope": scope,
            "source": source,
            "text": text,
            "label": canonical_json(label.to_json()).decode(),
            "encoder": self._signature,
            "vector": vector.tobytes(),
        }
        try:
            with self._scope.write() as tx:
                tx.require(Action.WRITE, f"memories:/{scope}")
                told = {"source": source, "text": digest_bytes(text.encode()), "label": label.to_json()}
                # First the event, then the row under its number: from here to the commit no other memory can be written,
                # so ids come to be seen in their order, and whoever asks for those after the last one he saw misses none.
                id = tx.record("memory.written", subject=scope, data=told)
                inserting = (sqlite if self._scope.store.is_sqlite else postgresql).insert(memories)
                adding = inserting.on_conflict_do_nothing().returning(memories.c.id)
                if tx.connection.execute(adding, row | {"id": id, "created_at": tx.at}).scalar() is None:
                    raise _KeptMeanwhile(source)
        except _KeptMeanwhile:
            return self.remember(scope, text, source=source, label=label)
        return Memory(id, scope, source, text, label, tx.at)

    def search(
        self,
        scope: str,
        query: str,
        *,
        top: int = 5,
        within: TrustLabel | None = None,
        least: Integrity = Integrity.UNTRUSTED,
    ) -> list[Memory]:
        """The `top` memories of `scope` nearest in meaning to `query`, best first; fewer when fewer have anything in common.

        With `within`, only those whose label flows to it: reading them makes nobody who is labelled so less trusted or more
        confined. None of a lower integrity than `least` is found, nor displaces one that is. Vectors that another encoder made
        are made again when they are first met, and kept. Raises Unauthorized.
        """
        self._scope.require(Action.READ, f"memories:/{scope}")
        asked = self._encoder.encode([query])[0]
        with self._lock:
            matrix = self._matrix(scope)
            while True:
                near = matrix.nearest(
                    asked,
                    top,
                    readable=lambda label: label.integrity >= least and (within is None or label.flows_to(within)),
                )
                kept = self._of_ids([id for id, _ in near])
                forgotten = [id for id, _ in near if id not in kept]
                if not forgotten:
                    return [replace(kept[id], score=score) for id, score in near]
                for id in forgotten:
                    matrix.remove(id)

    def forget(self, what: int | str) -> int:
        """Deletes one memory by its id, or all of a scope by its name; gives back how many. Event ``memory.forgotten``.

        Its source may be remembered anew afterwards. Raises NotFound and Unauthorized.
        """
        column = memories.c.id if isinstance(what, int) else memories.c.scope
        with self._scope.write() as tx:
            gone = tx.connection.execute(delete(memories).where(column == what).returning(memories.c.scope)).all()
            if not gone:
                missing = f"memory {what}" if isinstance(what, int) else f"memory in scope {what!r}"
                raise NotFound(f"there is no {missing}; list what there is with: stemma memory ls")
            tx.require(Action.WRITE, f"memories:/{gone[0].scope}")
            told = {"count": len(gone)} | ({"id": what} if isinstance(what, int) else {})
            tx.record("memory.forgotten", subject=gone[0].scope, data=told)
        return len(gone)

    def ls(self, scope: str | None = None, *, limit: int = 100) -> list[Memory]:
        """The newest memories, of one scope or of all, newest first. Raises Unauthorized unless all of them may be read."""
        newest = _SHOWN.order_by(memories.c.id.desc()).limit(limit)
        with self._scope.read() as connection:
            self._scope.require(Action.READ, f"memories:/{scope or ''}", connection)
            rows = connection.execute(newest if scope is None else newest.where(memories.c.scope == scope)).all()
        return [_memory(row) for row in rows]

    def scopes(self) -> dict[str, int]:
        """How many memories each scope has, by name."""
        counting = select(memories.c.scope, func.count()).group_by(memories.c.scope)
        with self._scope.read() as connection:
            return dict(sorted((scope, count) for scope, count in connection.execute(counting)))

    def _of_source(self, scope: str, source: str) -> Memory | None:
        with self._scope.read() as connection:
            self._scope.require(Action.WRITE, f"memories:/{scope}", connection)
            wanted = _SHOWN.where(memories.c.scope == scope, memories.c.source == source)
            row = connection.execute(wanted).first()
        return None if row is None else _memory(row)

    def _of_ids(self, ids: Sequence[int]) -> dict[int, Memory]:
        with self._scope.read() as connection:
            return {row.id: _memory(row) for row in connection.execute(_SHOWN.where(memories.c.id.in_(ids)))}

    def _matrix(self, scope: str) -> Matrix:
        """The vectors of `scope`, with those that came since it was last asked for."""
        matrix = self._matrices.setdefault(scope, Matrix(self._encoder.dimensions))
        labels: dict[str, TrustLabel] = {}
        while rows := self._rows_after(scope, matrix.last):
            for row in rows:
                labels.setdefault(row.label, TrustLabel.from_json(json.loads(row.label)))
            matrix.add([row.id for row in rows], [labels[row.label] for row in rows], self._vectors(rows))
        return matrix

    def _rows_after(self, scope: str, last: int) -> Sequence[Row[Any]]:
        columns = [memories.c.id, memories.c.label, memories.c.encoder, memories.c.vector]
        following = select(*columns).where(memories.c.scope == scope, memories.c.id > last)
        with self._scope.read() as connection:
            return connection.execute(following.order_by(memories.c.id).limit(_PAGE)).all()

    def _vectors(self, rows: Sequence[Row[Any]]) -> Vectors:
        vectors = np.zeros((len(rows), self._encoder.dimensions), np.float32)
        strange = list[int]()
        for place, row in enumerate(rows):
            if row.encoder == self._signature:
                vectors[place] = np.frombuffer(row.vector, np.float32)
            else:
                strange.append(place)
        for start in range(0, len(strange), _BATCH):
            places = strange[start : start + _BATCH]
            vectors[places] = self._encoded_again([rows[place].id for place in places])
        return vectors

    def _encoded_again(self, ids: Sequence[int]) -> Vectors:
        """The vectors of memories that another encoder had seen. A vector follows from its text, so this is no event."""
        kept = self._of_ids(ids)
        vectors = self._encoder.encode([kept[id].text if id in kept else "" for id in ids])
        changed = update(memories).values(encoder=self._signature)
        with self._scope.store.write() as connection:
            for id, vector in zip(ids, vectors, strict=True):
                connection.execute(changed.where(memories.c.id == id).values(vector=vector.tobytes()))
        return vectors


class _KeptMeanwhile(Conflict):
    """Another process remembered the same source at the same moment; the transaction is undone."""


_SHOWN = select(*(column for column in memories.c if column.name not in ("encoder", "vector")))


def _memory(row: Row[Any]) -> Memory:
    label = TrustLabel.from_json(json.loads(row.label))
    return Memory(row.id, row.scope, row.source, row.text, label, row.created_at)
