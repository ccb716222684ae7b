"""Lineage: where a prompt came from, back to the words that a person wrote."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import text

from stemma.core.errors import NotFound
from stemma.ledger.scope import Scope

# `cross join` with the condition in `where` is an inner join to PostgreSQL, and tells SQLite to begin with the family, which
# is small; left to itself it reads all candidates and looks each up among the family.
_FAMILY = text(
    """
    with recursive family(id) as (
        select cast(:start as bigint)
        union
        select p.parent_id from candidate_parents p join family f on p.candidate_id = f.id
    )
    select c.id, c.operator, c.score, t.digest, s.id as session, s.generator, s.model, v.name, v.version
    from family f
    cross join candidates c
    join contents t on t.id = c.content_id
    join sessions s on s.number = c.session
    left join prompt_versions v on v.candidate_id = c.id
    where c.id = f.id
    """
)
_EDGES = text(
    """
    with recursive family(id) as (
        select cast(:start as bigint)
        union
        select p.parent_id from candidate_parents p join family f on p.candidate_id = f.id
    )
    select p.candidate_id, p.parent_id from family f cross join candidate_parents p where p.candidate_id = f.id
    order by p.candidate_id, p.position
    """
)


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One candidate in a family tree, at least `distance` generations back."""

    id: int
    digest: str
    operator: str
    score: float | None
    session: str
    generator: str
    model: str | None
    version: str | None  # the version it became, as `name/3`
    parents: tuple[int, ...]  # the one it resembles most first
    distance: int


@dataclass(frozen=True)
class Family:
    """A candidate and all its ancestors, nearest first."""

    members: tuple[Ancestor, ...]

    def __iter__(self) -> Iterator[Ancestor]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def by_id(self) -> Mapping[int, Ancestor]:
        return {member.id: member for member in self.members}

    @property
    def youngest(self) -> Ancestor:
        return self.members[0]

    @cached_property
    def main_line(self) -> tuple[Ancestor, ...]:
        """From the youngest back to its first written ancestor, at each step by the parent whose score was best; of equals
        by the one that was resembled most.
        """
        line = [self.youngest]
        while line[-1].parents:
            parents = [self.by_id[parent] for parent in line[-1].parents]
            line.append(max(parents, key=lambda parent: parent.score or 0.0))
        return tuple(line)


class Lineage:
    """Questions about descent."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def family(self, candidate_id: int) -> Family:
        """The candidate and everything it descends from. Raises NotFound."""
        with self._scope.read() as connection:
            rows = connection.execute(_FAMILY, {"start": candidate_id}).all()
            edges = connection.execute(_EDGES, {"start": candidate_id}).all()
        if not rows:
            raise NotFound(f"there is no candidate {candidate_id}")
        parents: dict[int, list[int]] = {}
        for child, parent in edges:
            parents.setdefault(child, []).append(parent)
        distances = _distances(candidate_id, parents)
        members = [
            Ancestor(
                id=number,
                digest=bytes(digest).hex(),
                operator=operator,
                score=score,
                session=session,
                generator=bytes(generator).hex(),
                model=model,
                version=None if name is None else f"{name}/{version}",
                parents=tuple(parents.get(number, ())),
                distance=distances[number],
            )
            for number, operator, score, digest, session, generator, model, name, version in rows
        ]
        return Family(tuple(sorted(members, key=lambda member: (member.distance, member.id))))


def _distances(start: int, parents: Mapping[int, list[int]]) -> dict[int, int]:
    distances = {start: 0}
    waiting = deque([start])
    while waiting:
        current = waiting.popleft()
        for parent in parents.get(current, ()):
            if parent not in distances:
                distances[parent] = distances[current] + 1
                waiting.append(parent)
    return distances
