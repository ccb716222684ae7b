"""Sessions: acts of writing. Each points to the generator that wrote and to everything its outcome depends on."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, desc, exists, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.digests import canonical_json, digest, thaw
from stemma.core.errors import Conflict, NotFound
from stemma.core.ids import new_id
from stemma.core.trust import INTERNAL, TrustLabel
from stemma.core.version import __version__
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.registry.references import SCHEME
from stemma.store.schema import candidate_parents, candidates, contents, generators, sessions

MARK_BYTES = 16
"""How much is kept of a case that was learned from: enough of a digest that no two cases of any data set share it."""


@dataclass(frozen=True, slots=True)
class Generator:
    """What writes prompts: a strategy with its operators and settings, or a meta-prompt. Versioned by its digest."""

    name: str
    body: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return digest({"name": self.name, "body": thaw(self.body)})


class SessionStatus(StrEnum):
    OPEN = "open"  # running, or interrupted and able to go on
    FINISHED = "finished"
    FAILED = "failed"  # ended by an error that going on would meet again


@dataclass(frozen=True, slots=True)
class NewSession:
    """What is known when writing begins. Two sessions that are equal here do the same, given the same answers."""

    generator: Generator
    prompt_name: str | None = None
    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    data_digest: str | None = None
    seen: frozenset[bytes] = frozenset()  # marks of the cases that it learns from, MARK_BYTES each
    trust: TrustLabel = INTERNAL


@dataclass(frozen=True, slots=True)
class Session:
    """One act of writing, as recorded."""

    id: str
    number: int
    generator: str  # digest
    prompt_name: str | None
    model: str | None
    parameters: Mapping[str, Any]
    code_version: str
    seed: int | None
    data_digest: str | None
    actor: str
    trust: TrustLabel
    status: SessionStatus
    result: Mapping[str, Any] | None
    started_at: str
    finished_at: str | None

    @property
    def resource(self) -> str:
        """What its candidates are called where access is decided."""
        return candidates_of(self.prompt_name)


class Sessions:
    """The record of who wrote what with which means."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def acting_as(self, actor: str) -> "Sessions":
        """The same record, in another actor's name."""
        return Sessions(self._scope.acting_as(actor))

    def open(self, new: NewSession) -> Session:
        """Records that writing begins, and the generator when it is new. Raises Unauthorized."""
        generator = bytes.fromhex(new.generator.digest)
        session_id = new_id("s")
        with self._scope.write() as tx:
            tx.require(Action.WRITE, candidates_of(new.prompt_name))
            known = tx.connection.execute(select(generators.c.digest).where(generators.c.digest == generator)).first()
            if known is None:
                body = canonical_json(thaw(new.generator.body)).decode()
                row = {"digest": generator, "name": new.generator.name, "body": body, "created_at": tx.at}
                # Another session of the same generator may be opened at this very moment, by a task beside this one.
                inserting = (sqlite if self._scope.store.is_sqlite else postgresql).insert(generators).values(row)
                if tx.connection.execute(inserting.on_conflict_do_nothing().returning(generators.c.digest)).first():
                    tx.record("generator.registered", subject=new.generator.digest, data={"name": new.generator.name})
            tx.connection.execute(
                insert(sessions),
                {
                    "id": session_id,
                    "generator": generator,
                    "prompt_name": new.prompt_name,
                    "model": new.model,
                    "parameters": canonical_json(thaw(new.parameters)).decode(),
                    "code_version": __version__,
                    "seed": new.seed,
                    "data_digest": None if new.data_digest is None else bytes.fromhex(new.data_digest),
                    "seen": b"".join(sorted(new.seen)) or None,
                    "actor": tx.actor,
                    "trust": canonical_json(new.trust.to_json()).decode(),
                    "status": SessionStatus.OPEN,
                    "started_at": tx.at,
                },
            )
            told = {"generator": new.generator.digest, "prompt": new.prompt_name, "model": new.model, "seed": new.seed}
            told |= {"data": new.data_digest}
            if self._scope.on_behalf_of is not None:
                told |= {"on_behalf_of": self._scope.on_behalf_of}
            tx.record("session.opened", subject=session_id, data=told)
        return self.get(session_id)

    def get(self, session_id: str) -> Session:
        """Raises NotFound with the most recent sessions' ids."""
        with self._scope.read() as connection:
            row = connection.execute(select(*_COLUMNS).where(sessions.c.id == session_id)).first()
        if row is None:
            recent = ", ".join(session.id for session in self.ls(limit=3)) or "none yet"
            raise NotFound(f"there is no session {session_id!r}; the most recent are: {recent}")
        return _session(row)

    def ls(self, *, prompt_name: str | None = None, limit: int = 50, from_data: bool = False) -> list[Session]:
        """The newest sessions first; with `from_data` only those that learn from a data set."""
        query = select(*_COLUMNS).order_by(desc(sessions.c.number)).limit(limit)
        if prompt_name is not None:
            query = query.where(sessions.c.prompt_name == prompt_name)
        if from_data:
            query = query.where(sessions.c.data_digest.is_not(None))
        with self._scope.read() as connection:
            return [_session(row) for row in connection.execute(query)]

    def seen_by(self, digests: Iterable[str]) -> frozenset[bytes]:
        """The marks of the cases behind these texts: of every session that wrote one of them, or wrote what such a session
        began with, and so on back to words that no session wrote.
        """
        waiting = {bytes.fromhex(digest) for digest in digests}
        met: set[bytes] = set()
        found: set[bytes] = set()
        with self._scope.read() as connection:
            while waiting:
                met |= waiting
                seen, began = _behind(connection, waiting)
                found.update(seen)
                waiting = began - met
        return frozenset(found)

    def generator(self, generator_digest: str) -> Generator:
        """Raises NotFound."""
        with self._scope.read() as connection:
            query = select(generators.c.name, generators.c.body).where(
                generators.c.digest == bytes.fromhex(generator_digest)
            )
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"there is no generator {generator_digest!r}")
        return Generator(row.name, json.loads(row.body))

    def finish(
        self, session: Session, result: Mapping[str, Any], *, status: SessionStatus = SessionStatus.FINISHED
    ) -> Session:
        """Records how the writing ended. Raises Conflict when the session has ended already, and Unauthorized."""
        written = canonical_json(thaw(result)).decode()
        with self._scope.write() as tx:
            tx.require(Action.WRITE, session.resource)
            ending = update(sessions).where(sessions.c.id == session.id, sessions.c.status == SessionStatus.OPEN)
            ended = tx.connection.execute(ending.values(status=status, result=written, finished_at=tx.at))
            if ended.rowcount != 1:
                raise Conflict(f"session {session.id!r} has ended already")
            tx.record(f"session.{status}", subject=session.id, data={"result": digest(thaw(result))})
        return self.get(session.id)


def candidates_of(prompt_name: str | None) -> str:
    """The resource that candidates for a prompt are, whatever its version; those for none in particular are the root's."""
    name = (prompt_name or "").removeprefix(SCHEME).partition("@")[0].partition("#")[0]
    folder, _, last = name.rpartition("/")
    return f"candidates:/{folder if last.isdigit() else name}"


_COLUMNS = [column for column in sessions.columns if column.name != "seen"]  # which grows with the data


def _behind(connection: Connection, digests: set[bytes]) -> tuple[set[bytes], set[bytes]]:
    """The marks of the sessions that wrote texts with these digests, and the digests of what those sessions began with."""
    changed = exists().where(candidate_parents.c.candidate_id == candidates.c.id)
    written = select(candidates.c.session).join(contents, contents.c.id == candidates.c.content_id)
    wrote = written.where(contents.c.digest.in_(sorted(digests)), changed)
    seen = connection.scalars(select(sessions.c.seen).where(sessions.c.number.in_(wrote), sessions.c.seen.is_not(None)))
    marks = {bytes(kept[at : at + MARK_BYTES]) for kept in seen for at in range(0, len(kept), MARK_BYTES)}
    began = select(contents.c.digest).join(candidates, candidates.c.content_id == contents.c.id)
    first = began.where(candidates.c.session.in_(wrote), ~changed)
    return marks, {bytes(digest) for digest in connection.scalars(first)}


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        number=row.number,
        generator=bytes(row.generator).hex(),
        prompt_name=row.prompt_name,
        model=row.model,
        parameters=json.loads(row.parameters),
        code_version=row.code_version,
        seed=row.seed,
        data_digest=None if row.data_digest is None else bytes(row.data_digest).hex(),
        actor=row.actor,
        trust=TrustLabel.from_json(json.loads(row.trust)),
        status=SessionStatus(row.status),
        result=None if row.result is None else json.loads(row.result),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
