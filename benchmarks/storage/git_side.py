"""The same variants in git: imported, read, walked and repacked. Why it is done so stands in `registry.py`."""

import os
import random
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import IO

from benchmarks.storage.measured import Measured, Repacked, timed
from benchmarks.storage.variants import descendant_of_1000, variants

GC_SECONDS = 300


def measure_git(folder: Path, count: int, seed: int, *, fetches: int) -> Measured:
    repository, marks = folder / "git", folder / "marks"
    text_bytes, seconds = _import(folder, repository, marks, count, seed)
    size = _size(repository) / count
    names = dict(line.split() for line in marks.read_text().splitlines())
    draw = random.Random(seed)
    fetch = _fetch_from_git(repository, [names[f":{draw.randrange(count) * 2 + 1}"] for _ in range(fetches)])
    descendant = names[f":{descendant_of_1000(count, seed) * 2 + 2}"]
    ancestors = len(_git(repository, "rev-list", descendant).split()) - 1
    walk = median(timed(lambda: _git(repository, "rev-list", descendant)) for _ in range(5))
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
