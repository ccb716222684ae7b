"""A slice of the fuzzer of `benchmarks.fuzz_input`, at every edge."""

from collections.abc import Callable

import pytest
from benchmarks.fuzz_input import Tally, attempt, fuzz, shares
from benchmarks.hostile.edges import SHARES

from stemma.core.errors import InvalidInput

EDGES = (
    "messages",
    "records",
    "manifests",
    "prompts",
    "templates",
    "results",
    "arguments",
    "paths",
    "exports",
)


@pytest.mark.parametrize("edge", [*EDGES, *SHARES])
def test_hostile_input_is_refused_or_used(edge: str) -> None:
    """Whatever comes in, it ends in success or in one short line of refusal, and never in another error or a hang."""
    tally = fuzz(5 if edge in SHARES else 60, 7, edge=edge, seconds=60)[edge]  # a busy machine is no hang
    assert tally.cases > 0
    assert tally.wrong == []


def test_what_is_wrong_is_found() -> None:
    """Another error, a message in several lines and one that nobody can read are each noted with the case."""
    tally = Tally()

    def raising(error: Exception) -> Callable[[], None]:
        def case() -> None:
            raise error

        return case

    for place, error in enumerate((KeyError("x"), InvalidInput("a\nb"), InvalidInput("x" * 5_000), InvalidInput("no"))):
        attempt(raising(error), place, tally)
    attempt(lambda: None, 4, tally)
    assert [wrong.split(":")[0:2] for wrong in tally.wrong] == [
        ["case 0", " KeyError"],
        ["case 1", " InvalidInput in 2 lines"],
        ["case 2", " InvalidInput of 5,000 characters"],
    ]
    assert (tally.cases, tally.refused) == (5, 3)


def test_every_case_is_given_to_an_edge() -> None:
    """The dear edges get their share, and the others all that is left."""
    names = (*EDGES, *SHARES)
    given = shares(10_000, names)
    assert sum(given.values()) == 10_000
    assert given["runs"] == 100
    assert min(given[name] for name in EDGES) >= 900
