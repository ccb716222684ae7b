"""The registry at size, beside git: storing machine-written prompts, fetching one, walking its ancestors, resolving a label.

    python benchmarks/registry.py [--candidates 200000] [--seed 7] [--no-gc]

Both sides get the same bytes: the canonical JSON of a 2 kB prompt and of its variants. A seeded search makes them in
generations of 1,000: each variant changes one to three lines or demonstrations of a parent, one of the last 300 of the
generation before, and three in ten take a demonstration from a second parent. Stemma stores a generation through one
`Candidates.store`: a transaction with digests, lineage and an event in the audit log. Making the variants is not counted,
writing their canonical JSON is.

Git gets one blob and one commit a variant, with the same parents, through one `git fast-import`, its quickest way in; the
stream is written to a file beforehand and not counted. Commits without children hang from a few merge commits of up to
500 parents, so that one branch keeps everything alive at next to no cost; a reference each would count against git.
`git gc --aggressive` takes minutes for every ten thousand, so it repacks a repository of the first 10,000 variants alone
and is stopped after 300 s; bytes a variant hardly depend on the number. Texts are read through one running
`git cat-file --batch`, ancestors by `git rev-list`, whose start as a process is a part of its time.

All is in a temporary folder, and nothing is fetched. The table names what it aims for where there is an aim.
"""

import argparse
import os
import random
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import IO

from stemma.core.clock import SystemClock
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.registry.candidates import Candidates, NewCandidate
from stemma.registry.contents import Contents
from stemma.registry.lineage import Lineage
from stemma.registry.prompt import Demonstration, Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Generator, NewSession, Sessions
from stemma.store import Store

BATCH = 1_000
ALIVE = 300  # variants of a generation that the next one may descend from
GC_VARIANTS, GC_SECONDS = 10_000, 300
FETCHES = 500


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="stemma-bench-") as folder:
        ours = measure_stemma(Path(folder), arguments.candidates, arguments.seed)
        theirs = measure_git(Path(folder), arguments.candidates, arguments.seed)
        repacked = measure_gc(Path(folder), GC_VARIANTS, arguments.seed) if arguments.gc else None
    if ours.ancestors != theirs.ancestors:
        raise SystemExit(f"Stemma finds {ours.ancestors} ancestors and git {theirs.ancestors}: one of them is wrong")
    print(f"{arguments.candidates:,} variants of a {ours.text_bytes:,.0f}-byte prompt, seed {arguments.seed}")
    for row in table(ours, theirs, repacked):
        print(f"{row[0]:<34}{row[1]:>14}{row[2]:>14}{row[3]:>9}  {row[4]}")


@dataclass(frozen=True, slots=True)
class Measured:
    """One side's figures. Times are medians, in seconds; None where the side has no such thing."""

    text_bytes: float  # mean size of a variant
    rate: float  # variants stored a second
    size: float  # bytes on disk a variant
    fetch: float
    walk: float
    ancestors: int
    cold_fetch: float | None = None
    label: float | None = None
    cached_label: float | None = None


@dataclass(frozen=True, slots=True)
class Repacked:
    """What `git gc --aggressive` came to: bytes a variant, None when it was stopped."""

    variants: int
    size: float | None
    seconds: float


def table(ours: Measured, theirs: Measured, repacked: Repacked | None) -> Iterator[tuple[str, str, str, str, str]]:
    """Lines of name, our figure, git's, the ratio of ours to git's, and the aim."""
    yield "", "Stemma", "git", "ratio", "aim"
    yield (
        "stored, variants/s",
        f"{ours.rate:,.0f}",
        f"{theirs.rate:,.0f}",
        f"{ours.rate / theirs.rate:.2f} x",
        _aim(ours.rate >= 20_000, ">= 20,000"),
    )
    size = ours.size / theirs.size
    yield (
        "on disk, bytes/variant",
        f"{ours.size:.0f}",
        f"{theirs.size:.0f}",
        f"{size:.2f} x",
        _aim(size <= 0.5, "<= 0.5 x"),
    )
    if repacked is not None:
        ratio = "" if repacked.size is None else f"{ours.size / repacked.size:.2f} x"
        compared = "stopped" if repacked.size is None else f"{repacked.size:.0f}"
        note = f"git gc --aggressive took {repacked.seconds:.0f} s for {repacked.variants:,}"
        yield "  beside git, repacked", f"{ours.size:.0f}", compared, ratio, note
    yield _times("fetch one text, warm, us", ours.fetch, theirs.fetch, 1e6, "")
    if ours.cold_fetch is not None:
        aim = _aim(ours.cold_fetch <= 1e-3, "<= 1,000 us")
        yield _times("fetch one text, cold, us", ours.cold_fetch, theirs.fetch, 1e6, aim)
    aim = _aim(ours.walk * 1_000 / ours.ancestors <= 0.020, "<= 20 ms for 1,000")
    yield _times(f"walk {ours.ancestors:,} ancestors, ms", ours.walk, theirs.walk, 1e3, aim)
    if ours.label is not None and ours.cached_label is not None:
        yield "resolve a label, us", f"{ours.label * 1e6:.0f}", "", "", ""
        aim = _aim(ours.cached_label <= 20e-6, "<= 20 us")
        yield "resolve a label, cached, us", f"{ours.cached_label * 1e6:.2f}", "", "", aim


# --- the variants -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variant:
    """A prompt with the positions of its parents among all variants, nearest first."""

    prompt: Prompt
    parents: tuple[int, ...]
    operator: str


def variants(count: int, seed: int) -> Iterator[Variant]:
    """The same variants for the same seed, oldest first; no generation holds a parent of its own."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnoprstuvwy", k=draw.randint(3, 10))) for _ in range(3_000)]
    tickets = [Demonstration(_sentence(draw, words, 11), draw.choice(_LABELS)) for _ in range(2_000)]
    first = Prompt(
        "\n".join(["Sort the ticket into one queue.", *(_described(draw, words, label) for label in _LABELS)]),
        demonstrations=tuple(draw.sample(tickets, 9)),
    )
    yield Variant(first, (), "seed")
    alive, born = [(0, first)], deque[tuple[int, Prompt]](maxlen=ALIVE)
    for number in range(1, count):
        if number % BATCH == 1 and number > 1:
            alive = [*born]
        parent, prompt = alive[draw.randrange(len(alive))]
        parents: tuple[int, ...] = (parent,)
        operator = "edit"
        lines, shown = prompt.instructions.split("\n"), list(prompt.demonstrations)
        if draw.random() < 0.3:
            other, donor = alive[draw.randrange(len(alive))]
            place = draw.randrange(len(shown))
            shown[place] = donor.demonstrations[place]
            if other != parent:
                parents, operator = (parent, other), "crossover"
        for _ in range(draw.randint(1, 3)):
            if draw.random() < 0.5:
                place = draw.randrange(1, len(lines))
                lines[place] = _described(draw, words, _LABELS[place - 1])
            else:
                shown[draw.randrange(len(shown))] = draw.choice(tickets)
        prompt = Prompt("\n".join(lines), demonstrations=tuple(shown))
        born.append((number, prompt))
        yield Variant(prompt, parents, operator)


_LABELS = ("access", "billing", "delivery", "device", "legal", "plan", "repair", "return", "trade", "other")


def _described(draw: random.Random, words: Sequence[str], label: str) -> str:
    return f"- {label}: {_sentence(draw, words, 10)}"


def _sentence(draw: random.Random, words: Sequence[str], length: int) -> str:
    return " ".join(draw.choices(words, k=length))


# --- Stemma -----------------------------------------------------------------------------------------------------------


def measure_stemma(folder: Path, count: int, seed: int) -> Measured:
    path = folder / "stemma.db"
    store = Store.open(f"sqlite:///{path}")
    clock = SystemClock()
    scope = Scope(store, Ledger(store, clock), clock, "benchmark")
    candidates = Candidates(scope, Contents())
    empty = _settled(store, path)
    ids, seconds, text_bytes = _store_all(candidates, Sessions(scope), count, seed)
    size = (_settled(store, path) - empty) / count

    draw = random.Random(seed)
    picked = draw.sample(ids, min(FETCHES, len(ids)))
    cold = [_timed(partial(Candidates(scope, Contents()).prompt, number)) for number in picked]
    warm = [_timed(partial(candidates.prompt, number)) for number in picked[:100] * 5][100:]
    lineage = Lineage(scope)
    descendant = ids[descendant_of_1000(count, seed)]
    ancestors = len(lineage.family(descendant)) - 1
    walk = median(_timed(lambda: lineage.family(descendant)) for _ in range(5))

    prompts = Prompts(scope, Contents())
    prompts.label("bench/triage", prompts.save("bench/triage", candidates.prompt(ids[0])).version, "production")
    label = median(_timed(lambda: prompts.get("bench/triage", cache_ttl_seconds=0)) for _ in range(300))
    cached = median(_timed(lambda: prompts.get("bench/triage"), times=100) for _ in range(100))
    store.close()
    return Measured(
        text_bytes=text_bytes / count,
        rate=count / seconds,
        size=size,
        fetch=median(warm),
        cold_fetch=median(cold),
        walk=walk,
        ancestors=ancestors,
        label=label,
        cached_label=cached,
    )


def _store_all(candidates: Candidates, sessions: Sessions, count: int, seed: int) -> tuple[list[int], float, int]:
    """The ids in order, the seconds inside `store`, and the bytes of all texts."""
    session = sessions.open(NewSession(Generator("benchmark", {"batch": BATCH}), seed=seed))
    ids: list[int] = []
    seconds, text_bytes = 0.0, 0
    for batch in _generations(variants(count, seed)):
        new = [NewCandidate(v.prompt, v.operator, tuple(ids[parent] for parent in v.parents)) for v in batch]
        start = perf_counter()
        ids += candidates.store(session, new)
        seconds += perf_counter() - start
        text_bytes += sum(len(item.prompt.canonical) for item in new)
    return ids, seconds, text_bytes


def _settled(store: Store, path: Path) -> int:
    """Bytes of the database file with everything written into it."""
    with store.read() as connection:
        connection.exec_driver_sql("commit")
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        connection.exec_driver_sql("begin")
    return path.stat().st_size


def _generations(made: Iterator[Variant]) -> Iterator[list[Variant]]:
    """Up to `BATCH` variants at a time; the first, everybody's ancestor, comes alone."""
    yield [next(made)]
    while batch := list(islice(made, BATCH)):
        yield batch


def descendant_of_1000(count: int, seed: int) -> int:
    """The first variant of a generation with 1,000 ancestors or more, or the last variant when there are fewer."""
    parents: list[tuple[int, ...]] = []
    for number, variant in enumerate(variants(count, seed)):
        parents.append(variant.parents)
        if number % BATCH == 0 and len(_ancestors(number, parents)) >= 1_000:
            return number
    return count - 1


def _ancestors(number: int, parents: Sequence[tuple[int, ...]]) -> set[int]:
    found: set[int] = set()
    waiting = list(parents[number])
    while waiting:
        ancestor = waiting.pop()
        if ancestor not in found:
            found.add(ancestor)
            waiting += parents[ancestor]
    return found


# --- git --------------------------------------------------------------------------------------------------------------


def measure_git(folder: Path, count: int, seed: int) -> Measured:
    repository, marks = folder / "git", folder / "marks"
    text_bytes, seconds = _import(folder, repository, marks, count, seed)
    size = _size(repository) / count
    names = dict(line.split() for line in marks.read_text().splitlines())
    draw = random.Random(seed)
    fetch = _fetch_from_git(repository, [names[f":{draw.randrange(count) * 2 + 1}"] for _ in range(FETCHES)])
    descendant = names[f":{descendant_of_1000(count, seed) * 2 + 2}"]
    ancestors = len(_git(repository, "rev-list", descendant).split()) - 1
    walk = median(_timed(lambda: _git(repository, "rev-list", descendant)) for _ in range(5))
    return Measured(text_bytes / count, count / seconds, size, fetch, walk, ancestors)


def measure_gc(folder: Path, count: int, seed: int) -> Repacked:
    repository = folder / "repacked"
    _import(folder, repository, folder / "marks", count, seed)
    start = perf_counter()
    command = [*_GIT, "-C", str(repository), "gc", "--quiet", "--aggressive", "--prune=now"]
    with subprocess.Popen(command, env=_environment(folder), start_new_session=True) as process:
        try:
            process.wait(GC_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # git leaves the work to children of its own
    seconds = perf_counter() - start
    return Repacked(count, _size(repository) / count if process.returncode == 0 else None, seconds)


def _import(folder: Path, repository: Path, marks: Path, count: int, seed: int) -> tuple[int, float]:
    """Makes the repository; returns the bytes of all texts and the seconds that git took."""
    stream = folder / "stream"
    text_bytes = _write_stream(stream, count, seed)
    _git(folder, "init", "--quiet", "--bare", str(repository))
    start = perf_counter()
    with stream.open("rb") as source:
        _git(repository, "fast-import", "--quiet", f"--export-marks={marks}", stdin=source)
    seconds = perf_counter() - start
    stream.unlink()
    return text_bytes, seconds


def _write_stream(path: Path, count: int, seed: int) -> int:
    """The variants as a fast-import stream: blob 2n + 1 and commit 2n + 2 for variant n. Returns the bytes of all texts."""
    childless: dict[int, None] = {}
    total = 0
    with path.open("wb") as out:
        for number, variant in enumerate(variants(count, seed)):
            text = variant.prompt.canonical
            total += len(text)
            for parent in variant.parents:
                childless.pop(parent, None)
            childless[number] = None
            out.write(b"blob\nmark :%d\ndata %d\n%b\n" % (number * 2 + 1, len(text), text))
            out.write(_commit("work", number * 2 + 2, variant.operator, variant.parents))
            out.write(b"M 100644 :%d prompt.json\n\n" % (number * 2 + 1))
        leaves = list(childless)
        for start in range(0, len(leaves), _MOST_PARENTS):
            kept = leaves[start : start + _MOST_PARENTS]
            merges = b"".join(b"merge :%d\n" % (leaf * 2 + 2) for leaf in kept)
            out.write(_commit("kept", count * 2 + 1 + start, "keep", ()) + merges + b"\n")
        out.write(b"reset refs/heads/work\nfrom :2\n\ndone\n")
    return total


_MOST_PARENTS = 500


def _commit(branch: str, mark: int, message: str, parents: Sequence[int]) -> bytes:
    lines = [
        f"commit refs/heads/{branch}",
        f"mark :{mark}",
        "committer s <s> 1767225600 +0000",
        f"data {len(message)}",
        message,
        *(f"{'merge' if place else 'from'} :{parent * 2 + 2}" for place, parent in enumerate(parents)),
        "",
    ]
    return "\n".join(lines).encode()


def _fetch_from_git(repository: Path, names: Sequence[str]) -> float:
    command = ["git", "-C", str(repository), "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        taken = []
        for name in names:
            start = perf_counter()
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            length = int(process.stdout.readline().split()[2])
            process.stdout.read(length + 1)
            taken.append(perf_counter() - start)
        process.stdin.close()
    return median(taken)


def _git(folder: Path, *arguments: str, stdin: IO[bytes] | None = None) -> bytes:
    """What git prints."""
    command = [*_GIT, "-C", str(folder), *arguments]
    return subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE, env=_environment(folder), check=True).stdout


_GIT = ("git", "-c", "gc.auto=0")


def _environment(folder: Path) -> dict[str, str]:
    """Neither the machine's nor the user's settings for git count."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# --- small parts ------------------------------------------------------------------------------------------------------


def _timed(action: Callable[[], object], *, times: int = 1) -> float:
    start = perf_counter()
    for _ in range(times):
        action()
    return (perf_counter() - start) / times


def _times(name: str, ours: float, theirs: float, scale: float, aim: str) -> tuple[str, str, str, str, str]:
    return name, f"{ours * scale:.1f}", f"{theirs * scale:.1f}", f"{ours / theirs:.2f} x", aim


def _aim(met: bool, aim: str) -> str:
    return f"{aim}: {'met' if met else 'MISSED'}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=200_000, help="variants to store (default: 200000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-gc", dest="gc", action="store_false", help="leave out git gc --aggressive, which is slow")
    arguments = parser.parse_args()
    if arguments.candidates < 2_000:
        parser.error(f"{arguments.candidates} candidates say little; give 2000 or more")
    return arguments


if __name__ == "__main__":
    main()
