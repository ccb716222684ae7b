"""Whether the tests of the guard would notice: its policies and its code with one thing wrong at a time.

    python -m benchmarks.mutation [--only policy/default,network/] [--jobs 2] [--json]

What decides stands in three rooms: labels and frames in `core`, policies and what they are asked in `guard`, and in `network`
what stands between an agent and the world. The default policies: each dropped, turned from permit to forbid, its scope widened,
every condition dropped, weakened, negated, every constant moved by one. The monitor's Python: every comparison flipped, `and`
and `or` exchanged, `not` dropped, constants moved by one, results made None, branches always or never taken, statements
dropped. Each mutant meets the quick tests that `benchmarks/mutations/targets.py` names for its file, in a process of its own
and a copy of the package. It is killed when one fails or does not end in time.

A mutant that does the same as the code is no gap in the tests. Those are listed with their reasons in
`benchmarks/mutations/equivalent.yaml`, each by hand, and counted apart. Exit code 1 below 95 % killed in any of the rooms, and
when the list names one that is not there any more, or that is killed.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from benchmarks.mutations.killer import NO_END, Answer, Killer
from benchmarks.mutations.mutant import Mutant
from benchmarks.mutations.targets import TARGETS, Target

import stemma
from stemma.core.marked import Marked

PACKAGE = Path(stemma.__file__).parent
EQUIVALENT = Path(__file__).parent / "mutations" / "equivalent.yaml"
AIM = 0.95
_COUNTED = ("mutants", "killed", "equivalent")


@dataclass(frozen=True, slots=True)
class Tested:
    """A mutant and what became of it. `reason` says why it is none, where that is known."""

    mutant: Mutant
    answer: Answer
    reason: str | None


def main() -> int:
    arguments = _arguments()
    targets = [one for one in TARGETS if not arguments.only or any(part in one.path for part in arguments.only)]
    equal = _equivalent(EQUIVALENT)
    began = time.monotonic()
    tested = tuple(campaign(targets, equal, jobs=arguments.jobs))
    report = Report(tested, _outdated(equal, targets, tested), time.monotonic() - began)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        report.print()
    return 1 if report.worst < AIM or report.outdated else 0


def campaign(targets: Iterable[Target], equal: dict[tuple[str, str, str], str], *, jobs: int) -> Iterator[Tested]:
    """Every mutant of the targets, tested. Raises SystemExit when the tests fail on the package as it is."""
    with tempfile.TemporaryDirectory(prefix="stemma-mutants-") as folder:
        idle: SimpleQueue[Killer] = SimpleQueue()
        for number in range(jobs):
            place = Path(folder) / str(number)
            place.mkdir()
            idle.put(Killer(PACKAGE, place))
        limits = _limits(targets, idle)

        def test(job: tuple[Target, Mutant]) -> Tested:
            target, mutant = job
            killer = idle.get()
            try:
                answer = killer.test(mutant.path, mutant.text, target.tests, seconds=limits[target.tests])
            finally:
                idle.put(killer)
            return Tested(mutant, answer, equal.get((mutant.path, *mutant.change)))

        work = [(target, mutant) for target in targets for mutant in target.mutants(PACKAGE)]
        with ThreadPoolExecutor(jobs) as pool:
            for done, one in enumerate(pool.map(test, work), 1):
                if sys.stderr.isatty() or done % 50 == 0:
                    print(f"{done}/{len(work)}", file=sys.stderr, end="\r" if sys.stderr.isatty() else "\n")
                yield one
        while not idle.empty():
            idle.get().close()


def _limits(targets: Iterable[Target], idle: "SimpleQueue[Killer]") -> dict[tuple[str, ...], float]:
    """How long each selection of tests may compute: several times what it takes as things are."""
    killer, limits = idle.get(), dict[tuple[str, ...], float]()
    for tests in dict.fromkeys(target.tests for target in targets):
        answer = killer.test("", None, tests, seconds=300)
        if answer["killed"]:
            raise SystemExit(f"the tests fail on the code as it is ({answer['by']}); see: pytest {' '.join(tests)}")
        limits[tests] = 5 + 4 * answer["seconds"]
    idle.put(killer)
    return limits


def _equivalent(path: Path) -> dict[tuple[str, str, str], str]:
    """Why each of the mutants in the file is none, by its path and its change."""
    found: dict[tuple[str, str, str], str] = {}
    for node in Marked.read(path).items("the list"):
        keys = node.mapping("a mutant")
        path_, was, now, reason = (keys[key].plain() for key in ("path", "was", "now", "reason"))
        found[path_, was or "", now or ""] = reason
    return found


def _outdated(
    equal: dict[tuple[str, str, str], str], targets: Iterable[Target], tested: Iterable[Tested]
) -> tuple[str, ...]:
    """Entries of the list that name no mutant, or one that tests can tell from the code."""
    alive = {(one.mutant.path, *one.mutant.change) for one in tested if not one.answer["killed"]}
    meant = {target.path for target in targets}
    return tuple(
        f"{path}: {was} -> {now}" for path, was, now in equal if path in meant and (path, was, now) not in alive
    )


@dataclass(frozen=True, slots=True)
class Report:
    """How many of the mutants were killed, by file, and what the others look like."""

    tested: tuple[Tested, ...]
    outdated: tuple[str, ...]
    seconds: float

    @property
    def files(self) -> dict[str, tuple[int, int, int]]:
        """By file: mutants, killed ones among them, and those that are none."""
        return {
            path: _counts([one for one in self.tested if one.mutant.path == path])
            for path in dict.fromkeys(one.mutant.path for one in self.tested)
        }

    @property
    def rooms(self) -> dict[str, tuple[int, int, int]]:
        """The same by room."""
        return {
            room: _counts([one for one in self.tested if _room(one) == room])
            for room in dict.fromkeys(_room(one) for one in self.tested)
        }

    @property
    def share(self) -> float:
        return _share(_counts(self.tested))

    @property
    def worst(self) -> float:
        """The share in the room whose tests notice least."""
        return min(map(_share, self.rooms.values()), default=0.0)

    @property
    def unended(self) -> int:
        """How many count as killed because their tests did not end."""
        return sum(one.answer["by"] == NO_END for one in self.tested if one.reason is None)

    @property
    def survivors(self) -> list[str]:
        return [one.mutant.diff for one in self.tested if one.reason is None and not one.answer["killed"]]

    def to_json(self) -> dict[str, Any]:
        mutants, killed, equivalent = _counts(self.tested)
        return {
            "mutants": mutants,
            "killed": killed,
            "share": self.share,
            "rooms": {room: _share(counts) for room, counts in self.rooms.items()},
            "equivalent": equivalent,
            "files": {path: dict(zip(_COUNTED, counts, strict=True)) for path, counts in self.files.items()},
            "survivors": self.survivors,
            "outdated": list(self.outdated),
            "seconds": self.seconds,
        }

    def print(self) -> None:
        for diff in self.survivors:
            print(f"survived:\n{diff}\n")
        for entry in self.outdated:
            print(f"no mutant that survives, but listed in {EQUIVALENT.name}: {entry}")
        print(f"{'file':<36}" + "".join(f"{name:>12}" for name in _COUNTED))
        for path, counts in [*self.files.items(), *self.rooms.items(), ("all", _counts(self.tested))]:
            print(f"{path:<36}" + "".join(f"{count:>12}" for count in counts))
        rooms = ", ".join(f"{room} {_share(counts):.1%}" for room, counts in self.rooms.items())
        print(f"killed {self.share:.1%}: {rooms} (aim: {AIM:.0%} in each), {self.unended} of them without end")
        print(f"in {self.seconds:.0f} s")


def _counts(tested: Sequence[Tested]) -> tuple[int, int, int]:
    counted = [one for one in tested if one.reason is None]
    return len(counted), sum(one.answer["killed"] for one in counted), len(tested) - len(counted)


def _share(counts: tuple[int, int, int]) -> float:
    mutants, killed, _ = counts
    return killed / mutants if mutants else 0.0


def _room(one: Tested) -> str:
    return one.mutant.path.partition("/")[0]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda text: text.split(","), help="parts of paths, with commas between")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
