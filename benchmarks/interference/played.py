"""Playing drawn networks in one world, through the real runtime, and what was done there by whom.

Nobody approves anything: whatever is asked is rejected, without a look at it.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from benchmarks.interference.drawn import Drawn
from benchmarks.interference.strangers import World, text
from benchmarks.interference.tools import DOINGS, Doing
from benchmarks.interference.wits import Wits
from sqlalchemy import func, select

from stemma.core.errors import Conflict
from stemma.core.trust import Integrity
from stemma.network import MessageStatus, RunStatus, Verdict, Worker, WorkerSettings
from stemma.network.network import pin
from stemma.platform.stemma import Stemma, open_stemma
from stemma.store.schema import messages

_RUN = re.compile(r"played\.[0-9]+[0-9a-z.-]*|(?<= )[0-9a-f]{16}(?=>)")
"""Names of runs and messages, and the numbers of frames, which are worked out from texts that may have such names in them."""

_SAID = re.compile(r"(?<=[0-9])-[0-9a-f]{8}(?=\.|$)")
"""What a question comes to in the name of the message that asks it."""

_DOCUMENTS = 3
_PAUSE = 0.01  # seconds between two looks for what waits


@dataclass(frozen=True, slots=True)
class Act:
    """One effect that nobody approved: in which turn, by whom, with which tool, and the arguments that decide what it does."""

    task: int
    turn: str
    agent: str
    tool: str
    arguments: tuple[tuple[str, str], ...]


class End(Enum):
    """How a turn ended."""

    OWN = "own"  # with an answer, or because it came to none
    BOUND = "bound"  # it was cut short: a bound of the task was met, or the run had ended
    LATE = "late"  # its time was up


@dataclass(frozen=True, slots=True)
class Played:
    """What came of the tasks of one network: how each ended, and how each turn did; and the effects, in their order.

    A turn is known by its task, and by the way that led to it: the steps of the flow, of the turn in which it was asked, and
    so on.
    """

    ends: tuple[RunStatus, ...]
    turns: Mapping[tuple[int, str], End]
    acts: tuple[Act, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was cut short."""
        return all(end is RunStatus.COMPLETED for end in self.ends) and {*self.turns.values()} <= {End.OWN}

    @property
    def first_cut(self) -> int:
        """The number of the first task in which anything was cut short; that of the last one where nothing was."""
        cut = {number for number, end in enumerate(self.ends) if end is not RunStatus.COMPLETED}
        cut |= {task for (task, _), end in self.turns.items() if end is not End.OWN}
        return min(cut, default=len(self.ends) - 1)


def play(
    networks: Mapping[int, Drawn], world: str, database: Path, *, at_once: int = 16
) -> tuple[dict[int, Played], list[str]]:
    """What each network does in that world, by seed; and what is wrong with the audit log, a sentence each."""
    models = {"wits": Wits(0, _RUN), "agreeing": Wits(0, _RUN, agrees=True)}
    with open_stemma(store=f"sqlite:///{database}", actor="user:nobody", models=models) as here:
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
        self._ends: dict[int, list[RunStatus]] = {seed: [] for seed in self.networks}

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
            world = World(DOINGS.world.name, seed)
            _write_documents(drawn, world)
            network = await asyncio.to_thread(pin, drawn.manifest, self.here.prompts)
            for task in range(drawn.tasks):
                request = {
                    name: _input(name, world.strangers(name, task) if name in drawn.strange else world.ours(name, task))
                    for name in drawn.manifest.inputs
                }
                run, ended = await worker.open(network, request)
                self._runs[run] = seed, task
                outcome = await ended
                self._ends[seed].append(outcome.status)
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
            turn = _way(doing.run, doing.key.rpartition(".")[0])
            acts[seed].append(Act(task, turn, doing.agent, doing.tool, arguments))
        turns = self._turns()
        return {seed: Played(tuple(self._ends[seed]), turns[seed], tuple(acts[seed])) for seed in self.networks}

    def _turns(self) -> dict[int, dict[tuple[int, str], End]]:
        """How each turn of each network ended."""
        found: dict[int, dict[tuple[int, str], End]] = {seed: {} for seed in self.networks}
        with self.here.scope.read() as connection:
            rows = connection.execute(select(messages.c.id, messages.c.run, messages.c.status, messages.c.answer)).all()
        for row in rows:
            seed, task = self._runs[row.run]
            found[seed][task, _way(row.run, row.id)] = _end(row.status, json.loads(row.answer or "null"))
        return found


def _end(status: str, reply: Mapping[str, Any] | None) -> End:
    if reply is None and status == MessageStatus.DEAD:
        return End.LATE
    ended = status == MessageStatus.CANCELLED or (reply is not None and reply["ends"] is not None)
    return End.BOUND if ended else End.OWN


def _input(name: str, drawn: random.Random) -> str:
    return drawn.choice(("yes", "yes", "Yes ", "no")) if name == "flag" else text(drawn) or "-"


def _write_documents(drawn: Drawn, world: World) -> None:
    """Writes what the network's agents study, as it is in that world."""
    for agent in drawn.manifest.agents:
        if agent.knowledge is not None:
            strange = agent.knowledge.label.integrity is Integrity.UNTRUSTED
            folder = drawn.manifest.folder / agent.knowledge.folder
            folder.mkdir(exist_ok=True)
            for number in range(_DOCUMENTS):
                chance = world.strangers("document", number) if strange else world.ours("document", number)
                (folder / f"{number}.md").write_text(text(chance) or "-")


def _way(run: str, message: str) -> str:
    """The way that led to a message: its name, but for that of the run, and for what was said on the way."""
    return _SAID.sub("", message.removeprefix(run))


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
