"""How much the best of many candidates flatters itself: a correction for the winner's curse."""

from collections.abc import Mapping, Sequence
from random import Random
from statistics import fmean

_RESAMPLES = 200


def optimism(scores: Sequence[Mapping[int, float]], *, seed: int) -> float:
    """By how much the winner's mean over the validation cases overstates its true mean, because it was chosen by it.

    `scores` holds one mapping (case to score) for each candidate that was tried on every case. The cases are drawn again
    with replacement; each time the winner of the draw is looked up in the full data, and the mean of what it loses there
    is the estimate (Efron and Tibshirani 1993, 'An Introduction to the Bootstrap', chapter 17). Never negative.

    >>> optimism([{0: 1.0, 1: 1.0}], seed=0)
    0.0
    """
    if len(scores) < 2:
        return 0.0
    places = sorted(set.intersection(*(set(held) for held in scores)))
    if not places:
        return 0.0
    whole = [fmean(held[place] for place in places) for held in scores]
    rng = Random(f"{seed}:optimism")
    losses = []
    for _ in range(_RESAMPLES):
        drawn = rng.choices(places, k=len(places))
        means = [fmean(held[place] for place in drawn) for held in scores]
        winner = max(range(len(scores)), key=lambda place: (round(means[place], 9), -place))
        losses.append(means[winner] - whole[winner])
    return max(0.0, fmean(losses))
