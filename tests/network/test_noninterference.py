"""A slice of the experiment of `benchmarks.noninterference`: what strangers write decides nothing about effects."""

import pytest
from benchmarks.noninterference import Result, compared

_SLICES = (range(1, 21), range(21, 41), range(41, 61))


@pytest.mark.parametrize("seeds", _SLICES, ids=str)
def test_effects_are_the_same_whatever_strangers_write(seeds: range) -> None:
    """Random networks make the same unapproved effects in two worlds that differ in strangers' texts alone, each on record
    before it was made."""
    result = compared(seeds)
    assert [f"seed {one.seed}\n{one.network}\n{one.one}\n{one.other}" for one in result.differences] == []
    assert result.unlogged == []
    assert result.effects > 0


def test_with_the_guard_off_most_networks_differ() -> None:
    """The experiment can fail: without the guard, most networks that make effects make others in the other world."""
    result: Result = compared(range(1, 11), guarded=False)
    assert len(result.differences) > result.acting / 2
