"""A search's record in the store, written once however often the search is interrupted and run again.

A search is decided by its seed and by the answers it gets, so a run that goes on after a crash repeats the steps of the
first one with the answers from the journal. What it would write is there already: the record checks that it is the same
and writes only what is new. A difference means that code or data changed in between, and is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select

from stemma.core.digests import canonical_json, digest, thaw
from stemma.core.errors import Conflict
from stemma.ledger.scope import Scope
from stemma.optimize.individual import Proposal
from stemma.registry.candidates import Candidates, NewCandidate, Verdict, judge
from stemma.registry.sessions import Session
from stemma.store.schema import session_steps


class Record:
    """The candidates and steps of one session."""

    def __init__(self, scope: Scope, session: Session, candidates: Candidates) -> None:
        self.session = session
        self._scope = scope
        self._candidates = candidates
        self._written = [(candidate.id, candidate.digest) for candidate in candidates.of_session(session)]
        self._replayed = 0
        with scope.read() as connection:
            query = select(session_steps.c.step, session_steps.c.state).where(session_steps.c.session == session.number)
            self._steps: dict[int, bytes] = {row.step: bytes(row.state) for row in connection.execute(query)}

    @property
    def replaying(self) -> bool:
        """Whether the search is still walking through what an earlier run wrote."""
        return self._replayed < len(self._written)

    def store(self, proposals: Sequence[Proposal]) -> list[int]:
        """The candidates' ids; those that an earlier run stored are met again, the others are stored now.

        Raises Conflict when the search does not repeat itself.
        """
        known = self._written[self._replayed : self._replayed + len(proposals)]
        for place, ((_, stored), proposal) in enumerate(zip(known, proposals, strict=False), start=self._replayed + 1):
            if stored != proposal.prompt.digest:
                raise self._changed(f"candidate {place} would be {proposal.prompt.digest[:12]}")
        self._replayed += len(known)
        fresh = proposals[len(known) :]
        new = [NewCandidate(item.prompt, item.operator, item.parents) for item in fresh]
        ids = self._candidates.store(self.session, new)
        self._written += [(number, item.prompt.digest) for number, item in zip(ids, fresh, strict=True)]
        self._replayed += len(ids)
        return [number for number, _ in known] + ids

    def step(
        self,
        number: int,
        state: Mapping[str, Any],
        summary: Mapping[str, Any],
        verdicts: Sequence[Verdict],
    ) -> None:
        """Ends a step: its verdicts (candidate id, score, reason of rejection) and the digest of the search's state.

        Raises Conflict when an earlier run ended this step in another state.
        """
        reached = bytes.fromhex(digest(thaw(state)))
        if number in self._steps:
            if self._steps[number] != reached:
                raise self._changed(f"step {number} would end in another state")
            return
        row = {
            "session": self.session.number,
            "step": number,
            "state": reached,
            "summary": canonical_json(thaw(summary)).decode(),
        }
        with self._scope.write() as tx:  # together, so that a crash between them cannot judge twice
            judge(tx, self.session, verdicts)
            tx.connection.execute(insert(session_steps), row)
        self._steps[number] = reached

    def _changed(self, how: str) -> Conflict:
        return Conflict(
            f"session {self.session.id!r} cannot go on: {how}, which is not what its first run did; the code, the data "
            "or the model changed since. Start a new session"
        )
