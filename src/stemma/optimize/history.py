"""Searches that were: what each came to, or how far it is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from stemma.ledger.scope import Scope
from stemma.registry.sessions import Session, Sessions
from stemma.store.schema import session_steps


@dataclass(frozen=True, slots=True)
class PastSearch:
    """A search as it stands: after its last step, or with its result. `best` is the best mean score on validation cases."""

    session: Session
    calls: int
    candidates: int
    best: float | None
    held_out: float | None = None

    def to_json(self) -> dict[str, Any]:
        session = self.session
        return {
            "id": session.id,
            "prompt": session.prompt_name,
            "started_at": session.started_at,
            "finished_at": session.finished_at,
            "state": str(session.status),
            "model": session.model,
            "seed": session.seed,
            "calls": self.calls,
            "candidates": self.candidates,
            "best": self.best,
            "held_out": self.held_out,
        }


def history(scope: Scope, sessions: Sessions, *, prompt_name: str | None = None, limit: int = 50) -> list[PastSearch]:
    """The newest searches first, interrupted ones among them; sessions of agents that wrote each other briefs are none."""
    found = sessions.ls(prompt_name=prompt_name, limit=limit, from_data=True)
    with scope.read() as connection:
        reached = _last_steps(connection, [session.number for session in found])
    return [_past(session, reached.get(session.number, {})) for session in found]


def _past(session: Session, reached: dict[str, Any]) -> PastSearch:
    if session.result is None:
        return PastSearch(session, reached.get("calls", 0), reached.get("candidates", 0), reached.get("best"))
    result = session.result
    best, held_out = result["validation"]["best"], result["holdout"]["best"]
    return PastSearch(session, result["calls"]["total"], result["candidates"], best, held_out)


def _last_steps(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    of_these = session_steps.c.session.in_(numbers)
    last = select(session_steps.c.session, func.max(session_steps.c.step).label("step")).where(of_these)
    reached = last.group_by(session_steps.c.session).subquery()
    query = select(session_steps.c.session, session_steps.c.summary).join(
        reached, (reached.c.session == session_steps.c.session) & (reached.c.step == session_steps.c.step)
    )
    return {row.session: json.loads(row.summary) for row in connection.execute(query)}
