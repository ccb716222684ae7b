"""The registry at size, beside git: storing machine-written prompts, fetching one, walking its ancestors, resolving a label.

    python -m benchmarks.registry [--candidates 200000] [--seed 7] [--no-gc]

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
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.storage.git_side import measure_gc, measure_git
from benchmarks.storage.measured import Measured, Repacked
from benchmarks.storage.stemma_side import measure_stemma

GC_VARIANTS = 10_000
FETCHES = 500


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="stemma-bench-") as folder:
        ours = measure_stemma(Path(folder), arguments.candidates, arguments.seed, fetches=FETCHES)
        theirs = measure_git(Path(folder), arguments.candidates, arguments.seed, fetches=FETCHES)
        repacked = measure_gc(Path(folder), GC_VARIANTS, arguments.seed) if arguments.gc else None
    if ours.ancestors != theirs.ancestors:
        raise SystemExit(f"Stemma finds {ours.ancestors} ancestors and git {theirs.ancestors}: one of them is wrong")
    print(f"{arguments.candidates:,} variants of a {ours.text_bytes:,.0f}-byte prompt, seed {arguments.seed}")
    for row in table(ours, theirs, repacked):
        print(f"{row[0]:<34}{row[1]:>14}{row[2]:>14}{row[3]:>9}  {row[4]}")


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
