"""Noninterference, by experiment: random networks, each run in two worlds that differ only in what strangers write.

    python -m benchmarks.noninterference [--number 2000] [--seed 1] [--processes 2] [--json]

Every node has a model whose behaviour is arbitrary, and fixed: a function of every character that it is shown. Nobody
approves anything. So whatever a stranger's text decides about an effect, by whatever way it takes, shows as a difference
between the effects of the two worlds; there must be none. That the experiment can find one is shown with the guard off,
on a tenth of the networks. Every effect must also have one event in the audit log, written before it was made.

A task may end early in one world, by a bound or an answer that cannot be used: a stranger can make an agent fail. What
was done there then is the beginning of what was done in the other; how many pairs were compared in full is told.
"""

import argparse
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.interference.drawn import Drawn, drawn_network
from benchmarks.interference.played import Act, Played, play, same

from stemma.network import outline

_CHUNK = 50
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """A network that does something else where strangers say something else."""

    seed: int
    network: str
    one: tuple[Act, ...]
    other: tuple[Act, ...]


@dataclass
class Result:
    """What came of some networks. `whole` are the pairs in which nothing ended early; `effects` were made, and compared."""

    networks: int = 0
    whole: int = 0
    effects: int = 0
    acting: int = 0
    """Networks that made any effect at all."""
    differences: list[Difference] = field(default_factory=list)
    unsteady: list[int] = field(default_factory=list)
    """Seeds of networks that do something else in one and the same world, going by who is faster."""
    unlogged: list[str] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        self.networks += other.networks
        self.whole += other.whole
        self.effects += other.effects
        self.acting += other.acting
        self.differences += other.differences
        self.unsteady += other.unsteady
        self.unlogged += other.unlogged


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
    unguarded = compared_by(arguments.processes, seeds[: max(1, len(seeds) // 10)], guarded=False)
    if arguments.json:
        told = {"guarded": asdict(guarded), "unguarded": len(unguarded.differences) / unguarded.networks}
        print(json.dumps(told | {"seconds": seconds}, indent=2, default=str))
    else:
        print("\n".join(_told(guarded, unguarded, seconds)))
    raise SystemExit(1 if guarded.differences or guarded.unlogged else 0)


def compared_by(processes: int, seeds: Sequence[int], *, guarded: bool = True) -> Result:
    """What comes of the networks of these seeds, shared out to so many processes."""
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    whole = Result()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for result in pool.map(partial(compared, guarded=guarded), chunks):
            whole.add(result)
    return whole


def compared(seeds: Sequence[int], *, guarded: bool = True) -> Result:
    """What comes of the networks of these seeds, each run in both worlds."""
    result = Result()
    with TemporaryDirectory(prefix="stemma-worlds-") as name:
        folder = Path(name)
        networks = {seed: drawn_network(seed, folder, guarded=guarded) for seed in seeds}
        (one, wrong), (other, also_wrong) = play(networks, "one", folder), play(networks, "other", folder)
        doubtful = {seed: drawn for seed, drawn in networks.items() if not same(one[seed], other[seed], drawn)}
        steady = _steady(doubtful, one, other, folder) if guarded else doubtful.keys()
    for seed, drawn in networks.items():
        mine, theirs = one[seed], other[seed]
        result.networks += 1
        result.whole += mine.whole and theirs.whole
        result.effects += len(mine.acts) + len(theirs.acts)
        result.acting += bool(mine.acts or theirs.acts)
        if seed in doubtful and seed not in steady:
            result.unsteady.append(seed)
        elif seed in doubtful:
            result.differences.append(Difference(seed, "\n".join(outline(drawn.manifest)), *_apart(mine, theirs)))
    result.unlogged += [*wrong, *also_wrong]
    return result


def _steady(
    networks: Mapping[int, Drawn], one: Mapping[int, Played], other: Mapping[int, Played], folder: Path
) -> Collection[int]:
    """Those of the networks that, played once more, do again what they did in that world."""
    again = folder / "again"
    again.mkdir()
    found = set(networks)
    for name, before in (("one", one), ("other", other)) if networks else ():
        after, _ = play(networks, name, again)
        found = {seed for seed in found if same(before[seed], after[seed], networks[seed])}
    return found


def _apart(one: Played, other: Played) -> tuple[tuple[Act, ...], tuple[Act, ...]]:
    """What each did that the other did not, or not so often."""
    left, more = list(other.acts), []
    for act in one.acts:
        found = next((index for index, their in enumerate(left) if _what(their) == _what(act)), None)
        if found is None:
            more.append(act)
        else:
            del left[found]
    return tuple(more), tuple(left)


def _what(act: Act) -> tuple[object, ...]:
    return act.agent, act.tool, act.arguments


def _told(guarded: Result, unguarded: Result, seconds: float) -> Iterator[str]:
    yield f"{guarded.networks:,} networks in two worlds each, {guarded.networks / seconds:.1f} a second"
    yield f"{guarded.whole:,} pairs compared in full, the others up to where a task ended early"
    yield f"{guarded.effects:,} effects that nobody approved, in {guarded.acting:,} networks"
    yield f"{len(guarded.differences):,} networks whose effects differ"
    yield f"{len(guarded.unlogged):,} effects without one event, written before"
    yield f"{len(guarded.unsteady):,} networks left out: they differ from themselves: {guarded.unsteady}"
    share = len(unguarded.differences) / unguarded.networks
    yield f"guard off: {share:.0%} of {unguarded.networks:,} networks differ"
    for one in guarded.differences[:_SHOWN]:
        yield f"\nseed {one.seed}\n{one.network}"
        yield from (f"  only in one world: {act}" for act in one.one[:_SHOWN])
        yield from (f"  only in the other: {act}" for act in one.other[:_SHOWN])
    yield from guarded.unlogged[:_SHOWN]


if __name__ == "__main__":
    main()
