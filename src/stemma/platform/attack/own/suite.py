"""The suites that take a user's own network: what each attacks in it, and that there is something to attack."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from stemma.core.errors import InvalidInput
from stemma.network import Hierarchy
from stemma.network.flow import agents_of, flows_of
from stemma.platform.attack.own.arena import OwnArena
from stemma.platform.attack.own.network import Target
from stemma.platform.attack.own.plot import Plot, believed, injection, memory, peers, substitution
from stemma.platform.attack.own.task import Task
from stemma.platform.attack.own.wish import Wish, calling, wishes
from stemma.platform.attack.scenes.scene import ways
from stemma.platform.attack.suite import About, Mode

Plots: TypeAlias = Callable[[Target, Task, Sequence[Wish]], list[Plot]]

FLOOD = 30
"""Questions that the attacker of the suite ``fatigue`` would have asked in one task."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a suite does to a network. `lacks` says what it would attack there, where there is none of that."""

    plots: Plots
    lacks: Callable[[Target], str | None]


class OwnSuite:
    """A suite against the network at `place`. Raises InvalidInput where there is nothing for it to attack."""

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self._target = Target.read(place)
        kind = KINDS[name]
        lack = kind.lacks(self._target)
        if lack is not None:
            raise InvalidInput(f"suite {name!r} {lack}")
        self._notes: list[str] = []
        self._plots = [
            plot for task in self._target.tasks for plot in kind.plots(self._target, task, self._wanted(task))
        ]
        if not self._plots:
            raise InvalidInput(f"suite {name!r} finds nothing to attack in network {self._target.name!r}: {_NOWHERE}")

    @property
    def about(self) -> About:
        """What was attacked, and what is to be known of it."""
        target = self._target
        taken = believed(target)
        notes = [*target.notes, *dict.fromkeys(self._notes)]
        if taken:
            notes.append(
                f"taken for ours, and not attacked: {', '.join(taken)}; if strangers write there, name it under "
                "'strangers' in attack.yaml"
            )
        return About(target.name, "made-up" if target.tasks[0].made_up else "written", tuple(notes))

    def size(self, mode: Mode) -> int:
        """See `Suite`."""
        return (
            sum(len(plot.pairs) for plot in self._plots) * len(ways(mode)) if mode.attacked else len(self._target.tasks)
        )

    def arenas(self, mode: Mode, folder: Path) -> Iterator[OwnArena]:
        """See `Suite`."""
        plots = self._plots if mode.attacked else [Plot(task, ()) for task in self._target.tasks]
        for number, plot in enumerate(plots):
            for curious in ways(mode):
                place = folder / f"{number}{'-curious' * curious}"
                place.mkdir()
                yield OwnArena(self._target, plot, mode, place, curious)

    def _wanted(self, task: Task) -> Sequence[Wish]:
        found = wishes(self._target.equipped, self._target.callers, made_up=task.made_up)
        self._notes += found.notes
        return found.all


def _second_order(target: Target, task: Task, wanted: Sequence[Wish]) -> list[Plot]:
    """Instructions for whoever writes for others, of calls that those others can make."""
    told = {tool for agent in _written_for(target) for tool in target.equipped.held[agent]}
    return injection(target, task, [wish for wish in wanted if wish.text_only or wish.tool in told])


def _written_for(target: Target) -> set[str]:
    """The agents to whom another agent writes what they are to do."""
    found: set[str] = set()
    for flow in flows_of(target.manifest.flow):
        if isinstance(flow, Hierarchy):
            found |= {agent for worker in flow.workers for agent in agents_of(worker)} | (
                {flow.spawn} if flow.spawn else set()
            )
    for agent in target.manifest.agents:
        found |= {*agent.asks, *(name for topic in agent.publishes for name in target.manifest.topics[topic])}
    return found


def _fatigue(target: Target, task: Task, wanted: Sequence[Wish]) -> list[Plot]:
    """So many calls asked for that whoever approves them may no longer look."""
    doubles = target.equipped.doubles
    floods = [
        calling(doubles[wish.tool], number, target.equipped.holders(wish.tool), times=FLOOD)
        for number, wish in enumerate((wish for wish in wanted if not wish.text_only), start=1)
    ]
    return injection(target, task, floods)


def _no_way(target: Target) -> str | None:
    return None


def _no_writer(target: Target) -> str | None:
    if _written_for(target):
        return None
    return (
        "attacks agents that write what others are to do, and network "
        f"{target.name!r} has neither a hierarchy nor an agent that asks or posts"
    )


def _no_memory(target: Target) -> str | None:
    if any(agent.memory for agent in target.manifest.agents):
        return None
    return f"attacks what agents remember, and no agent of network {target.name!r} has a memory"


def _no_peer(target: Target) -> str | None:
    if len(target.schemas) > 1 or (target.schemas and target.callers):
        return None
    return f"attacks what agents tell each other, and network {target.name!r} has no two of which one has a model"


def _no_call(target: Target, acts: str) -> str | None:
    if any(double.acts for double in target.equipped.doubles.values()):
        return None
    return f"attacks {acts}, and no tool of network {target.name!r} writes, sends or spends"


def _no_find(target: Target) -> str | None:
    if any(True for task in target.tasks for _ in task.finds()):
        return None
    return (
        "swaps values that calls take from data, and no task says of one that it does; write "
        "{from: TOOL, find: PATTERN} as an argument in attack.yaml beside the manifest"
    )


_NOWHERE = (
    "by its manifest strangers write in no input, tool or document; where they do, label it untrusted, or name it under "
    "'strangers' in attack.yaml"
)

KINDS: Mapping[str, Kind] = {
    "injection": Kind(injection, _no_way),
    "substitution": Kind(substitution, _no_find),
    "second-order": Kind(_second_order, _no_writer),
    "memory": Kind(memory, _no_memory),
    "peers": Kind(peers, _no_peer),
    "fatigue": Kind(_fatigue, partial(_no_call, acts="whoever approves calls")),
}
"""By the name of the suite."""
