"""Questions that wait for people: written down with the task that asked, and answered from anywhere.

When its time is up the clock decides, as the question says.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from stemma.core.clock import timestamp
from stemma.core.digests import digest, thaw
from stemma.core.errors import Conflict, InvalidInput, NotFound
from stemma.core.shown import shown
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope, Transaction
from stemma.network.alarms.raising import flooded
from stemma.network.leave import may_read, network_of
from stemma.network.people import Decision, OnTimeout, Question, Verdict
from stemma.network.tools.schema import ArgumentSchema
from stemma.network.wire import from_json, to_json
from stemma.store.schema import questions, runs

_SHOWN = 5  # candidates that a refusal names


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it stands. Times are timestamps; `decision` is absent while it waits."""

    question: Question
    asked_at: str
    deadline: str | None
    decision: Decision | None
    decided_at: str | None


class Questions:
    """What people are asked, for those who answer. Raises Unauthorized for whoever may not read the questions of a network."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def ls(self, *, run: str | None = None, every: bool = False, limit: int = 100) -> list[Asked]:
        """The questions that wait, the oldest first; with `every`, the decided ones too. Raises NotFound for an unknown run."""
        query = select(questions).order_by(questions.c.asked_at, questions.c.id).limit(limit)
        if run is not None:
            query = query.where(questions.c.run == run)
        if not every:
            query = query.where(questions.c.decided_at.is_(None))
        with self._scope.read() as connection:
            self._may_read(connection, run)
            if run is not None and not network_of(connection, run):
                raise NotFound(f"there is no run {run!r}; list the runs with: stemma runs ls")
            return [_asked(row) for row in connection.execute(query)]

    def runs(self, *, network: str = "") -> set[str]:
        """The runs in which something waits for a person, of one network where it is named. Takes leave to read runs."""
        query = select(questions.c.run).where(questions.c.decided_at.is_(None)).distinct()
        if network:
            query = query.join(runs, runs.c.id == questions.c.run).where(runs.c.name == network)
        with self._scope.read() as connection:
            may_read(self._scope, connection, network)
            return set(connection.scalars(query))

    def get(self, question_id: str) -> Asked:
        """The question of this id, or the only one whose id begins or ends with it; one that waits goes before those that are
        decided. Raises NotFound, with the candidates where there are several.
        """
        with self._scope.read() as connection:
            row = connection.execute(select(questions).where(questions.c.id == question_id)).one_or_none()
            found = [row] if row is not None else self._like(connection, question_id)
            for run in {one.run for one in found}:
                self._may_read(connection, run)
        if len(found) == 1:
            return _asked(found[0])
        if found:
            ids = [one.id for one in found]
            shown = ", ".join(ids[:_SHOWN]) + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
            raise NotFound(
                f"there is no question {question_id!r}, and it could mean several: {shown}; write more of its id"
            )
        raise NotFound(f"there is no question {question_id!r}; list what waits with: stemma people ls")

    def _may_read(self, connection: Connection, run: str | None) -> None:
        self._scope.require(Action.READ, f"questions:/{network_of(connection, run)}", connection)

    def _like(self, connection: Connection, part: str) -> Sequence[Row[Any]]:
        if not part:
            return []
        either = or_(questions.c.id.startswith(part, autoescape=True), questions.c.id.endswith(part, autoescape=True))
        found = connection.execute(select(questions).where(either).order_by(questions.c.asked_at, questions.c.id)).all()
        return [row for row in found if row.decided_at is None] or found

    def decide(self, question_id: str, verdict: Verdict, *, value: Any = None, reason: str = "") -> Asked:
        """Answers a question (see `get`) in the scope's actor's name; the task that asked goes on wherever it runs.

        Raises NotFound, Conflict when it is decided already, InvalidInput for a verdict that does not fit the question, and
        Unauthorized for whoever may not approve; no agent may.
        """
        asked = self.get(question_id)
        _check(asked.question, verdict, value)
        decision = Decision(verdict, self._scope.actor, value, reason)
        with self._scope.write() as transaction:
            network = transaction.connection.execute(
                select(runs.c.name).where(runs.c.id == asked.question.run)
            ).scalar_one()
            transaction.require(Action.APPROVE, f"questions:/{network}")
            if not _decide(transaction, asked.question, decision):
                id = asked.question.id
                raise Conflict(f"question {id!r} is decided already; see: stemma people show {id}")
        return self.get(asked.question.id)


def ask(transaction: Transaction, question: Question) -> Decision | None:
    """Writes a question down, unless it is there; the decision when there is one."""
    connection = transaction.connection
    row = connection.execute(select(questions.c.decision).where(questions.c.id == question.id)).one_or_none()
    if row is not None:
        return None if row.decision is None else from_json(Decision, json.loads(row.decision))
    deadline = None
    if question.timeout is not None:
        deadline = timestamp(_moment(transaction.at) + timedelta(seconds=question.timeout))
    kept = question.most is not None and _of_kind(connection, question) >= question.most
    connection.execute(
        insert(questions).values(
            id=question.id,
            run=question.run,
            kind=question.kind,
            body=json.dumps(to_json(question), ensure_ascii=False),
            asked_at=transaction.at,
            deadline=deadline,
        )
    )
    data = {"kind": question.kind, "facts": digest(dict(question.facts)), "label": question.label.to_json()}
    transaction.note("question.asked", subject=question.id, data=data)
    if not kept:
        return None
    # People who are asked too often approve everything.
    reason = f"the task's bound of {question.most} questions of this kind is met"
    _decide(transaction, question, Decision(Verdict.REJECTED, "bound", None, reason))
    flooded(transaction, question)
    return Decision(Verdict.REJECTED, "bound", None, reason, question.binding, question.expires)


def _of_kind(connection: Connection, question: Question) -> int:
    """How many questions of this kind the run has asked."""
    query = select(func.count()).where(questions.c.run == question.run, questions.c.kind == question.kind)
    return connection.execute(query).scalar_one()


def decided(connection: Connection, ids: Iterable[str]) -> dict[str, Decision]:
    """The decisions of those of these questions that have one."""
    query = select(questions.c.id, questions.c.decision).where(
        questions.c.id.in_(list(ids)), questions.c.decided_at.is_not(None)
    )
    return {row.id: from_json(Decision, json.loads(row.decision)) for row in connection.execute(query)}


def overdue(connection: Connection, now: str) -> bool:
    """Whether a question's time is up that nobody has decided."""
    query = select(questions.c.id).where(questions.c.decided_at.is_(None), questions.c.deadline <= now).limit(1)
    return connection.execute(query).first() is not None


def seconds_waited(connection: Connection, run: str, now: datetime) -> float:
    """How long the run has waited for people so far, times at which it waited for two counted once."""
    query = (
        select(questions.c.asked_at, questions.c.decided_at)
        .where(questions.c.run == run)
        .order_by(questions.c.asked_at)
    )
    waited, until = 0.0, datetime.min.replace(tzinfo=UTC)
    for row in connection.execute(query):
        begun = max(until, _moment(row.asked_at))
        ended = now if row.decided_at is None else _moment(row.decided_at)
        if ended > begun:
            waited, until = waited + (ended - begun).total_seconds(), ended
    return waited


def expire(transaction: Transaction) -> None:
    """Decides every question whose time is up, as its time-out policy says."""
    query = select(questions).where(questions.c.decided_at.is_(None), questions.c.deadline <= transaction.at)
    for row in transaction.connection.execute(query).all():
        question = _asked(row).question
        verdict = Verdict.APPROVED if question.on_timeout is OnTimeout.APPROVE else Verdict.REJECTED
        _decide(transaction, question, Decision(verdict, "clock", None, "nobody answered in time"))


def _decide(transaction: Transaction, question: Question, decision: Decision) -> bool:
    decision = replace(decision, binding=question.binding, expires=question.expires)
    changed = transaction.connection.execute(
        update(questions)
        .where(questions.c.id == question.id, questions.c.decided_at.is_(None))
        .values(
            decision=json.dumps(to_json(decision), ensure_ascii=False),
            decided_by=decision.by,
            decided_at=transaction.at,
        )
        .returning(questions.c.id)
    ).first()
    if changed is None:
        return False
    data = {"verdict": decision.verdict.value, "by": decision.by, "facts": digest(dict(question.facts))}
    transaction.note("question.decided", subject=question.id, data=data)
    return True


def _check(question: Question, verdict: Verdict, value: Any) -> None:
    if question.choices:
        if verdict is Verdict.APPROVED or (verdict is not Verdict.REJECTED and value not in question.choices):
            raise InvalidInput(
                f"question {question.id!r} wants one of {', '.join(map(repr, question.choices))}; "
                f"answer it with: stemma people answer {question.id} CHOICE, or reject it"
            )
    elif verdict is Verdict.EDITED:
        _check_edit(question, value)
    elif verdict is Verdict.ANSWERED:
        raise InvalidInput(f"question {question.id!r} asks whether to go on: approve it, edit it, or reject it")


def _check_edit(question: Question, value: Any) -> None:
    """Raises InvalidInput for what could not go on in the place of what was asked about, and would use the answer up."""
    if question.takes is None:
        raise InvalidInput(f"question {question.id!r} has nothing that could be edited: approve it, or reject it")
    if value is None:
        raise InvalidInput(f"an edit of {question.id!r} needs the value to go on with")
    try:
        found = ArgumentSchema(question.takes).misfit(thaw(value))
    except Exception as error:  # a server's schema may be anything
        raise InvalidInput(
            f"question {question.id!r} cannot be edited, since the schema of what it takes cannot be used "
            f"({shown(str(error))[1:-1]}): approve it, or reject it"
        ) from error
    if found is not None:
        where, problem = found
        at = f"at {where!r}: " if where else ""
        raise InvalidInput(
            f"question {question.id!r} stays open, since the value does not fit: {at}{shown(problem)[1:-1]}; "
            f"see what was asked for with: stemma people show {question.id}"
        )


def _asked(row: Row[Any]) -> Asked:
    decision = None if row.decision is None else from_json(Decision, json.loads(row.decision))
    return Asked(from_json(Question, json.loads(row.body)), row.asked_at, row.deadline, decision, row.decided_at)


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)
