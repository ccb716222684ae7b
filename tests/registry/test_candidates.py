"""The store of machine-written prompts."""

import pytest
from sqlalchemy import func, select

from stemma.core.errors import InvalidInput, NotFound
from stemma.core.trust import INTERNAL
from stemma.ledger.scope import Scope
from stemma.registry.candidates import Candidates, NewCandidate, Status
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession, Session, Sessions
from stemma.store.schema import candidate_parents, contents


@pytest.fixture
def candidates(scope: Scope) -> Candidates:
    return Candidates(scope, Contents())


@pytest.fixture
def session(scope: Scope) -> Session:
    return Sessions(scope).open(NewSession(Generator("tests", {})))


def _rows(scope: Scope, table: object) -> int:
    with scope.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def test_a_batch_is_stored_with_its_origin_and_one_event(
    scope: Scope, candidates: Candidates, session: Session
) -> None:
    """Ids come in order; each candidate carries session, operator, parents and digest; the whole batch is one event."""
    one, two = candidates.store(session, [NewCandidate(Prompt("one"), "seed"), NewCandidate(Prompt("two"), "seed")])
    [child] = candidates.store(session, [NewCandidate(Prompt("one two"), "crossover", (two, one, two))])
    found = candidates.get(child)
    assert (found.session, found.operator, found.status) == (session.id, "crossover", Status.STORED)
    assert found.parents == (two, one)
    assert found.digest == Prompt("one two").digest
    assert candidates.prompt(child) == Prompt("one two")
    stored = [entry.data for entry in scope.ledger.tail(9, kind="candidates.stored", subject=session.id)]
    assert [(told["first"], told["count"]) for told in stored] == [(one, 2), (child, 1)]


def test_nothing_to_store_is_nothing_stored(scope: Scope, candidates: Candidates, session: Session) -> None:
    """An empty batch, and no verdicts, are no events."""
    before = scope.ledger.size()
    assert candidates.store(session, []) == []
    candidates.judge(session, [])
    assert scope.ledger.size() == before


def test_each_writing_is_a_candidate_and_each_text_is_stored_once(
    scope: Scope, candidates: Candidates, session: Session
) -> None:
    """The same words written again are another candidate with the same digest, on the text that is there."""
    again = Sessions(scope).open(NewSession(Generator("tests", {}), seed=2))
    first = candidates.store(session, [NewCandidate(Prompt("same"), "seed")] * 2)
    second = candidates.store(again, [NewCandidate(Prompt("same"), "edit", (first[0],))])
    assert len({*first, *second}) == 3
    assert [one.id for one in candidates.of_digest(Prompt("same").digest)] == [*first, *second]
    assert [one.id for one in candidates.of_session(session)] == first
    assert (candidates.count(session), candidates.count(again)) == (2, 1)
    assert _rows(scope, contents) == 1


@pytest.mark.parametrize("place", [0, 1], ids=["nearest parent", "further parent"])
def test_a_missing_parent_stores_nothing(scope: Scope, candidates: Candidates, session: Session, place: int) -> None:
    """When any parent of any candidate is not stored, the whole batch is refused by name and leaves no trace."""
    [known] = candidates.store(session, [NewCandidate(Prompt("known"), "seed")])
    before = scope.ledger.size()
    parents = (404, known) if place == 0 else (known, 404)
    batch = [NewCandidate(Prompt("fine"), "edit", (known,)), NewCandidate(Prompt("lost"), "crossover", parents)]
    with pytest.raises(InvalidInput, match="parent candidate 404 is not stored; store parents before their children"):
        candidates.store(session, batch)
    assert candidates.count(session) == 1
    assert (_rows(scope, contents), _rows(scope, candidate_parents)) == (1, 0)
    assert scope.ledger.size() == before


def test_what_is_not_there_is_not_found(candidates: Candidates) -> None:
    """An unknown id has neither a record nor a text, and an unknown digest has no candidates."""
    for ask in (candidates.get, candidates.prompt):
        with pytest.raises(NotFound, match="no candidate 404"):
            ask(404)
    assert candidates.of_digest("0" * 64) == []


def test_verdicts_are_written_once_for_all(scope: Scope, candidates: Candidates, session: Session) -> None:
    """Scores and reasons are kept; a reason means rejected; a missing score stays missing; the batch is one event."""
    ids = candidates.store(session, [NewCandidate(Prompt(text), "seed") for text in ("a", "b", "c")])
    candidates.judge(session, [(ids[0], 0.75, None), (ids[1], 0.25, "beaten early"), (ids[2], None, None)])
    judged = [candidates.get(number) for number in ids]
    assert [one.score for one in judged] == [0.75, 0.25, None]
    assert [one.status for one in judged] == [Status.STORED, Status.REJECTED, Status.STORED]
    assert judged[1].reason == "beaten early"
    [told] = [entry.data for entry in scope.ledger.tail(9, kind="candidates.judged")]
    assert told == {"count": 3, "rejected": 1}


def test_a_verdict_touches_neither_admitted_nor_foreign_candidates(
    scope: Scope, candidates: Candidates, session: Session
) -> None:
    """What a gate let through cannot be rejected afterwards, nor by a session that did not write it; neither is counted."""
    admitted, mine = candidates.store(session, [NewCandidate(Prompt(text), "seed") for text in ("a", "b")])
    other = Sessions(scope).open(NewSession(Generator("tests", {})))
    Prompts(scope, Contents()).admit("triage", admitted, trust=INTERNAL)
    candidates.judge(session, [(admitted, 0.0, "too late"), (mine, 0.5, None)])
    candidates.judge(other, [(mine, 0.0, "not yours")])
    assert candidates.get(admitted).status is Status.ADMITTED
    assert (candidates.get(mine).score, candidates.get(mine).status) == (0.5, Status.STORED)
    counts = [entry.data for entry in scope.ledger.tail(9, kind="candidates.judged")]
    assert counts == [{"count": 1, "rejected": 0}]
