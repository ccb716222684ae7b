"""Hostile input at every edge: messages, records, manifests, prompt files, templates, data files, tool results and arguments,
paths, HTTP answers, audit exports, backups and whole runs.

    python -m benchmarks.fuzz_input [--number 10000] [--seed 1] [--edge manifests] [--first 1234] [--json]

Every case must end well or in a StemmaError whose message is one short line, within two seconds; anything else is printed
with the edge and the number of the case, and the exit code is 1. All cases run in one process. A case that holds the
interpreter for half a minute ends the process with the place it hangs at.
"""

import argparse
import faulthandler
import json
import logging
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.hostile.edges import SHARES, Case, opened

from stemma.core.errors import StemmaError

SECONDS = 2.0
LONGEST = 4_000
"""Characters of a message that somebody can still read."""

_HANGS = 30.0


@dataclass
class Tally:
    """What became of the cases of one edge. Times are in seconds."""

    cases: int = 0
    refused: int = 0
    slowest: float = 0.0
    slowest_case: int = 0
    wrong: list[str] = field(default_factory=list)


def main() -> None:
    arguments = _arguments()
    logging.disable(logging.CRITICAL)
    started = time.perf_counter()
    tallies = fuzz(arguments.number, arguments.seed, edge=arguments.edge, first=arguments.first)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if arguments.json:
        shown = {name: vars(tally) for name, tally in tallies.items()}
        print(json.dumps({"edges": shown, "seconds": round(seconds, 1), "peak_bytes": memory}))
    else:
        for line in table(tallies):
            print(line)
        print(f"{seconds:.0f} s, at most {memory / 1e6:,.0f} MB; seed {arguments.seed}")
    sys.exit(1 if any(tally.wrong for tally in tallies.values()) else 0)


def fuzz(
    number: int, seed: int, *, edge: str | None = None, first: int = 0, seconds: float = SECONDS
) -> dict[str, Tally]:
    """Runs `number` cases, spread over all edges or given to one; case n of a seed is always the same."""
    with tempfile.TemporaryDirectory(prefix="stemma-fuzz-") as folder, opened(Path(folder)) as edges:
        names = (edge,) if edge else tuple(edges)
        tallies = {name: Tally() for name in names}
        for name, count in shares(number, names).items():
            for place in range(first, first + count):
                case = edges[name](Random(f"{seed} {name} {place}"))
                attempt(case, place, tallies[name], seconds=seconds)
    return tallies


def shares(number: int, names: tuple[str, ...]) -> dict[str, int]:
    """How many of the cases each edge gets."""
    dear = {name: max(1, number * SHARES[name] // 100) for name in names if name in SHARES}
    cheap = [name for name in names if name not in SHARES]
    if not cheap:
        return dict.fromkeys(names, number // len(names))
    left = number - sum(dear.values())
    return dear | {name: left // len(cheap) + (at < left % len(cheap)) for at, name in enumerate(cheap)}


def attempt(case: Case, place: int, tally: Tally, *, seconds: float = SECONDS) -> None:
    """Runs the case and notes how it ended."""
    problem = None
    faulthandler.dump_traceback_later(_HANGS, exit=True)
    started = time.perf_counter()
    try:
        case()
    except StemmaError as error:
        tally.refused += 1
        told = str(error)
        if len(told.splitlines()) != 1:
            problem = f"{type(error).__name__} in {len(told.splitlines())} lines: {told[:200]!r}"
        elif len(told) > LONGEST:
            problem = f"{type(error).__name__} of {len(told):,} characters: {told[:100]!r}"
    except Exception as error:  # noqa: BLE001  # that nothing else comes out is what is measured
        problem = f"{type(error).__name__}: {str(error)[:200]!r} at {_place(error)}"
    taken = time.perf_counter() - started
    faulthandler.cancel_dump_traceback_later()
    tally.cases += 1
    if taken > seconds:
        problem = f"{problem or 'ended'} after {taken:.1f} s"
    if problem is not None:
        tally.wrong.append(f"case {place}: {problem}")
    if taken > tally.slowest:
        tally.slowest, tally.slowest_case = taken, place


def table(tallies: dict[str, Tally]) -> Iterator[str]:
    """The tallies, and up to five different things that went wrong on each edge."""
    yield f"{'':<12}{'cases':>8}{'refused':>9}{'wrong':>7}{'slowest':>10}"
    for name, tally in tallies.items():
        slowest = f"{tally.slowest * 1000:,.0f} ms"
        yield f"{name:<12}{tally.cases:>8,}{tally.refused:>9,}{len(tally.wrong):>7,}{slowest:>10}  (case {tally.slowest_case})"
    for name, tally in tallies.items():
        kinds = Counter(wrong.partition(": ")[2][:60] for wrong in tally.wrong)
        for kind, times in kinds.most_common(5):
            example = next(wrong for wrong in tally.wrong if wrong.partition(": ")[2].startswith(kind))
            yield f"{name}: {times} times, such as {example}"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    places = []
    while trace is not None:
        places.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(places[-4:])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edge", help="one edge alone; it gets all the cases")
    parser.add_argument("--first", type=int, default=0, help="the first case")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
