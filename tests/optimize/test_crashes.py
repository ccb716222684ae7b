"""A search is killed in the middle, goes on, and comes to the same end without asking anything twice."""

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from stemma.core.clock import SystemClock
from stemma.evaluate.calls import Target
from stemma.evaluate.scorers import scorer_named
from stemma.evaluate.trial import Trial
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.models.embedded import EmbeddedModel
from stemma.optimize.genetic import Genetic
from stemma.optimize.optimizer import Assignment, OptimizationResult, Optimizer, Search
from stemma.optimize.settings import SearchSettings
from stemma.registry.sessions import Sessions
from stemma.store import Store
from stemma.testing.scripted import CountingModel

ANSWERS_BEFORE_THE_KILL = 110  # in the second generation
SETTINGS = SearchSettings(population=6, generations=4, max_calls=250, token_cap=150, seed=3)


def run(optimizer: Optimizer, assignment: Assignment, model: CountingModel, session: str | None) -> OptimizationResult:
    trial = Trial(Target("embedded", model), scorer_named("normalised"))
    return asyncio.run(optimizer.run(assignment, Search(Genetic(), SETTINGS), trial, resume=session))


@pytest.mark.crash
def test_a_killed_search_ends_as_undisturbed(
    store_url: str,
    tmp_path: Path,
    folder: Path,
    assignment: Assignment,
    scope: Scope,
    optimizer_on: Callable[[Scope], Optimizer],
) -> None:
    """Killed and resumed: the undisturbed run's winner and charge, and no call finished more than once."""
    undisturbed = run(optimizer_on(scope), assignment, CountingModel(EmbeddedModel()), None)
    work = Path(shutil.copytree(folder, tmp_path / "work"))
    store = Store.open(store_url)
    sessions = Sessions(Scope(store, Ledger(store, SystemClock()), SystemClock(), "user:test"))
    command = [sys.executable, "-W", "error", str(Path(__file__).with_name("interrupted.py")), store_url, str(work)]
    with subprocess.Popen([*command, str(ANSWERS_BEFORE_THE_KILL)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "silent\n"
        process.kill()
    [session_left] = sessions.ls()
    resumed_scope = Scope(store, Ledger(store, SystemClock()), SystemClock(), "user:test")
    model = CountingModel(EmbeddedModel(), log=work / "calls.log")
    resumed = run(optimizer_on(resumed_scope), assignment, model, session_left.id)
    store.close()

    assert resumed.best.digest == undisturbed.best.digest
    assert resumed.spending == undisturbed.spending
    lines = [line.split() for line in (work / "calls.log").read_text().splitlines()]
    finished = Counter(name for what, name in lines if what == "finished")
    assert max(finished.values()) == 1
    assert sum(finished.values()) == undisturbed.spending.total
    assert model.started == undisturbed.spending.total - ANSWERS_BEFORE_THE_KILL
