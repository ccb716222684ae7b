"""Noninterference, by experiment: random networks, each run in two worlds that differ only in what strangers write.

    python -m benchmarks.noninterference [--number 2000] [--seed 1] [--processes 2] [--json]

Every node has a model whose behaviour is arbitrary, and fixed: a function of every character that it is shown. Nobody
approves anything. So whatever a stranger's text decides about an effect, by whatever way it takes, shows as a difference
between the effects of the two worlds; there must be none. Every effect must also have one event in the audit log, written
before it was made.

What is compared, and how, stands in `interference.compared`: every turn with itself, and every chain of turns in its order.
A stranger can end things, by a bound or by keeping an agent waiting; what was done before that is then the beginning of what
was done in the other world. What policies endorse or permit is a stranger's to choose: the two worlds agree on the choices
that are endorsed, and calls of a tool that is permitted are left out; all else has to be the same.

Two controls, each on a tenth of the networks. The same world twice shows no difference: what is found is no accident of who
was faster. With the guard off most networks differ: the experiment can find something.
"""

import argparse
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.interference.compared import differences
from benchmarks.interference.drawn import drawn_network
from benchmarks.interference.features import features
from benchmarks.interference.played import Act, play

from stemma.network import outline

_CHUNK = 50
_SHOWN = 5
_WORLDS = ("one", "other")


@dataclass(frozen=True, slots=True)
class Difference:
    """A network that does something else where strangers say something else: one turn, or chain of turns, in which it does."""

    seed: int
    network: str
    one: tuple[Act, ...]
    other: tuple[Act, ...]


@dataclass
class Result:
    """What came of some networks. `whole` are the pairs in which nothing was cut short; `effects` were made, and compared."""

    networks: int = 0
    whole: int = 0
    effects: int = 0
    acting: int = 0
    """Networks that made any effect at all."""
    differences: list[Difference] = field(default_factory=list)
    unlogged: list[str] = field(default_factory=list)
    features: Counter[str] = field(default_factory=Counter)
    """In how many networks each was."""

    def add(self, other: "Result") -> None:
        self.networks += other.networks
        self.whole += other.whole
        self.effects += other.effects
        self.acting += other.acting
        self.differences += other.differences
        self.unlogged += other.unlogged
        self.features += other.features

    @property
    def share(self) -> float:
        """How many of the networks differ."""
        return len(self.differences) / self.networks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=2000, help="networks")
    parser.add_argument("--seed", type=int, default=1, help="of the first network; the others follow")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seeds, started = range(arguments.seed, arguments.seed + arguments.number), time.perf_counter()
    guarded = compared_by(arguments.processes, seeds)
    seconds = time.perf_counter() - started
    some = seeds[: max(1, len(seeds) // 10)]
    control = compared_by(arguments.processes, some, worlds=("one", "one"))
    unguarded = compared_by(arguments.processes, some, guarded=False)
    if arguments.json:
        told = {"guarded": asdict(guarded), "control": control.share, "unguarded": unguarded.share, "seconds": seconds}
        print(json.dumps(told, indent=2, default=str))
    else:
        print("\n".join(_told(guarded, control, unguarded, seconds)))
    raise SystemExit(1 if guarded.differences or guarded.unlogged or control.differences else 0)


def compared_by(
    processes: int, seeds: Sequence[int], *, guarded: bool = True, worlds: tuple[str, str] = _WORLDS
) -> Result:
    """What comes of the networks of these seeds, shared out to so many processes."""
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    whole = Result()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for result in pool.map(partial(compared, guarded=guarded, worlds=worlds), chunks):
            whole.add(result)
    return whole


def compared(seeds: Sequence[int], *, guarded: bool = True, worlds: tuple[str, str] = _WORLDS) -> Result:
    """What comes of the networks of these seeds, each run in both worlds."""
    result = Result()
    # Policies may permit a tool that nobody came to hold, of which each run would warn.
    logging.getLogger("stemma.network").setLevel(logging.ERROR)
    with TemporaryDirectory(prefix="stemma-worlds-") as name:
        folder = Path(name)
        networks = {seed: drawn_network(seed, folder, guarded=guarded) for seed in seeds}
        (one, wrong), (other, also_wrong) = (
            play(networks, world, folder / f"{number}.db") for number, world in enumerate(worlds)
        )
    for seed, drawn in networks.items():
        mine, theirs = one[seed], other[seed]
        result.networks += 1
        result.whole += mine.whole and theirs.whole
        result.effects += len(mine.acts) + len(theirs.acts)
        result.acting += bool(mine.acts or theirs.acts)
        result.features.update(set(features(drawn)))
        apart = next(differences(mine, theirs, in_turn=drawn.in_turn), None)
        if apart is not None:
            network = "\n".join(outline(drawn.manifest))
            result.differences.append(Difference(seed, network, tuple(apart[0]), tuple(apart[1])))
    result.unlogged += [*wrong, *also_wrong]
    return result


def _told(guarded: Result, control: Result, unguarded: Result, seconds: float) -> Iterator[str]:
    yield f"{guarded.networks:,} networks in two worlds each, in {seconds:,.0f} seconds"
    yield f"{guarded.whole:,} pairs compared in full, the others up to where something was cut short"
    yield f"{guarded.effects:,} effects that nobody approved, in {guarded.acting:,} networks"
    yield f"{len(guarded.differences):,} networks whose effects differ"
    yield f"{len(guarded.unlogged):,} effects without one event, written before"
    yield f"same world twice: {len(control.differences):,} of {control.networks:,} networks differ"
    yield f"guard off: {unguarded.share:.0%} of {unguarded.networks:,} networks differ"
    yield "\nnetworks with"
    yield from (f"{number:>8,}  {name}" for name, number in sorted(guarded.features.items()))
    for one in [*guarded.differences, *control.differences][:_SHOWN]:
        yield f"\nseed {one.seed}\n{one.network}"
        yield from (f"  in one world: {act}" for act in one.one)
        yield from (f"  in the other: {act}" for act in one.other)
    yield from guarded.unlogged[:_SHOWN]


if __name__ == "__main__":
    main()
