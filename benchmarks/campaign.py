"""What holds when things go wrong: kills at every step and at random, queues, takeover, zombies, bounds; and how quick it is.

    make bench-campaign
    python -m benchmarks.campaign [--only steps,load,queue] [--store sqlite] [--small] [--json]

Processes are real, and die of SIGKILL. Whatever is killed, each run has to end exactly as it ends undisturbed (its values,
their labels, the votes, every message with its answer), no message may be lost, and nothing may be done twice in the world
outside: tools write to a database of their own, which does each thing once by the key of the call and logs every call that
reaches it. Agents with one replica have to take their messages in the order of sending.

One line a check: whether it holds, its name, its figures. Exit code 1 when one does not hold. `--small` takes less of
everything, for a first look; all of it takes about half an hour on two cores.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.campaigns import load, speed, steps, takeover
from benchmarks.campaigns.checks import Check
from benchmarks.campaigns.places import STORES, Databases, Processes, databases

_SHOWN, _WIDEST = 5, 800  # problems of a check, characters of one


@dataclass(frozen=True)
class Campaign:
    """Something to show, on a place of its own. On SQLite one process at a time can work."""

    stores: tuple[str, ...]
    small: Callable[[Databases, Processes], Iterator[Check]]
    whole: Callable[[Databases, Processes], Iterator[Check]]


_QUEUE = load.Killing(20, workers=4, pause=(0.5, 3.0), concurrency=64)
CAMPAIGNS = {
    "steps": Campaign(
        STORES,
        lambda made, processes: steps.killed_at_every_step(made.place(), processes, stride=6),
        lambda made, processes: steps.killed_at_every_step(made.place(), processes),
    ),
    "once": Campaign(
        STORES,
        lambda made, processes: steps.never_repeated(made.place(), processes, stride=4),
        lambda made, processes: steps.never_repeated(made.place(), processes),
    ),
    "load": Campaign(
        STORES,
        lambda made, processes: load.killed_under_load(made.place(), processes, _killing(made, 10)),
        lambda made, processes: load.killed_under_load(made.place(), processes, _killing(made, 200)),
    ),
    "queue": Campaign(
        ("postgresql",),
        lambda made, processes: load.killed_with_a_queue(made.place(), processes, _QUEUE.times(4), number=25),
        lambda made, processes: load.killed_with_a_queue(made.place(), processes, _QUEUE.times(20), number=250),
    ),
    "takeover": Campaign(
        ("postgresql",),
        lambda made, processes: takeover.takeover(made.place(), processes, kills=4),
        lambda made, processes: takeover.takeover(made.place(), processes, kills=40),
    ),
    "zombie": Campaign(
        ("postgresql",),
        lambda made, processes: takeover.zombies(made.place(), processes),
        lambda made, processes: takeover.zombies(made.place(), processes),
    ),
    "request": Campaign(
        STORES,
        lambda made, _: speed.requests(made.place(), number=50),
        lambda made, _: speed.requests(made.place(), number=500),
    ),
    "dispatch": Campaign(
        STORES,
        lambda made, processes: speed.dispatch(made.place(), processes, number=15),
        lambda made, processes: speed.dispatch(made.place(), processes, number=100),
    ),
    "workers": Campaign(
        ("postgresql",),
        lambda made, processes: speed.workers(made.place(), processes, calls=16),
        lambda made, processes: speed.workers(made.place(), processes, calls=40),
    ),
    "bounds": Campaign(
        STORES,
        lambda made, _: speed.bounds(made.place()),
        lambda made, _: speed.bounds(made.place()),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"some, with commas between, of {', '.join(CAMPAIGNS)}")
    parser.add_argument("--store", choices=STORES, help="one of the two")
    parser.add_argument("--small", action="store_true", help="less of everything")
    parser.add_argument("--json", action="store_true", help="one JSON object a check")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else list(CAMPAIGNS)
    failed = 0
    for store in [arguments.store] if arguments.store else STORES:
        for name in wanted:
            if store in CAMPAIGNS[name].stores:
                failed += sum(not check.holds for check in carried_out(name, store, arguments))
    sys.exit(1 if failed else 0)


def carried_out(name: str, store: str, arguments: argparse.Namespace) -> Iterator[Check]:
    """The checks of one campaign, each printed."""
    campaign = CAMPAIGNS[name]
    begin = campaign.small if arguments.small else campaign.whole
    with TemporaryDirectory(prefix="stemma-campaign-") as folder, databases(store) as made:
        log = Path(folder) / "processes.log"
        log.touch()
        with Processes(log) as processes:
            begun = time.monotonic()
            try:
                for check in begin(made, processes):
                    report(check, store, time.monotonic() - begun, as_json=arguments.json)
                    yield check
                    begun = time.monotonic()
            except BaseException:
                print(log.read_text()[-4000:], file=sys.stderr)
                raise


def report(check: Check, store: str, seconds: float, *, as_json: bool) -> None:
    if as_json:
        told = {"check": check.name, "store": store, "holds": check.holds, "figure": check.figure}
        print(json.dumps(told | {"seconds": round(seconds, 1), "problems": list(check.problems)}), flush=True)
        return
    print(f"{'ok  ' if check.holds else 'FAIL'} {store:<11}{check.name}: {check.figure} ({seconds:.0f} s)", flush=True)
    for problem in check.problems[:_SHOWN]:
        print(f"     {problem}"[:_WIDEST])
    if len(check.problems) > _SHOWN:
        print(f"     and {len(check.problems) - _SHOWN} more")


def _killing(made: Databases, kills: int) -> load.Killing:
    if made.is_sqlite:
        return load.Killing(kills, workers=1, pause=(0.3, 2.5))
    return load.Killing(kills, workers=3, pause=(0.1, 0.8))


if __name__ == "__main__":
    main()
