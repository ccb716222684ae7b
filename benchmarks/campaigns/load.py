"""Killed under load: workers die at random moments, and are replaced, while runs of every topology are under way."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from typing import Any

from benchmarks.campaigns.checks import (
    Check,
    Ended,
    batches,
    differences,
    ends,
    out_of_order,
    repeated_events,
)
from benchmarks.campaigns.desks import TOPOLOGIES, caller, tickets, write_network
from benchmarks.campaigns.places import Opened, Place, Processes, finish, serve

from stemma.network import Manifest

_ONE_AT_A_TIME = ("look", "left", "haul")  # the agents of the topologies that have one replica
_PATIENCE = 300.0  # seconds for the work to end once nobody is killed any more


@dataclass(frozen=True)
class Killing:
    """How a campaign kills: so many times, with `pause` seconds between two at the least and at the most."""

    kills: int
    workers: int
    pause: tuple[float, float]
    concurrency: int = 8
    latency: float = 0.01
    seed: int = 7

    def times(self, kills: int) -> "Killing":
        return replace(self, kills=kills)


def killed_under_load(place: Place, processes: Processes, killing: Killing, *, number: int = 6) -> Iterator[Check]:
    """Batches of all topologies, `number` tickets each, follow each other until the last kill."""
    items = tickets(number)
    with place.opened() as here:
        manifests = {name: write_network(place.folder, name, shape) for name, shape in TOPOLOGIES.items()}
        undisturbed, effects = _undisturbed(place, processes, here, manifests, items)
        submitted: list[tuple[str, str]] = []

        def feed() -> None:
            if here.networks.backlog().hands < killing.workers * killing.concurrency:
                for name, manifest in manifests.items():
                    submitted.append((name, f"{name}-{len(submitted)}"))
                    here.networks.submit(manifest, items, batch=submitted[-1][1])

        begun = time.monotonic()
        kill_workers(place, processes, killing, feed)
        wait_until_over(here)
        seconds = time.monotonic() - begun
        problems: list[str] = []
        calls, keys = place.effects.calls(), place.effects.done()
        found = batches(here.networks)
        for name, batch in submitted:
            problems += differences(ends(here.networks, found[batch]), undisturbed[name])
            if (done := sum(key.startswith(f"{batch}.") for key in keys)) != effects[name]:
                problems.append(f"{batch}: {done} effects in place of {effects[name]}")
        problems += repeated_events(here.ledger)
        problems += out_of_order(calls, here, _ONE_AT_A_TIME)
        runs = len(submitted) * number
        deliveries = max(letter.deliveries for letter in here.networks.letters.ls(limit=1_000_000))
    figure = (
        f"{killing.kills} kills in {seconds:.0f} s, {runs} runs as undisturbed, {len(keys)} effects, none twice "
        f"({len(calls) - len(keys)} repeated calls); a message was taken on {deliveries} times at most"
    )
    yield Check(
        f"killed under load: {killing.workers} process{'es' * (killing.workers > 1)}", not problems, figure, problems
    )


def killed_with_a_queue(
    place: Place, processes: Processes, killing: Killing, *, agents: int = 40, number: int = 250
) -> Iterator[Check]:
    """`number` messages for each of so many agents, which take them one at a time and in order."""
    names = [f"agent{each}" for each in range(agents)]
    shape: dict[str, Any] = {
        "agents": {name: caller(name, replicas=1) for name in names},
        "bounds": {"fan_out": agents, "messages": agents},
        "inbox": number,
        "phases": [{"phase": "all", "agents": names, "parallel": True}],
    }
    manifest = write_network(place.folder, "queue", shape)
    items, total = tickets(number), agents * number
    with place.opened() as here:
        here.networks.submit(manifest, items, batch="queue")
        begun, most = time.monotonic(), 0

        def watch() -> None:
            nonlocal most
            most = max(most, here.networks.backlog().waiting)

        kill_workers(place, processes, killing, watch)
        wait_until_over(here)
        seconds = time.monotonic() - begun
        runs = batches(here.networks)["queue"]
        problems = [
            f"{run.id} ended as {run.status}: {run.outcome and run.outcome.reason}"
            for run in runs
            if run.status != "completed"
        ]
        for run in runs:
            said = {f"{name}_says": f"stamped: {run.request['ticket']}" for name in names}
            if run.outcome is None or run.outcome.values != said:
                problems.append(f"{run.id} came to other values")
        calls, keys = place.effects.calls(), place.effects.done()
        if len(keys) != total:
            problems.append(f"{len(keys)} effects in place of {total}")
        problems += repeated_events(here.ledger)
        problems += out_of_order(calls, here, names)
    figure = (
        f"{total:,} messages, {killing.workers} workers, {killing.kills} kills, up to {most:,} waiting, "
        f"{total / seconds:,.0f} a second; {len(keys):,} effects, none twice ({len(calls) - len(keys)} repeated calls), "
        f"order kept for {agents} agents"
    )
    yield Check("killed with a queue", not problems, figure, problems)


def kill_workers(place: Place, processes: Processes, killing: Killing, between: Callable[[], None]) -> None:
    """Starts workers, and kills and replaces one at a time. Those of the end live on."""
    chance = random.Random(killing.seed)

    def begin() -> BaseProcess:
        return processes.start(serve, place, killing.concurrency, killing.latency)

    between()
    alive = [begin() for _ in range(killing.workers)]
    for _ in range(killing.kills):
        time.sleep(chance.uniform(*killing.pause))
        between()
        victim = chance.randrange(len(alive))
        process = alive[victim]
        if process.exitcode is not None:
            raise RuntimeError(f"a worker ended by itself with exit code {process.exitcode}")
        process.kill()
        process.join()
        alive[victim] = begin()


def wait_until_over(here: Opened) -> None:
    """Raises TimeoutError when the work does not come to its end."""
    until = time.monotonic() + _PATIENCE
    while not (backlog := here.networks.backlog()).is_over:
        if time.monotonic() > until:
            raise TimeoutError(f"the work has not come to its end: {backlog}")
        time.sleep(0.1)


def _undisturbed(
    place: Place,
    processes: Processes,
    here: Opened,
    manifests: Mapping[str, Manifest],
    items: Sequence[dict[str, str]],
) -> tuple[dict[str, dict[str, Ended]], dict[str, int]]:
    ended, effects = {}, {}
    for name in manifests:
        if processes.run(finish, place, name, items, f"{name}-undisturbed", None) != 0:
            raise RuntimeError(f"network {name!r} does not come to its end undisturbed")
        ended[name] = ends(here.networks, batches(here.networks)[f"{name}-undisturbed"])
        effects[name] = len(place.effects.done(f"{name}-undisturbed."))
    return ended, effects
