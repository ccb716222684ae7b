"""How many workers there should be: within bounds, more for what waits longer, and never to and fro."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.network.scaling import Load, Scaling, is_calm, pause, wanted

SECONDS = st.floats(0, 1e6)


@st.composite
def scalings(draw: st.DrawFn) -> Scaling:
    least = draw(st.integers(1, 10))
    return Scaling(
        least,
        draw(st.integers(least, 40)),
        draw(st.floats(0.1, 600)),
        draw(st.floats(0, 600)),
        draw(st.integers(1, 50)),
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Scaling, Load]:
    """A rule, and a load with a number of workers that the rule allows."""
    scaling = draw(scalings())
    workers = draw(st.integers(scaling.least, scaling.most))
    return scaling, Load(workers, draw(st.integers(0, 3000)), draw(SECONDS))


@given(scalings(), st.integers(0, 100), st.integers(0, 3000), SECONDS, SECONDS, SECONDS)
def test_number_stays_within_its_bounds(
    scaling: Scaling, workers: int, hands: int, oldest: float, calm: float, settled: float
) -> None:
    """Whatever happens, and however many there are, what is wanted lies between the least and the most."""
    number = wanted(scaling, Load(workers, hands, oldest), calm=calm, settled=settled)
    assert scaling.least <= number <= scaling.most


@given(situations(), SECONDS, SECONDS, SECONDS)
def test_older_work_never_wants_fewer_workers(
    situation: tuple[Scaling, Load], older: float, calm: float, settled: float
) -> None:
    """Of two loads that differ in age alone, the older one wants at least as many."""
    scaling, load = situation
    low, high = sorted((load.oldest_seconds, older))
    few, many = (
        wanted(scaling, Load(load.workers, load.hands, age), calm=calm, settled=settled) for age in (low, high)
    )
    assert few <= many


@given(situations(), SECONDS, SECONDS, SECONDS, SECONDS, SECONDS)
def test_the_same_work_never_makes_more_and_then_fewer(
    situation: tuple[Scaling, Load], age: float, calm: float, settled: float, calm_then: float, settled_then: float
) -> None:
    """After a change, the same amount of work does not undo it, however old it is then and however long one waits."""
    scaling, load = situation
    number = wanted(scaling, load, calm=calm, settled=settled)
    then = wanted(scaling, Load(number, load.hands, age), calm=calm_then, settled=settled_then)
    if number > load.workers:
        assert then >= number
    if number < load.workers:
        assert then <= number


@given(situations(), SECONDS, SECONDS)
def test_workers_are_added_only_as_far_as_there_is_work(
    situation: tuple[Scaling, Load], calm: float, settled: float
) -> None:
    """More workers than there is work for would have nothing to do, so a message that waits for a replica starts none."""
    scaling, load = situation
    number = wanted(scaling, load, calm=calm, settled=settled)
    if number > load.workers:
        assert (number - 1) * scaling.concurrency < load.hands
        assert number <= 2 * load.workers


@given(situations(), SECONDS)
def test_new_workers_are_given_time_before_there_are_more(situation: tuple[Scaling, Load], share: float) -> None:
    """Until a change has had the target age to show its effect, there is no further growth."""
    scaling, load = situation
    settled = min(share, scaling.target_age * 0.99)
    assert wanted(scaling, load, calm=0.0, settled=settled) <= load.workers


@pytest.mark.parametrize(
    ("workers", "hands", "oldest", "calm", "settled", "number"),
    [
        (1, 100, 6.0, 0.0, 9.0, 2),
        (2, 100, 6.0, 0.0, 9.0, 4),
        (4, 33, 6.0, 0.0, 9.0, 5),  # five of eight hands each have all of it in hand
        (8, 1000, 600.0, 0.0, 9.0, 8),
        (1, 100, 4.0, 0.0, 9.0, 1),
        (1, 100, 6.0, 0.0, 4.0, 1),
        (3, 16, 0.0, 31.0, 99.0, 2),
        (3, 17, 0.0, 31.0, 99.0, 3),  # the third is needed
        (3, 16, 0.0, 29.0, 99.0, 3),
        (3, 16, 3.0, 31.0, 99.0, 3),  # something has waited for more than half the target age
        (1, 0, 0.0, 99.0, 99.0, 1),
    ],
)
def test_decisions_by_example(
    workers: int, hands: int, oldest: float, calm: float, settled: float, number: int
) -> None:
    """One to eight workers of eight hands each, a target age of 5 s, an idle time of 30 s."""
    assert wanted(Scaling(1, 8), Load(workers, hands, oldest), calm=calm, settled=settled) == number


def test_last_worker_is_never_calm_while_there_is_work() -> None:
    """With one worker fewer there would be nobody."""
    assert not is_calm(Scaling(1, 8), Load(1, 1, 0.0))


@given(st.integers(1, 10_000))
def test_pause_grows_with_each_death_up_to_half_a_minute(deaths: int) -> None:
    """A worker that cannot live is tried again less and less often, but never given up."""
    assert 0.5 <= pause(deaths) <= pause(deaths + 1) <= 30.0


@pytest.mark.parametrize(
    "wrong",
    [{"least": 0}, {"least": 9}, {"target_age": 0.0}, {"idle": -1.0}, {"concurrency": 0}],
    ids=str,
)
def test_scaling_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    """Bounds the wrong way round, and times and numbers that nothing can meet."""
    with pytest.raises(InvalidInput):
        Scaling(**{"least": 1, "most": 8} | wrong)  # type: ignore[arg-type]
