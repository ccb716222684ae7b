"""Where a prompt came from."""

import pytest
from sqlalchemy import insert

from stemma.core.errors import NotFound
from stemma.core.trust import INTERNAL
from stemma.ledger.scope import Scope
from stemma.registry.candidates import Candidates, NewCandidate
from stemma.registry.contents import Contents
from stemma.registry.lineage import Lineage
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession, Session, Sessions
from stemma.store.schema import candidate_parents
from stemma.store.schema import candidates as candidates_table


@pytest.fixture
def candidates(scope: Scope) -> Candidates:
    return Candidates(scope, Contents())


@pytest.fixture
def session(scope: Scope) -> Session:
    return Sessions(scope).open(NewSession(Generator("tests", {}), model="embedded"))


def _store(candidates: Candidates, session: Session, text: str, *parents: int, score: float | None = None) -> int:
    [number] = candidates.store(session, [NewCandidate(Prompt(text), "edit" if parents else "seed", parents)])
    candidates.judge(session, [(number, score, None)])
    return number


def test_a_diamond_counts_its_origin_once(scope: Scope, candidates: Candidates, session: Session) -> None:
    """An ancestor that is reached by two ways appears once, at its least distance, and everybody else's descent stays out."""
    root = _store(candidates, session, "root")
    left, right = (_store(candidates, session, text, root) for text in ("left", "right"))
    bottom = _store(candidates, session, "bottom", right, left)
    _store(candidates, session, "somebody else's", right)
    family = Lineage(scope).family(bottom)
    assert [(member.id, member.distance) for member in family] == [(bottom, 0), (left, 1), (right, 1), (root, 2)]
    assert family.youngest.parents == (right, left), "in the order given"
    assert family.by_id[root].parents == ()
    assert len(Lineage(scope).family(right)) == 2


def test_an_ancestor_tells_its_origin(scope: Scope, candidates: Candidates, session: Session) -> None:
    """Each member carries digest, operator, session, generator and model, and the version that it became."""
    root = _store(candidates, session, "root", score=0.5)
    child = _store(candidates, session, "child", root)
    version = Prompts(scope, Contents()).admit("support/triage", root, trust=INTERNAL)
    youngest, oldest = Lineage(scope).family(child)
    assert (oldest.digest, oldest.operator, oldest.score) == (Prompt("root").digest, "seed", 0.5)
    assert (oldest.session, oldest.generator, oldest.model) == (session.id, session.generator, "embedded")
    assert oldest.version == f"support/triage/{version.version}"
    assert (youngest.version, youngest.score) == (None, None)


def test_a_thousand_generations_are_one_family(scope: Scope, candidates: Candidates, session: Session) -> None:
    """A line of a thousand ancestors is walked to its end, and its main line is the whole of it."""
    first = _store(candidates, session, "the first")
    line = range(first, first + 1_001)
    with scope.write() as tx:  # rows as `store` writes them: a transaction each would take seconds and say no more
        row = {"session": session.number, "content_id": 1, "operator": "edit", "status": 0}
        tx.connection.execute(insert(candidates_table), [row | {"id": number} for number in line[1:]])
        edges = [{"candidate_id": number, "position": 0, "parent_id": number - 1} for number in line[1:]]
        tx.connection.execute(insert(candidate_parents), edges)
    family = Lineage(scope).family(line[-1])
    assert [member.id for member in family] == [*reversed(line)]
    assert [member.distance for member in family] == [*range(1_001)]
    assert family.main_line == family.members


def test_the_main_line_follows_the_best_parent(scope: Scope, candidates: Candidates, session: Session) -> None:
    """At each step the parent with the best score is taken, an unscored one last, of equals the first one given."""
    weak, strong = (_store(candidates, session, text, score=score) for text, score in (("weak", 0.2), ("strong", 0.9)))
    unscored = _store(candidates, session, "unscored")
    twin = _store(candidates, session, "twin", weak, score=0.9)
    middle = _store(candidates, session, "middle", weak, twin, strong, unscored, score=0.95)
    youngest = _store(candidates, session, "youngest", unscored, middle)
    assert [member.id for member in Lineage(scope).family(youngest).main_line] == [youngest, middle, twin, weak]


def test_a_family_of_nobody_is_not_found(scope: Scope) -> None:
    """An unknown candidate has no family."""
    with pytest.raises(NotFound, match="no candidate 404"):
        Lineage(scope).family(404)
