"""Playing drawn networks in one world, through the real runtime, and what was done there by whom.

Nobody approves anything: whatever is asked is rejected, without a look at it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.interference.drawn import Drawn
from benchmarks.interference.strangers import World, text
from benchmarks.interference.tools import DOINGS, Doing
from benchmarks.interference.wits import Wits
from sqlalchemy import func, select

from stemma.core.errors import Conflict
from stemma.network import RunStatus, Verdict, Worker, WorkerSettings
from stemma.network.network import pin
from stemma.platform.stemma import Stemma, open_stemma
from stemma.store.schema import messages

_RUN = re.compile(r"played\.[0-9]+[0-9a-z.-]*|(?<= )[0-9a-f]{16}(?=>)")
"""Names of runs and messages, and the numbers of frames, which are worked out from texts that may have such names in them."""

_PAUSE = 0.01  # seconds between two looks for what waits


@dataclass(frozen=True, slots=True)
class Act:
    """One effect that nobody approved: in which turn, by whom, with which tool, and the arguments that decide what it does."""

    task: int
    turn: str
    agent: str
    tool: str
    arguments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Played:
    """What came of the tasks of one network: how each ended, and the effects in the order in which they were made."""

    ends: tuple[RunStatus, ...]
    acts: tuple[Act, ...]
    reasons: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing was cut short."""
        return all(end is RunStatus.COMPLETED for end in self.ends)

    @property
    def first_cut(self) -> int:
        """The number of the first task that was cut short; that of the last one where none was."""
        cut = [number for number, end in enumerate(self.ends) if end is not RunStatus.COMPLETED]
        return cut[0] if cut else len(self.ends) - 1

    def until(self, tasks: int) -> "Played":
        """What came of the first so many tasks."""
        return replace(self, ends=self.ends[:tasks], acts=tuple(act for act in self.acts if act.task < tasks))


def play(
    networks: Mapping[int, Drawn], world: str, folder: Path, *, at_once: int = 16
) -> tuple[dict[int, Played], list[str]]:
    """What each network does in that world, by seed; and what is wrong with the audit log, a sentence each."""
    with open_stemma(
        store=f"sqlite:///{folder}/{world}.db", actor="user:nobody", models={"wits": Wits(0, _RUN)}
    ) as here:
        played = _Playing(here, networks, at_once)
        with DOINGS.within(World(world, 0), lambda: here.ledger.size()) as made:
            worker = here.networks.worker(WorkerSettings(concurrency=64, batch="played"))
            worker.serve(played.all)
        return played.told(made), list(_unlogged(here, made))


@dataclass
class _Playing:
    here: Stemma
    networks: Mapping[int, Drawn]
    at_once: int

    def __post_init__(self) -> None:
        self._runs: dict[str, tuple[int, int]] = {}
        self._ends: dict[int, list[tuple[RunStatus, str]]] = {seed: [] for seed in self.networks}

    async def all(self, worker: Worker) -> None:
        """Plays every network, some at the same time."""
        room = asyncio.Semaphore(self.at_once)
        rejecting = asyncio.create_task(self._reject(worker))
        try:
            await asyncio.gather(*(self._one(worker, room, seed) for seed in self.networks))
        finally:
            rejecting.cancel()
            with suppress(asyncio.CancelledError):
                await rejecting

    async def _one(self, worker: Worker, room: asyncio.Semaphore, seed: int) -> None:
        async with room:
            drawn = self.networks[seed]
            network = await asyncio.to_thread(pin, drawn.manifest, self.here.prompts)
            for task in range(drawn.tasks):
                world = World(DOINGS.world.name, seed)
                request = {
                    name: text(world.strangers(name, task) if name in drawn.strange else world.ours(name, task)) or "-"
                    for name in drawn.manifest.inputs
                }
                run, ended = await worker.open(network, request)
                self._runs[run] = seed, task
                outcome = await ended
                self._ends[seed].append((outcome.status, outcome.reason or ""))
                while await asyncio.to_thread(self._goes_on, run):  # noqa: ASYNC110 - no event tells of it
                    # What was posted is answered after the run's end.
                    await asyncio.sleep(_PAUSE)

    def _goes_on(self, run: str) -> bool:
        open_ones = select(func.count()).where(messages.c.run == run, messages.c.status.in_(("waiting", "running")))
        with self.here.scope.read() as connection:
            return bool(connection.execute(open_ones).scalar_one())

    async def _reject(self, worker: Worker) -> None:
        while True:
            if await asyncio.to_thread(self._rejected):
                await worker.dispatch.look()
            await asyncio.sleep(_PAUSE)

    def _rejected(self) -> bool:
        waiting = self.here.networks.questions.ls(limit=1000)
        for asked in waiting:
            with suppress(Conflict):
                self.here.networks.questions.decide(asked.question.id, Verdict.REJECTED)
        return bool(waiting)

    def told(self, made: Iterable[Doing]) -> dict[int, Played]:
        """What each network did."""
        acts: dict[int, list[Act]] = {seed: [] for seed in self.networks}
        for doing in made:
            seed, task = self._runs[doing.run]
            drawn = self.networks[seed]
            if doing.tool not in drawn.acting:
                continue
            decisive = drawn.decisive[doing.tool]
            arguments = tuple(
                (name, repr(value)) for name, value in doing.arguments.items() if decisive is None or name in decisive
            )
            acts[seed].append(Act(task, doing.key.rpartition(".")[0], doing.agent, doing.tool, arguments))
        return {
            seed: Played(
                tuple(end for end, _ in self._ends[seed]), tuple(acts[seed]), tuple(why for _, why in self._ends[seed])
            )
            for seed in self.networks
        }


def _unlogged(here: Stemma, made: Sequence[Doing]) -> Iterable[str]:
    """What is wrong with the log: an effect without an event, with two, or with one that came after it."""
    events = list(here.ledger.tail(10_000_000, kind="tool.called"))
    counted = Counter(entry.subject for entry in events)
    at = {entry.subject: entry.seq for entry in events}
    for doing in made:
        if counted[doing.key] != 1:
            yield f"{doing.tool} in {doing.key} has {counted[doing.key]} events"
        elif at[doing.key] >= doing.logged:
            yield f"{doing.tool} in {doing.key} was made before its event"


def same(one: Played, other: Played, drawn: Drawn) -> bool:
    """Whether the effects are the same: in their order where one thing happens after another, else agent by agent.

    Where a task was cut short in either world, what was done there is the beginning of what was done in the other.
    """
    # What a task that ended early has left in memories is seen by the tasks after it.
    tasks = min(one.first_cut, other.first_cut) + 1
    one, other = one.until(tasks), other.until(tasks)
    if one.whole and other.whole:
        return _in_order(one) == _in_order(other) if drawn.in_turn else _by_agent(one) == _by_agent(other)
    if drawn.in_turn:
        return _begins(_in_order(one), _in_order(other))
    return all(
        _among(mine, theirs) or _among(theirs, mine)
        for agent in _by_agent(one).keys() | _by_agent(other).keys()
        for mine, theirs in [(_by_agent(one).get(agent, Counter()), _by_agent(other).get(agent, Counter()))]
    )


def _in_order(played: Played) -> list[Any]:
    return [(act.agent, act.tool, act.arguments) for act in played.acts]


def _begins(one: Sequence[Any], other: Sequence[Any]) -> bool:
    least = min(len(one), len(other))
    return one[:least] == other[:least]


def _by_agent(played: Played) -> dict[str, Counter[Any]]:
    """Every agent's turns, as the effects that it made in each."""
    turns: dict[tuple[str, str], list[Any]] = {}
    for act in played.acts:
        turns.setdefault((act.agent, act.turn), []).append((act.tool, act.arguments))
    found: dict[str, Counter[Any]] = {}
    for (agent, _), acts in turns.items():
        found.setdefault(agent, Counter())[tuple(acts)] += 1
    return found


def _among(few: Counter[Any], many: Counter[Any]) -> bool:
    """Whether each of `few` is one of `many`, or the beginning of one."""
    left = list(many.elements())
    for turn in sorted(few.elements(), key=len, reverse=True):
        found = next((one for one in left if one[: len(turn)] == turn), None)
        if found is None:
            return False
        left.remove(found)
    return True
