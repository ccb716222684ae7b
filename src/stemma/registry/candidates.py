"""Candidates: the prompts that sessions produce. Stored by the million, each with its parents and its fate."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from stemma.core.errors import Conflict, InvalidInput, NotFound
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope, Transaction
from stemma.registry.contents import Contents, NewText
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Session, candidates_of
from stemma.store.schema import candidate_parents, candidates, contents, sessions

Verdict: TypeAlias = tuple[int, float | None, str | None]
"""A candidate's id, its score if it has one, and the reason when it is rejected."""


class Status(IntEnum):
    STORED = 0  # written, not judged
    ADMITTED = 1  # let through a gate; a version points to it
    REJECTED = 2  # `reason` says why


@dataclass(frozen=True, slots=True)
class NewCandidate:
    """A prompt to store: which operator wrote it from which candidates, the one it resembles most first."""

    prompt: Prompt
    operator: str
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored prompt with its origin: `parents` as they were given, the one it resembles most first.

    The text itself is fetched with `Candidates.prompt`.
    """

    id: int
    session: str
    digest: str
    operator: str
    parents: tuple[int, ...]
    status: Status
    reason: str | None
    score: float | None


class Candidates:
    """The store of machine-written prompts."""

    def __init__(self, scope: Scope, contents: Contents) -> None:
        self._scope = scope
        self._contents = contents

    def acting_as(self, actor: str) -> "Candidates":
        """The same store of candidates, in another actor's name."""
        return Candidates(self._scope.acting_as(actor), self._contents)

    def store(self, session: Session, new: Sequence[NewCandidate]) -> list[int]:
        """Stores a batch in one transaction, with one event for all of it, and returns the ids in order.

        Parents must have been stored before. Raises InvalidInput for a parent that is not there, and Unauthorized; then
        nothing is stored.
        """
        if not new:
            return []
        with self._scope.write() as tx:
            tx.require(Action.WRITE, session.resource)
            bases = _contents_of(tx.connection, {parent for item in new for parent in item.parents})
            texts = [NewText.of(item.prompt, base=bases[item.parents[0]] if item.parents else None) for item in new]
            ids = self._insert(tx.connection, session.number, new, self._contents.put(tx.connection, texts))
            batch = sha256(b"".join(item.digest for item in texts)).hexdigest()
            tx.record(
                "candidates.stored", subject=session.id, data={"first": ids[0], "count": len(ids), "digest": batch}
            )
        return ids

    def _insert(
        self, connection: Connection, session: int, new: Sequence[NewCandidate], content_ids: Sequence[int]
    ) -> list[int]:
        if connection.dialect.name == "sqlite":
            first = connection.exec_driver_sql("select coalesce(max(id), 0) + 1 from candidates").scalar_one()
            ids = list(range(first, first + len(new)))
            connection.exec_driver_sql(
                "insert into candidates (id, session, content_id, operator, status) values (?, ?, ?, ?, 0)",
                [
                    (number, session, content, item.operator)
                    for number, content, item in zip(ids, content_ids, new, strict=True)
                ],
            )
            if edges := _edges(ids, new):
                connection.exec_driver_sql(
                    "insert into candidate_parents (candidate_id, position, parent_id) values (?, ?, ?)", edges
                )
            return ids
        rows = [
            {"session": session, "content_id": content, "operator": item.operator, "status": int(Status.STORED)}
            for content, item in zip(content_ids, new, strict=True)
        ]
        ids = list(
            connection.scalars(insert(candidates).returning(candidates.c.id, sort_by_parameter_order=True), rows)
        )
        if edges := _edges(ids, new):
            rows = [{"candidate_id": child, "position": place, "parent_id": parent} for child, place, parent in edges]
            connection.execute(insert(candidate_parents), rows)
        return ids

    def get(self, candidate_id: int) -> Candidate:
        """Raises NotFound."""
        with self._scope.read() as connection:
            found = _select(connection, candidates.c.id == candidate_id)
        if not found:
            raise NotFound(f"there is no candidate {candidate_id}")
        return found[0]

    def of_digest(self, digest: str) -> list[Candidate]:
        """Every candidate with this text, oldest first: several sessions may have written the same."""
        with self._scope.read() as connection:
            return _select(connection, contents.c.digest == bytes.fromhex(digest))

    def of_session(self, session: Session) -> list[Candidate]:
        """What a session wrote, in the order of writing."""
        with self._scope.read() as connection:
            return _select(connection, candidates.c.session == session.number)

    def count(self, session: Session) -> int:
        with self._scope.read() as connection:
            query = select(func.count()).select_from(candidates).where(candidates.c.session == session.number)
            return connection.execute(query).scalar_one()

    def prompt(self, candidate_id: int) -> Prompt:
        """The text of a candidate. Raises NotFound and Unauthorized."""
        query = select(candidates.c.content_id, sessions.c.prompt_name).where(candidates.c.id == candidate_id)
        with self._scope.read() as connection:
            row = connection.execute(query.join(sessions, sessions.c.number == candidates.c.session)).first()
            if row is None:
                raise NotFound(f"there is no candidate {candidate_id}")
            self._scope.require(Action.READ, candidates_of(row.prompt_name), connection)
            return self._contents.get(connection, row.content_id)

    def judge(self, session: Session, verdicts: Iterable[Verdict]) -> None:
        """Writes verdicts on one session's candidates, in a transaction of its own; see `judge`."""
        with self._scope.write() as tx:
            judge(tx, session, verdicts)


def judge(tx: Transaction, session: Session, verdicts: Iterable[Verdict]) -> None:
    """Writes scores, and rejections where a reason is given, for candidates of one session.

    Candidates of other sessions, and those that have been admitted, stay as they are and are not counted.
    """
    tx.require(Action.WRITE, session.resource)
    rows = [
        {"key": number, "score": score, "reason": reason, "status": int(Status.REJECTED if reason else Status.STORED)}
        for number, score, reason in verdicts
    ]
    statement = (
        update(candidates)
        .where(candidates.c.id == bindparam("key"), candidates.c.session == session.number)
        .where(candidates.c.status != int(Status.ADMITTED))
        .values(score=bindparam("score"), reason=bindparam("reason"), status=bindparam("status"))
    )
    rejected, scored = (
        tx.connection.execute(statement, part).rowcount if part else 0
        for part in ([row for row in rows if row["reason"]], [row for row in rows if not row["reason"]])
    )
    if rejected + scored:
        told = {"count": rejected + scored, "rejected": rejected}
        tx.record("candidates.judged", subject=session.id, data=told)


def admit(tx: Transaction, candidate_id: int) -> None:
    """Marks a candidate as let through, inside the transaction that gives it a version. Raises Conflict when it was."""
    admitting = update(candidates).where(candidates.c.id == candidate_id, candidates.c.status != int(Status.ADMITTED))
    if tx.connection.execute(admitting.values(status=int(Status.ADMITTED), reason=None)).rowcount != 1:
        raise Conflict(f"candidate {candidate_id} has been admitted already")


def _edges(ids: Sequence[int], new: Sequence[NewCandidate]) -> list[tuple[int, int, int]]:
    """Child, position and parent; a parent that is named twice counts where it is named first."""
    return [
        (number, position, parent)
        for number, item in zip(ids, new, strict=True)
        for position, parent in enumerate(dict.fromkeys(item.parents))
    ]


def _contents_of(connection: Connection, ids: set[int]) -> Mapping[int, int]:
    found: dict[int, int] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), 500):
        query = select(candidates.c.id, candidates.c.content_id).where(candidates.c.id.in_(wanted[start : start + 500]))
        found.update((row[0], row[1]) for row in connection.execute(query))
    if missing := sorted(ids - found.keys()):
        raise InvalidInput(f"parent candidate {missing[0]} is not stored; store parents before their children")
    return found


def _select(connection: Connection, condition: Any) -> list[Candidate]:
    query = (
        select(candidates, sessions.c.id.label("session_id"), contents.c.digest)
        .join(sessions, sessions.c.number == candidates.c.session)
        .join(contents, contents.c.id == candidates.c.content_id)
        .where(condition)
        .order_by(candidates.c.id)
    )
    rows = connection.execute(query).all()
    edges = (
        select(candidate_parents.c.candidate_id, candidate_parents.c.parent_id)
        .join(candidates, candidates.c.id == candidate_parents.c.candidate_id)
        .join(contents, contents.c.id == candidates.c.content_id)
        .where(condition)
        .order_by(candidate_parents.c.candidate_id, candidate_parents.c.position)
    )
    parents: dict[int, list[int]] = {}
    for child, parent in connection.execute(edges):
        parents.setdefault(child, []).append(parent)
    return [_candidate(row, tuple(parents.get(row.id, ()))) for row in rows]


def _candidate(row: Row[Any], parents: tuple[int, ...]) -> Candidate:
    return Candidate(
        id=row.id,
        session=row.session_id,
        digest=bytes(row.digest).hex(),
        operator=row.operator,
        parents=parents,
        status=Status(row.status),
        reason=row.reason,
        score=row.score,
    )
