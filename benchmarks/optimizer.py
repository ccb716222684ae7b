"""What the optimizer reaches, what it spends, and what a kill costs it.

``python benchmarks/optimizer.py --gain 5`` optimizes a prompt that holds label names only, once for each of 5 seeds, and
prints the held-out gain beside the calls, which a wrapping model counts from the outside.

``python benchmarks/optimizer.py --kill 20`` lets one optimization be killed (SIGKILL) at 20 random moments, resumed after
each until it ends, and prints whether the result is the undisturbed one's and how many calls were made twice.

The data are the 15 intents of BANKING77 where the public data sets are at hand, else the tickets of the support desk.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import fmean

from stemma.core.clock import SystemClock
from stemma.evaluate.calls import Target
from stemma.evaluate.data import Dataset, read_dataset
from stemma.evaluate.memo import Memo
from stemma.evaluate.scorers import scorer_named
from stemma.evaluate.trial import Trial
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.models.embedded import EmbeddedModel
from stemma.optimize.genetic import Genetic
from stemma.optimize.optimizer import Assignment, OptimizationResult, Optimizer, Search
from stemma.optimize.settings import SearchSettings
from stemma.registry.candidates import Candidates
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Sessions
from stemma.store import Store
from stemma.testing.scripted import CountingModel

_HERE = Path(__file__).resolve().parents[1]
_BANKING = _HERE.parent / "shared" / "data" / "banking77"
_TICKETS = _HERE / "examples" / "support-desk" / "tickets.csv"
_TRAIN = 200
_CALLS, _KILLED_CALLS = 6000, 1500
_WORKERS = 4
_DEADLINE = 120.0  # seconds that one killed run may take before the bench gives up


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gain", type=int, metavar="SEEDS", help="optimize with this many seeds")
    parser.add_argument("--kill", type=int, metavar="TIMES", help="kill one optimization this many times")
    parser.add_argument("--calls", type=int, default=_CALLS, help="budget of each optimization of --gain")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of --kill, and of the killed search")
    parser.add_argument("--worker", nargs=2, metavar=("FOLDER", "SESSION"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        folder, session = options.worker
        print(_killable(Path(folder), options.seed, None if session == "new" else session).best.digest)
        return 0
    passed = True
    if options.gain or not options.kill:
        passed &= gain(options.gain or 5, options.calls)
    if options.kill:
        passed &= kill(options.kill, options.seed)
    return 0 if passed else 1


# --- the gain ---------------------------------------------------------------------------------------------------------


def gain(seeds: int, calls: int) -> bool:
    """Prints a line for each seed and the mean; whether no budget was overshot."""
    gains = []
    kept = True
    for seed in range(1, seeds + 1):
        work = _work(seed)
        with tempfile.TemporaryDirectory() as folder:
            model = CountingModel(EmbeddedModel())
            settings = SearchSettings(seed=seed, max_calls=calls)
            result = optimize(Path(folder), work, model, settings)
        held = result.holdout
        gains.append(held.gain or 0.0)
        kept &= model.started <= calls
        if seed == 1:
            print(f"{work.source}: {len(work.train)} to learn from, {held.n} held out, budget {calls} calls")
        print(
            f"seed {seed}  held out {held.baseline:.1%} -> {held.candidate:.1%}  gain {100 * gains[-1]:+.1f} points "
            f"(95 % {100 * held.ci95[0]:+.1f} to {100 * held.ci95[1]:+.1f})  {model.started} calls counted, "
            f"{result.spending.total} charged  {result.to_json()['tokens']['best']} tokens  {result.seconds:.1f} s"
        )
    print(f"mean gain {100 * fmean(gains):+.1f} points over {seeds} seeds; budget {'kept' if kept else 'OVERSHOT'}")
    return kept


# --- the kill ---------------------------------------------------------------------------------------------------------


def kill(times: int, seed: int) -> bool:
    """Kills at `times` moments, each drawn as a number of further answers; whether nothing was lost or paid twice."""
    with tempfile.TemporaryDirectory() as undisturbed:
        expected = _killable(Path(undisturbed), seed, None).best.digest
        total = len(_lines(Path(undisturbed), "finished"))
    rng = Random(f"{seed}:kill")
    moments = sorted(rng.randrange(1, total) for _ in range(times))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started, kills = time.monotonic(), 0
        in_flight: Counter[str] = Counter()
        for moment in moments:
            if _run_until(folder, seed, moment) is None:
                kills += 1
                in_flight.update(_in_flight(folder))
        reached = _run_until(folder, seed, None)
        again = Counter(_lines(folder, "finished"))
    repeated = {name: count - 1 for name, count in again.items() if count > 1}
    lost = sum(count - in_flight[name] for name, count in repeated.items() if count > in_flight[name])
    print(
        f"killed {kills} of {times} times among {total} calls ({time.monotonic() - started:.1f} s): "
        f"{'same' if reached == expected else 'ANOTHER'} best digest {expected[:12]}; {lost} finished calls repeated, "
        f"beside {sum(repeated.values()) - lost} that were answered but not written down when killed "
        f"(at most {_WORKERS} a kill may be)"
    )
    return reached == expected and lost == 0


def _run_until(folder: Path, seed: int, moment: int | None) -> str | None:
    """The best digest when the run ended, or None when it was killed at `moment` finished calls."""
    command = [sys.executable, __file__, "--seed", str(seed), "--worker", str(folder), _open_session(folder) or "new"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        deadline = time.monotonic() + _DEADLINE
        while moment is not None and worker.poll() is None:
            if len(_lines(folder, "finished")) >= moment:
                worker.kill()
                worker.wait()
                return None
            if time.monotonic() > deadline:
                worker.kill()
                raise TimeoutError(f"{moment} calls were not finished within {_DEADLINE} s")
            time.sleep(0.002)
        output, _ = worker.communicate(timeout=_DEADLINE)
    if worker.returncode:
        raise RuntimeError(f"the worker ended with exit code {worker.returncode}")
    return output.strip()


def _killable(folder: Path, seed: int, session: str | None) -> OptimizationResult:
    work = _work(seed)
    work = replace(work, holdout=work.holdout.sample(100, seed=seed))
    model = CountingModel(EmbeddedModel(), log=folder / "calls.log")
    return optimize(folder, work, model, SearchSettings(seed=seed, max_calls=_KILLED_CALLS), resume=session)


def _open_session(folder: Path) -> str | None:
    if not (folder / "stemma.db").exists():
        return None
    store = Store.open(f"sqlite:///{folder}/stemma.db")
    try:
        clock = SystemClock()
        open_ones = Sessions(Scope(store, Ledger(store, clock), clock, "user:bench")).ls(limit=1)
        return open_ones[0].id if open_ones else None
    finally:
        store.close()


def _in_flight(folder: Path) -> list[str]:
    """The last answer of each worker: it may not have reached the store when the worker was killed."""
    return _lines(folder, "finished")[-_WORKERS:]


def _lines(folder: Path, what: str) -> list[str]:
    log = folder / "calls.log"
    text = log.read_text() if log.exists() else ""
    return [line.split()[1] for line in text.splitlines() if line.startswith(what)]


# --- what both share --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """A prompt with label names only, and the data."""

    prompt: Prompt
    train: Dataset
    holdout: Dataset
    source: str


def optimize(
    folder: Path, work: Work, model: CountingModel, settings: SearchSettings, *, resume: str | None = None
) -> OptimizationResult:
    """One optimization in a store of its own."""
    store = Store.open(f"sqlite:///{folder}/stemma.db")
    try:
        clock = SystemClock()
        scope = Scope(store, Ledger(store, clock), clock, "user:bench")
        optimizer = Optimizer(scope, Sessions(scope), Candidates(scope, Contents()), Memo(scope))
        return asyncio.run(
            optimizer.run(
                Assignment(work.prompt, work.train, work.holdout),
                Search(Genetic(), settings),
                Trial(Target("embedded", model), scorer_named("normalised"), concurrency=_WORKERS),
                resume=resume,
            )
        )
    finally:
        store.close()


def _work(seed: int) -> Work:
    if _BANKING.is_dir():
        labels = (_BANKING / "fifteen.txt").read_text().split()
        holdout = _of(read_dataset(_BANKING / "banking_test.csv", inputs=["text"], expected="category"), labels)
        tested = {case.inputs["text"] for case in holdout}
        train = _of(read_dataset(_BANKING / "banking_train.csv", inputs=["text"], expected="category"), labels)
        train = replace(train, cases=tuple(case for case in train if case.inputs["text"] not in tested))
        train, source = train.sample(_TRAIN, seed=seed), "BANKING77, 15 intents"
    else:
        tickets = read_dataset(_TICKETS, inputs=["ticket"], expected="category")
        holdout, train = tickets.split(min(0.5, _TRAIN / len(tickets)), seed=seed)
        labels, source = list(tickets.labels()), "support desk"
    listed = "\n".join(f"- {label}" for label in labels)
    return Work(Prompt(f"Choose the label that fits the text.\n\nLabels:\n{listed}"), train, holdout, source)


def _of(data: Dataset, labels: Sequence[str]) -> Dataset:
    return replace(data, cases=tuple(case for case in data if case.expected in labels))


if __name__ == "__main__":
    sys.exit(main())
