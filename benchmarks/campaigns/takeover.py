"""What becomes of the work of a process that dies, and of one that only seemed to be dead."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Any

from benchmarks.campaigns.checks import Check, percentile, repeated_events
from benchmarks.campaigns.desks import caller, tickets, write_network
from benchmarks.campaigns.effects import HOLDS
from benchmarks.campaigns.places import Opened, Place, Processes, administer, serve

from stemma.network import Run, load_manifest

SHAPE: dict[str, Any] = {
    "agents": {"hold": caller("hold", "hold"), "seal": caller("seal")},
    "pipeline": ["hold", "seal"],
}
_NETWORK = "held"
_PATIENCE = 60.0


def takeover(place: Place, processes: Processes, *, kills: int = 25, tasks: int = 8) -> Iterator[Check]:
    """How long until another process goes on with what a killed one had in hand: from the kill to the call made again."""
    write_network(place.folder, _NETWORK, SHAPE)
    waited: list[float] = []
    with place.opened() as here:
        for _ in range(2):
            processes.start(serve, place, tasks)
        for number in range(kills):
            with _holding(place, processes, f"holder{number}", tasks, seconds=1000) as holder:
                begun = len(place.effects.calls())
                holder.kill()
                died = time.monotonic()
                _until(partial(_reached, place, begun + 2 * tasks), "the tasks to be taken over")
                waited += [made.at - died for made in place.effects.calls()[begun:] if made.agent == "hold"]
        _until(lambda: here.networks.backlog().is_over, "the runs to end")
        problems = _problems(place, here, kills * tasks)
    p50, p99 = percentile(waited, 0.5), percentile(waited, 0.99)
    figure = (
        f"{kills} kills, {len(waited)} tasks taken over after {p50 * 1000:.0f} ms (p50), {p99 * 1000:.0f} ms (p99), "
        f"{max(waited) * 1000:.0f} ms at most; the target is 2,000 ms at p99"
    )
    yield Check("takeover", not problems and p99 <= 2.0, figure, problems)


def zombies(place: Place, processes: Processes, *, tasks: int = 4, paused: float = 2.0) -> Iterator[Check]:
    """A process is stopped in the middle of calls, and goes on after its time, in three ways.

    One that is only paused nobody takes for dead.
    """
    write_network(place.folder, _NETWORK, SHAPE)
    with place.opened() as here:
        for _ in range(2):
            processes.start(serve, place, tasks)
        ways = {"paused": None, "disconnected": _every_connection, "leaseless": _its_lease}
        for number, (name, cut) in enumerate(ways.items(), start=1):
            with _holding(place, processes, name, tasks, seconds=paused) as holder:
                before = len(place.effects.calls())
                _signal(holder, signal.SIGSTOP)
                if cut is not None:
                    cut(place, name)
                    _until(partial(_reached, place, before + 2 * tasks), "the tasks to be taken over")
                else:
                    time.sleep(paused)
                overtaken = len({made.key for made in place.effects.calls()[before:] if made.agent == "hold"})
                _signal(holder, signal.SIGCONT)
                _until(lambda: here.networks.backlog().is_over, "the runs to end")
                time.sleep(paused)  # its calls have come back by now, and what a zombie does late is done
                became = "goes on" if holder.is_alive() else f"ended, with exit code {holder.exitcode}"
                problems = _problems(place, here, number * tasks)
            expected = 0 if cut is None else tasks
            if overtaken != expected:
                problems.append(f"others took {overtaken} tasks over, not {expected}")
            figure = (
                f"others took over {overtaken} of {tasks} tasks; all ended as undisturbed, nothing twice; it {became}"
            )
            yield Check(f"zombie: {name}", not problems, figure, problems)


def hold(place: Place, named: Sequence[str], seconds: float) -> None:
    """Begins a task for each name, in whose first call it is held up, and stays."""
    os.environ[HOLDS] = str(seconds)
    manifest = load_manifest(place.folder / f"{_NETWORK}.yaml")
    with place.opened() as here, here.networks.up(manifest, concurrency=len(named)) as live:
        sent = [live.run(ticket=ticket) for ticket in named]
        for one in sent:
            with suppress(TimeoutError):
                one.result(_PATIENCE)
        time.sleep(_PATIENCE)


@contextmanager
def _holding(place: Place, processes: Processes, name: str, tasks: int, *, seconds: float) -> Iterator[BaseProcess]:
    """A process whose connections go by this name, with so many tasks in hand."""
    named, begun = [f"{name}, {one['ticket']}" for one in tickets(tasks)], len(place.effects.calls())
    store = f"{place.store}{'&' if '?' in place.store else '?'}application_name={name}"
    process = processes.start(hold, replace(place, store=store), named, seconds)
    _until(lambda: len(place.effects.calls()) >= begun + tasks, "the tasks to begin")
    try:
        yield process
    finally:
        _signal(process, signal.SIGCONT)
        process.kill()
        process.join()


def _signal(process: BaseProcess, number: int) -> None:
    assert process.pid is not None
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _problems(place: Place, here: Opened, tasks: int) -> list[str]:
    """What is not as it would be had nobody been disturbed."""
    runs = here.networks.ls(limit=1_000_000)
    problems = [] if len(runs) == tasks else [f"there are {len(runs)} runs in place of {tasks}"]
    problems += [f"{run.id} ended as {run.status}: {run.outcome}" for run in runs if not _is_right(run)]
    if len(place.effects.done()) != 2 * tasks:
        problems.append(f"{len(place.effects.done())} effects in place of {2 * tasks}")
    return problems + repeated_events(here.ledger)


def _reached(place: Place, calls: int) -> bool:
    return len(place.effects.calls()) >= calls


def _is_right(run: Run) -> bool:
    ticket = run.request["ticket"]
    said = {"hold_says": f"held: {ticket}", "seal_says": f"stamped: {ticket}"}
    return run.outcome is not None and run.outcome.values == said


def _until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {_PATIENCE:g} seconds for {what}")
        time.sleep(0.01)


# --- connections ------------------------------------------------------------------------------------------------------


def _every_connection(place: Place, name: str) -> None:
    """As a network does that is gone for a while."""
    administer(place.store, f"select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{name}'")


def _its_lease(place: Place, name: str) -> None:
    """As a firewall does that forgets the one connection on which nothing is ever said."""
    administer(
        place.store,
        "select pg_terminate_backend(pid) from pg_stat_activity join pg_locks using (pid) "
        f"where locktype = 'advisory' and application_name = '{name}'",
    )
