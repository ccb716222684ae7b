"""What models have answered before, and what each session has asked: no call is paid twice, no crash forgets one.

The *memo* holds answers by everything they depend on, for all sessions. A *journal* holds the calls that one session made:
how often it had to try, and which answers never came. Together they make an interrupted session resumable by running it
again: its steps are decided by its seed and by the answers, so the second run takes the same steps, gets every finished
call's answer from here, and charges its budget exactly as the first run did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.clock import timestamp
from stemma.core.digests import canonical_json, thaw
from stemma.evaluate.budget import CallKind, Cost
from stemma.ledger.scope import Scope
from stemma.store.schema import completions, journal


@dataclass(frozen=True)
class Request:
    """One question to one model. Equal requests get equal answers, so `draw` numbers repeated samples of the same."""

    model: str
    system: str
    user: str
    settings: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None = None
    draw: int = 0

    @cached_property
    def key(self) -> bytes:
        """SHA-256 of everything the answer may depend on."""
        fields = [self.model, self.system, self.user, thaw(self.settings), thaw(self.output_schema), self.draw]
        return sha256(canonical_json(fields)).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: a text, a refusal (`text` is then the reason), or `missing` with the failure's words.

    `seconds` is how long the call took that was answered.
    """

    text: str | None
    refusal: str | None = None
    missing: str | None = None
    cost: Cost = Cost()
    seconds: float | None = None
    stand_in: str | None = None
    """Of models that stand in for each other, the one that answered, unless it was the first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal line: how many calls the session made for an answer, and why it is missing, if it is.

    With neither a reason here nor an answer in the memo, the calls were in vain and the question is still open.
    """

    paid: int
    missing: str | None


class Memo:
    """Answers by request. Kept in the store, and by this object for as long as it lives."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._known: dict[bytes, Answer] = {}

    def recall(self, keys: Sequence[bytes]) -> dict[bytes, Answer]:
        """The answers that are known for these keys."""
        found = {key: self._known[key] for key in keys if key in self._known}
        unknown = [key for key in dict.fromkeys(keys) if key not in found]
        if not unknown:
            return found
        with self._scope.read() as connection:
            for start in range(0, len(unknown), 500):
                query = select(completions).where(completions.c.key.in_(unknown[start : start + 500]))
                found |= {bytes(row.key): _answer(row) for row in connection.execute(query)}
        self._known.update(found)
        return found

    def keep(self, connection: Connection, key: bytes, answer: Answer, tokens: tuple[int, int], at: str) -> Answer:
        """Writes an answer, in the transaction of the journal line that says who paid for it; returns the one that counts.

        That is another one when somebody else's answer to the same question was kept first.
        """
        row = {
            "key": key,
            "output": answer.text,
            "refusal": answer.refusal,
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            "cost": float(answer.cost.money) or None,
            "seconds": answer.seconds,
            "stand_in": answer.stand_in,
            "created_at": at,
        }
        if connection.execute(_KEEP[connection.dialect.name], row).rowcount == 0:
            answer = _answer(connection.execute(select(completions).where(completions.c.key == key)).one())
        self._known[key] = answer
        return answer


class Journal:
    """What one session has asked. Without a session it remembers for the life of the object alone."""

    def __init__(self, scope: Scope, memo: Memo, *, session: int | None = None) -> None:
        self._scope = scope
        self._memo = memo
        self._session = session
        self._entries: dict[bytes, Entry] = {}
        if session is not None:
            with scope.read() as connection:
                query = select(journal).where(journal.c.session == session)
                for row in connection.execute(query):
                    self._entries[bytes(row.key)] = Entry(row.paid, row.missing)

    @property
    def entries(self) -> Mapping[bytes, Entry]:
        """What was asked so far, by the request's key."""
        return self._entries

    def paid(self, key: bytes, kind: CallKind, answer: Answer, *, calls: int, tokens: tuple[int, int]) -> Answer:
        """Keeps an answer and notes that this session paid for it, in one transaction: both survive, or neither.

        `calls` are all that the session made for it. Returns the answer that counts.
        """
        entry = Entry(calls, answer.missing)
        with self._scope.store.write() as connection:
            if answer.missing is None:
                answer = self._memo.keep(connection, key, answer, tokens, timestamp(self._scope.clock.now()))
            self._note(connection, key, kind, entry)
        self._entries[key] = entry
        return answer

    def reopen(self, keys: Sequence[bytes], kind: CallKind) -> None:
        """Notes that the calls made for these answers were in vain, so that a run that goes on asks for them again."""
        with self._scope.store.write() as connection:
            for key in keys:
                self._entries[key] = Entry(self._entries[key].paid, None)
                self._note(connection, key, kind, self._entries[key])

    def _note(self, connection: Connection, key: bytes, kind: CallKind, entry: Entry) -> None:
        if self._session is not None:
            row = {"session": self._session, "key": key, "kind": kind, "paid": entry.paid, "missing": entry.missing}
            connection.execute(_NOTE[connection.dialect.name], row)


def _answer(row: Row[Any]) -> Answer:
    cost = Cost(row.input_tokens + row.output_tokens, Decimal(str(row.cost or 0)))
    return Answer(row.output, row.refusal, cost=cost, seconds=row.seconds, stand_in=row.stand_in)


def _keep(dialect: ModuleType) -> Any:
    inserting = dialect.insert(completions).on_conflict_do_nothing()
    return inserting.execution_options(preserve_rowcount=True)


def _note(dialect: ModuleType) -> Any:
    noting = dialect.insert(journal)
    return noting.on_conflict_do_update(
        index_elements=["session", "key"], set_={"paid": noting.excluded.paid, "missing": noting.excluded.missing}
    )


# Two workers may get the answer to one question at the same time; the first one kept is the one that counts. Compiled
# once: these run for every call.
_KEEP: dict[str, Any] = {"sqlite": _keep(sqlite), "postgresql": _keep(postgresql)}
_NOTE: dict[str, Any] = {"sqlite": _note(sqlite), "postgresql": _note(postgresql)}
