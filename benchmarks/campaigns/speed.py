"""How quick, how even, and how exact: request and reply, idle dispatch, several workers beside one, and bounds."""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.campaigns.checks import Check, percentile
from benchmarks.campaigns.desks import agent, caller, tickets, write_network
from benchmarks.campaigns.load import wait_until_over
from benchmarks.campaigns.places import Place, Processes, serve

from stemma.network import RunStatus

REQUEST_MS: Mapping[bool, float] = {True: 10.0, False: 15.0}
"""The target of a request's median, on SQLite and on PostgreSQL."""
DISPATCH_MS = 60.0
FASTER, UNEVEN = 3.5, 1.2

_ONE: Mapping[str, Any] = {"agents": {"tell": agent("tell", tools=[])}, "pipeline": ["tell"]}
_IDLE: Mapping[str, Any] = {"agents": {"seal": caller("seal")}, "pipeline": ["seal"]}
_NAMES = [f"agent{number}" for number in range(6)]
_PARALLEL: Mapping[str, Any] = {
    "agents": {name: agent(name) for name in _NAMES},
    "phases": [
        {"phase": "first", "agents": _NAMES[:3], "parallel": True},
        {"phase": "second", "agents": _NAMES[3:], "parallel": True, "depends_on": ["first"]},
    ],
}
_PANEL: Mapping[str, Any] = {
    "agents": {name: agent(name, "statements?") for name in ("ann", "bob", "cat")},
    "teams": {"jury": {"panel": {"members": ["ann", "bob", "cat"], "writes": "verdict", "rounds": 3}}},
    "flow": "jury",
}


def requests(place: Place, *, number: int = 300) -> Iterator[Check]:
    """Request and reply with nothing else going on, in one process: one model call that takes no time."""
    manifest = write_network(place.folder, "one", _ONE)
    taken: list[float] = []
    with place.opened() as here, here.networks.up(manifest) as live:
        for count, item in enumerate(tickets(number + 20)):
            begun = time.perf_counter()
            live.request("tell", ticket=item["ticket"])
            if count >= 20:
                taken.append((time.perf_counter() - begun) * 1000)
        target = REQUEST_MS[place.is_sqlite]
    p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
    figure = f"{number} requests, {p50:.1f} ms (p50), {p99:.1f} ms (p99); the target is {target:g} ms at p50"
    yield Check("request and reply, idle", p50 <= target, figure)


def dispatch(place: Place, processes: Processes, *, number: int = 60) -> Iterator[Check]:
    """From one process's commit of a task until its turn begins in another that has nothing to do."""
    manifest = write_network(place.folder, "idle", _IDLE, effect="read")
    taken: list[float] = []
    with place.opened() as here:
        processes.start(serve, place, 4)
        for count, item in enumerate(tickets(number + 5)):
            here.networks.submit(manifest, [item])
            submitted = time.monotonic()
            wait_until_over(here)
            if count >= 5:
                taken.append((place.effects.calls()[-1].at - submitted) * 1000)
            time.sleep(0.013 * (count % 7))  # at another point of the worker's pause each time
    p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
    figure = (
        f"{number} tasks, begun after {p50:.0f} ms (p50), {p99:.0f} ms (p99); the target is {DISPATCH_MS:g} ms at p50"
    )
    yield Check("dispatch, idle", p50 <= DISPATCH_MS, figure)


def workers(
    place: Place, processes: Processes, *, seconds: float = 1.0, calls: int = 40, concurrency: int = 2
) -> Iterator[Check]:
    """The same model calls, by one worker and by four."""
    manifest = write_network(place.folder, "one", _ONE)
    taken: dict[int, float] = {}
    shares: list[int] = []
    with place.opened() as here:
        for most in (1, 4):
            started = [processes.start(serve, place, concurrency, seconds, heard=True) for _ in range(most)]
            here.networks.submit(manifest, tickets(most), batch=f"warm{most}")
            wait_until_over(here)
            time.sleep(1.0)  # all of them are up
            begun = time.monotonic()
            here.networks.submit(manifest, tickets(calls), batch=f"by{most}")
            wait_until_over(here)
            taken[most] = time.monotonic() - begun
            shares = list(Counter(made.process for made in place.effects.calls() if made.at >= begun).values())
            for process in started:
                process.kill()
                process.join()
    faster, uneven = taken[1] / taken[4], max(shares) / (calls / 4)
    figure = (
        f"{calls} calls of {seconds:g} s: {taken[1]:.1f} s by one worker, {taken[4]:.1f} s by four, {faster:.2f} x as fast; "
        f"busiest / mean {uneven:.2f}; the targets are {FASTER:g} and {UNEVEN:g}"
    )
    yield Check("four workers beside one", faster >= FASTER and uneven <= UNEVEN, figure)


def bounds(place: Place, *, concurrency: int = 6) -> Iterator[Check]:
    """Runs whose agents work side by side, with ever wider bounds: what they take is over none by more than is in flight."""
    counted = {"phases": _PARALLEL, "panel": _PANEL}
    over: dict[str, int] = {"messages": 0, "calls": 0, "tokens": 0}
    problems: list[str] = []
    number, stopped = 0, 0
    with place.opened() as here:
        for name, shape in counted.items():
            free = here.networks.run(write_network(place.folder, name, shape), tickets(1), concurrency=concurrency)
            spent = free.runs[0].spent
            whole = {"messages": spent.messages, "calls": spent.calls, "tokens": spent.tokens}
            longest = math.ceil(spent.tokens / spent.calls * 2)  # tokens of one call, generously
            for what, all_of_it in whole.items():
                for most in range(1, all_of_it, max(1, all_of_it // 8)):
                    manifest = write_network(place.folder, name, {**shape, "bounds": {what: most}})
                    run = here.networks.run(manifest, tickets(1), concurrency=concurrency, new=True).runs[0]
                    taken = {"messages": run.spent.messages, "calls": run.spent.calls, "tokens": run.spent.tokens}[what]
                    allowed = {"messages": 0, "calls": concurrency - 1, "tokens": concurrency * longest}[what]
                    number, stopped = number + 1, stopped + (run.status is RunStatus.STOPPED)
                    over[what] = max(over[what], taken - most)
                    if taken - most > allowed:
                        problems.append(f"{name}: {taken} {what} taken, with a bound of {most}")
                    if run.status not in (RunStatus.STOPPED, RunStatus.COMPLETED):
                        problems.append(f"{name}: with a bound of {most} {what} it ended as {run.status}")
    most_over = ", ".join(f"{count} {what}" for what, count in over.items())
    figure = (
        f"{number} runs, {stopped} of them stopped by a bound; over it by {most_over} at most, {concurrency} in flight"
    )
    yield Check("bounds", not problems and stopped > 0, figure, problems)
