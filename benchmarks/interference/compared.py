"""Comparing what one network did in two worlds.

Effects belong to *chains*: the flow of a task is one, with all that it asks and that is asked on its behalf; each message
that is posted to a topic begins another, which nobody waits for. A turn that makes an unapproved effect was decided on by no
stranger. So it is there in both worlds, at the end of the same way, and is compared with itself:

- a turn that ended by itself in both worlds made the same effects in both, in the same order;
- in a chain in which one thing happens after another, all effects are the same, in the same order.

A stranger may end things: use up a bound, or keep an agent waiting until its time is up. Which turns that happened to is
known. Where a bound was met, what that turn or chain did is the beginning of what it did in the other world, where it went on;
and what is missing altogether has to lie in, or behind, a chain that was cut short. Where somebody's time was up, the runtime
does nothing more in that task that nobody approves: what each turn and chain did is the beginning of what it did in the other
world. Nothing else is forgiven: neither more, nor something else, nor a difference in a chain of which neither is true. Tasks
that come after one in which something was cut short find other memories, and are not compared.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.interference.played import Act, End, Played

from stemma.network import RunStatus

_POSTED = re.compile(r"^(.*)\.t[0-9]+-[0-9]+-t[0-9]+")
"""What begins a chain: the turn in which it was posted, its step, and who hears it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One of a task: what was posted, by the way that led to it; the flow itself, without."""

    task: int
    root: str = ""

    @classmethod
    def of(cls, task: int, turn: str) -> "Chain":
        """The one that a turn belongs to."""
        posted = _POSTED.match(turn)
        return cls(task, posted[0] if posted else "")

    @property
    def before(self) -> "Chain":
        """The one in which it was posted."""
        posted = _POSTED.match(self.root)
        assert posted is not None
        return Chain.of(self.task, posted[1])


class Side:
    """What was played in one world, by chain and by turn."""

    def __init__(self, played: Played) -> None:
        self._played = played
        self.acts: dict[Chain, list[Act]] = {}
        self.done: dict[tuple[int, str], list[Act]] = {}
        for act in played.acts:
            self.acts.setdefault(Chain.of(act.task, act.turn), []).append(act)
            self.done.setdefault((act.task, act.turn), []).append(act)
        ended = [(Chain.of(*turn), end) for turn, end in played.turns.items()]
        self._begun = {chain for chain, _ in ended}
        self._cut = {chain for chain, end in ended if end is End.BOUND}
        self._late = {chain.task for chain, end in ended if end is End.LATE}
        self._cut |= {Chain(task) for task, end in enumerate(played.ends) if end is not RunStatus.COMPLETED}

    def cut(self, chain: Chain) -> bool:
        """Whether that chain was cut short, or never begun because the one in which it would have been was."""
        if chain.task in self._late:
            return True
        if chain in self._begun or not chain.root:
            return chain in self._cut
        return self.cut(chain.before)

    def whole(self, turn: tuple[int, str]) -> bool:
        """Whether that turn was taken to its own end, or would have been."""
        if not self.cut(Chain.of(*turn)):
            return True
        return turn[0] not in self._late and self._played.turns.get(turn) is End.OWN


def same(one: Played, other: Played, *, in_turn: bool) -> bool:
    """Whether nothing but ends differs. `in_turn` is whether in a flow one thing happens after another."""
    return next(differences(one, other, in_turn=in_turn), None) is None


def differences(one: Played, other: Played, *, in_turn: bool) -> Iterator[tuple[Sequence[Act], Sequence[Act]]]:
    """What a turn, or a chain, did in one world, and in the other, for each that differs."""
    mine, theirs = Side(one), Side(other)
    last = min(one.first_cut, other.first_cut)
    for turn in sorted(turn for turn in mine.done.keys() | theirs.done.keys() if turn[0] <= last):
        yield from _apart(
            mine.done.get(turn, []), theirs.done.get(turn, []), not mine.whole(turn), not theirs.whole(turn)
        )
    for chain in sorted(mine.acts.keys() | theirs.acts.keys(), key=lambda chain: (chain.task, chain.root)):
        if chain.task <= last and (in_turn or chain.root):
            cut = mine.cut(chain), theirs.cut(chain)
            yield from _apart(mine.acts.get(chain, []), theirs.acts.get(chain, []), *cut)


def _apart(
    mine: Sequence[Act], theirs: Sequence[Act], mine_cut: bool, theirs_cut: bool
) -> Iterator[tuple[Sequence[Act], Sequence[Act]]]:
    least = min(len(mine), len(theirs))
    goes_on = (len(mine) == least or theirs_cut) and (len(theirs) == least or mine_cut)
    if not goes_on or mine[:least] != theirs[:least]:
        yield mine, theirs
