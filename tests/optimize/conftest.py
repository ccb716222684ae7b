"""A small task that can be learned, and what a search on it needs."""

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest

from stemma.evaluate.data import Dataset, read_dataset
from stemma.evaluate.memo import Memo
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.optimize.optimizer import Assignment, Optimizer
from stemma.optimize.task import Task
from stemma.registry.candidates import Candidates
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Sessions
from stemma.store import Store
from stemma.testing.clock import VirtualClock

OptimizerOn: TypeAlias = Callable[[Scope], Optimizer]

_INSTRUCTIONS = "Choose the queue that fits.\n\nLabels:\n- north\n- south\n- east"
_WORDS = {
    "north": ("beans", "roast", "grinder", "espresso", "crema", "filter", "barista"),
    "south": ("parcel", "courier", "delivery", "tracking", "doorstep", "shipment", "postcode"),
    "east": ("invoice", "refund", "payment", "receipt", "billing", "card", "discount"),
}
_FILLERS = ("please help with the", "there is something about my", "hello I wonder about", "again the")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "stemma.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def new_scope(migrated: Path, tmp_path: Path) -> Iterator[Callable[[], Scope]]:
    """Opens an empty SQLite store, another one each time."""
    stores: list[Store] = []

    def make() -> Scope:
        copied = shutil.copy(migrated, tmp_path / f"stemma-{len(stores)}.db")
        stores.append(Store.open(f"sqlite:///{copied}"))
        clock = VirtualClock()
        return Scope(stores[-1], Ledger(stores[-1], clock), clock, "user:test")

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def scope(new_scope: Callable[[], Scope]) -> Scope:
    """An empty SQLite store."""
    return new_scope()


@pytest.fixture
def optimizer_on() -> OptimizerOn:
    """An optimizer as a fresh process would build it."""
    return lambda scope: Optimizer(scope, Sessions(scope), Candidates(scope, Contents()), Memo(scope))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The task as files: prompt.txt, train.csv and holdout.csv."""
    folder = tmp_path_factory.mktemp("task")
    (folder / "prompt.txt").write_text(_INSTRUCTIONS)
    rng = Random(0)
    texts: dict[str, str] = {}
    while len(texts) < 120:
        label = sorted(_WORDS)[len(texts) % 3]
        words = [*rng.sample(_WORDS[label], 2), rng.choice(_WORDS[rng.choice(sorted(_WORDS))])]
        rng.shuffle(words)
        texts.setdefault(f"{rng.choice(_FILLERS)} {words[0]} or the {words[1]} and the {words[2]}", label)
    rows = list(texts.items())
    for name, part in (("train", rows[:60]), ("holdout", rows[60:90])):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "queue"), *part])
    return folder


@pytest.fixture(scope="session")
def assignment(folder: Path) -> Assignment:
    """A prompt with label names only, which say nothing, and examples that say most of it."""

    def read(name: str) -> Dataset:
        return read_dataset(folder / name, inputs=["text"], expected="queue")

    return Assignment(Prompt((folder / "prompt.txt").read_text()), read("train.csv"), read("holdout.csv"))


@pytest.fixture(scope="session")
def task(assignment: Assignment) -> Task:
    """The searcher's side of the assignment."""
    pool, val = assignment.train.split(0.4, seed=0)
    return Task(pool.cases, val.cases, token_cap=1500)
