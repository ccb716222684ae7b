"""How much the best of many flatters itself."""

from random import Random
from statistics import fmean

from hypothesis import given
from hypothesis import strategies as st

from stemma.optimize.optimism import optimism


def coins(candidates: int, cases: int, seed: int) -> list[dict[int, float]]:
    rng = Random(seed)
    return [{place: float(rng.random() < 0.5) for place in range(cases)} for _ in range(candidates)]


def test_the_best_of_equal_candidates_is_corrected_towards_their_mean() -> None:
    """Among fifty candidates that only guess, most of the winner's lead over one half is taken back."""
    leads, kept = [], []
    for seed in range(5):
        scores = coins(50, 60, seed)
        lead = max(fmean(held.values()) for held in scores) - 0.5
        leads.append(lead)
        kept.append(lead - optimism(scores, seed=seed))
    assert fmean(kept) < 0.75 * fmean(leads)


def test_a_clear_winner_is_hardly_corrected() -> None:
    """Where one candidate is far better than the others its mean stands."""
    scores = [*coins(5, 60, 1), dict.fromkeys(range(60), 1.0)]
    assert optimism(scores, seed=0) == 0.0


@given(
    scores=st.lists(
        st.dictionaries(st.integers(0, 5), st.floats(0, 1), min_size=1),
        max_size=5,
    ),
    seed=st.integers(0, 3),
)
def test_it_is_a_share_and_repeats_itself(scores: list[dict[int, float]], seed: int) -> None:
    """Never negative, never above 1, and the same for the same seed."""
    found = optimism(scores, seed=seed)
    assert 0.0 <= found <= 1.0
    assert found == optimism(scores, seed=seed)
