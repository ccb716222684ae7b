"""The flows of a drawn network: every topology, within each other."""

import random
from dataclasses import dataclass

from benchmarks.interference.cast import Cast
from benchmarks.interference.kit import CARRIER
from benchmarks.interference.leeway import Leeway

from stemma.core.trust import Integrity
from stemma.network import (
    Assignment,
    By,
    Condition,
    Hierarchy,
    Loop,
    OpenTopic,
    Panel,
    Phase,
    Phases,
    Pipeline,
    Route,
    Rule,
    Step,
    Tie,
)
from stemma.network.flow import Flow

_FEW = 4
"""Agents that share one task out among each other, at most."""


@dataclass
class Shapes:
    """Draws flows, and the agents in them from a cast."""

    rng: random.Random
    cast: Cast
    leeway: Leeway

    def flow(self, size: int) -> Flow:
        """A flow of about so many agents."""
        if size <= 1:
            carries = self.rng.random() < 0.06
            return Step(self.cast.carrier() if carries else self.cast.agent(able=True))
        kinds = [self._pipeline, self._loop, self._hierarchy, self._route, self._open_topic, self._phases]
        kinds += [self._route, self._hierarchy, *([] if self.cast.in_turn else [self._panel])]
        return self.rng.choice(kinds)(f"team{len(self.cast.agents)}_{size}", size)

    def _pipeline(self, name: str, size: int) -> Flow:
        return Pipeline(name, tuple(self.flow(one) for one in self._shares(size)))

    def _loop(self, name: str, size: int) -> Flow:
        steps = [*(self.flow(one) for one in self._shares(size - 1)[:2])]
        decider, value = self.cast.decider()
        return Loop(name, (*steps, Step(decider)), Condition({value: "yes"}, "no yes"), at_most=3)

    def _route(self, name: str, size: int) -> Flow:
        known = list(self.cast.written)
        flows = tuple(self.flow(one) for one in self._shares(size))
        flows = flows if len(flows) > 1 else (*flows, Step(self.cast.agent(able=True, known=known)))
        # How busy an agent is hangs on the clock, where things go on side by side.
        by = self.rng.choice((By.CAPABILITY, By.CAPABILITY, By.LOAD, By.BOTH)) if self.cast.in_turn else By.CAPABILITY
        if by is By.LOAD:
            return Route(name, flows, by)
        otherwise = Step(self.cast.agent(able=True, known=known))
        return Route(name, flows, by, reads=(self._read(),), otherwise=otherwise)

    def _open_topic(self, name: str, size: int) -> Flow:
        if size > _FEW:
            return Pipeline(f"{name}_line", (self._open_topic(name, _FEW), self.flow(size - _FEW)))
        known = list(self.cast.written)
        agents = tuple(self.cast.agent(able=True, choosy=0.4, known=known) for _ in range(size - 1))
        return OpenTopic(name, agents, (self._read(),), otherwise=Step(self.cast.agent(able=True, known=known)))

    def _read(self) -> str:
        """The value that a task is shared out by; no text of a stranger's where he may choose who does it."""
        inputs = self.cast.inputs
        if "route" not in self.leeway.endorsed:
            return self.rng.choice(list(inputs))
        agreed = [name for name in inputs if name == "flag" or inputs[name].integrity is not Integrity.UNTRUSTED]
        return self.rng.choice(agreed)

    def _phases(self, name: str, size: int) -> Flow:
        phases: list[Phase] = []
        for number, share in enumerate(self._shares(size)):
            before = [phase.phase for phase in phases]
            in_turn = self.cast.in_turn
            after = tuple(before[-1:]) if in_turn else tuple(one for one in before if self.rng.random() < 0.5)
            parallel = not in_turn and self.rng.random() < 0.5
            members = tuple(self.flow(one) for one in self._shares(share)[:2])
            phases.append(Phase(f"ph{number}", members, parallel=parallel, depends_on=after))
        return Phases(name, tuple(phases))

    def _hierarchy(self, name: str, size: int) -> Flow:
        rng, cast = self.rng, self.cast
        kind = rng.choice(("plans", "plans", "split", "spawn"))
        known, workers = list(cast.written), list[Flow]()
        for share in self._shares(max(1, size - 2))[:3]:
            if share == 1 or rng.random() < 0.7:
                workers.append(Step(cast.agent(able=True, extra=("brief",), known=known)))
            else:
                workers.append(self.flow(share))
        names = [worker.name for worker in workers]
        spawn = cast.agent(able=True, extra=("brief",), recalls=False, known=known) if kind == "spawn" else None
        played = cast.last()
        roles = [one for one in played.tools if one not in ("workspace", CARRIER)] + (["ask"] if played.asks else [])
        merge = cast.agent(extra=("missing",)) if rng.random() < 0.5 else None
        parallel = not cast.in_turn
        if kind == "plans":
            briefs = [f"Do {{{{ {one} }}}} now." for one in cast.inputs]
            plans = {
                plan: tuple(Assignment(one, rng.choice(briefs)) for one in among)
                for plan, among in (("first", names), ("second", names[:1]))
            }
            lead = cast.agent(answers={"one_of": list(plans)}, known=known)
            return Hierarchy(name, lead, tuple(workers), merge, plans, parallel=parallel)
        answers = {"workers": names} | ({} if spawn is None else {"roles": roles})
        lead = cast.agent(answers=answers, extra=("workers",), known=known)
        return Hierarchy(name, lead, tuple(workers), merge, parallel=parallel, spawn=spawn)

    def _panel(self, name: str, size: int) -> Flow:
        if size > _FEW:
            return Pipeline(f"{name}_line", (self._panel(name, _FEW), self.flow(size - _FEW)))
        rng = self.rng
        votes, known = {"one_of": ["yes", "no", "later"]}, list(self.cast.written)
        members = tuple(
            self.cast.agent(answers=votes, extra=("statements", "choices"), known=known) for _ in range(size)
        )
        return Panel(
            name,
            members,
            writes=f"d{len(self.cast.agents)}",
            rounds=rng.randint(1, 2),
            rule=rng.choice((Rule.MAJORITY, Rule.RANKED)),
            tie=rng.choice((Tie.FIRST, Tie.REVOTE)),
        )

    def _shares(self, size: int) -> list[int]:
        """`size` in up to four parts."""
        parts = list[int]()
        while size > 0 and len(parts) < 4:
            part = self.rng.randint(1, max(1, size - 1))
            parts.append(part)
            size -= part
        return parts
