"""A slice of the experiment of `benchmarks.noninterference`: what strangers write decides nothing about effects."""

import pytest
from benchmarks.interference.compared import same
from benchmarks.interference.played import Act, End, Played
from benchmarks.noninterference import compared

from stemma.network import RunStatus

_SLICES = (range(1, 21), range(21, 41), range(41, 61))
FLOW, POSTED, BELOW = ".2", ".2.t1-1-t0", ".2.t1-1-t0.t3-1"


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
    result = compared(range(1, 11), guarded=False)
    assert len(result.differences) > result.acting / 2


def test_the_same_world_twice_is_the_same() -> None:
    """What the experiment finds is no accident of who was faster."""
    assert compared(range(1, 11), worlds=("one", "one")).differences == []


def played(*acts: tuple[str, str], status: RunStatus = RunStatus.COMPLETED, **ends: End) -> Played:
    """One task with a flow, a post and a question below that; `acts` are turns and tools."""
    turns = {(0, turn): End.OWN for turn in (FLOW, POSTED, BELOW)}
    turns |= {(0, {"flow": FLOW, "posted": POSTED, "below": BELOW}[name]): end for name, end in ends.items()}
    return Played((status,), turns, tuple(Act(0, turn, "a", tool, ()) for turn, tool in acts))


WHOLE = played((FLOW, "pay"), (POSTED, "stamp"), (BELOW, "send"))


def test_missing_effect_is_a_difference() -> None:
    """Where nothing was cut short, all has to be there, in each turn and each chain."""
    assert same(WHOLE, WHOLE, in_turn=True)
    assert not same(WHOLE, played((FLOW, "pay"), (POSTED, "stamp")), in_turn=False)
    assert not same(WHOLE, played((FLOW, "pay"), (POSTED, "stamp"), (BELOW, "pay")), in_turn=False)


def test_chain_that_met_a_bound_is_the_beginning_of_the_other() -> None:
    """Less of that very chain is forgiven; other effects are not, nor more, nor less of the chain that posted it."""
    assert same(WHOLE, played((FLOW, "pay"), (POSTED, "stamp"), below=End.BOUND), in_turn=True)
    assert not same(WHOLE, played((FLOW, "pay"), (BELOW, "send"), below=End.BOUND), in_turn=True)
    assert not same(WHOLE, played((POSTED, "stamp"), below=End.BOUND), in_turn=True)
    more = played((FLOW, "pay"), (POSTED, "stamp"), (BELOW, "send"), (BELOW, "send"), below=End.BOUND)
    assert not same(WHOLE, more, in_turn=True)


def test_turn_that_ended_by_itself_is_whole_though_its_flow_was_stopped() -> None:
    """A bound that another turn met is no excuse for what this one left out."""
    stopped = played((POSTED, "stamp"), (BELOW, "send"), status=RunStatus.STOPPED)
    assert not same(WHOLE, stopped, in_turn=False)
    assert same(
        WHOLE,
        played(*((a.turn, a.tool) for a in WHOLE.acts[1:]), status=RunStatus.STOPPED, flow=End.BOUND),
        in_turn=False,
    )


def test_nothing_else_is_done_once_somebody_is_late() -> None:
    """After that every chain of the task may do less, and none anything else."""
    assert same(WHOLE, played((FLOW, "pay"), below=End.LATE), in_turn=True)
    assert not same(WHOLE, played((FLOW, "stamp"), below=End.LATE), in_turn=True)
