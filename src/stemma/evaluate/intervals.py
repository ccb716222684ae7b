"""Confidence intervals and tests, as their papers define them: plain numbers in, plain numbers out.

All intervals are two-sided with 95 % confidence. What scores of 0 and 1 need takes the standard library alone; SciPy,
which takes half a second to load, is imported for graded scores only.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist, fmean, stdev
from typing import TypeAlias

Interval: TypeAlias = tuple[float, float]

_TAIL = 0.025
_Z = NormalDist().inv_cdf(1 - _TAIL)


def wilson(successes: int, n: int) -> Interval:
    """The score interval of a proportion (Wilson 1927, JASA 22:209), for n of at least 1.

    It covers the truth in 95 % of samples on average over all proportions, where the exact interval of Clopper and
    Pearson covers more than it says (Brown, Cai and DasGupta 2001, Statistical Science 16:101). Within 3 % of 0 or 1
    and below 100 scores it may fall to 91 %.

    >>> tuple(round(limit, 4) for limit in wilson(81, 263))
    (0.2553, 0.3662)
    """
    centre = successes + _Z**2 / 2
    spread = _Z * math.sqrt(successes * (n - successes) / n + _Z**2 / 4)
    low, high = (centre - spread) / (n + _Z**2), (centre + spread) / (n + _Z**2)
    # At its ends the formula gives 0 and 1 exactly, which floating point misses.
    return 0.0 if successes == 0 else low, 1.0 if successes == n else high


def tango(wins: int, losses: int, n: int) -> Interval:
    """The score interval of (wins - losses) / n, the difference of two proportions on the same n cases.

    `wins` counts the cases that only the second side has right, `losses` those that only the first has. The interval
    inverts McNemar's test, with the nuisance parameter at its maximum likelihood (Tango 1998, Statistics in Medicine
    17:891). It keeps its coverage at small n (Fagerland, Lydersen and Laake 2014, Statistics in Medicine 33:2850),
    and has a width even when no case differs.

    >>> tuple(round(limit, 4) for limit in tango(6, 16, 161))
    (-0.124, -0.0054)
    """
    difference = (wins - losses) / n
    return (
        _last_with(lambda delta: _tango_statistic(wins, losses, n, delta) > _Z, -1.0, difference),
        _last_with(lambda delta: _tango_statistic(wins, losses, n, delta) > -_Z, difference, 1.0),
    )


def _tango_statistic(wins: int, losses: int, n: int, delta: float) -> float:
    """The score statistic against a true difference of `delta`; it falls as `delta` grows."""
    linear = (2 * n - wins + losses) * delta - wins - losses
    root = math.sqrt(max(0.0, linear**2 + 8 * n * losses * delta * (1 - delta)))
    lost = (root - linear) / (4 * n)
    variance = n * (2 * lost + delta * (1 - delta))
    distance = wins - losses - n * delta
    # No variance is left only where the limit is the difference itself: no case differs, or every one does.
    return distance / math.sqrt(variance) if variance > 0 else 0.0


def _last_with(claim: Callable[[float], bool], low: float, high: float) -> float:
    """Where `claim`, true at first and false from some point on, stops holding between `low` and `high`."""
    for _ in range(60):  # from a width of 2 down to the spacing of doubles
        middle = (low + high) / 2
        low, high = (middle, high) if claim(middle) else (low, middle)
    return (low + high) / 2


def mcnemar(wins: int, losses: int) -> float:
    """The exact two-sided p-value that wins and losses are equally likely (McNemar 1947; the sign test).

    >>> round(mcnemar(6, 16), 6)
    0.052479
    """
    differing = wins + losses
    fewer = min(wins, losses)
    # From the largest term downwards, each from the one before: no huge integers, and nothing lost to rounding.
    term = math.exp(_log_choose(differing, fewer) - differing * math.log(2))
    total = 0.0
    for count in range(fewer, -1, -1):
        total += term
        if term < total * 1e-17:
            break
        term *= count / (differing - count + 1)
    return min(1.0, 2 * total)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def student(values: Sequence[float], *, bounds: Interval) -> Interval:
    """Student's t interval (1908) of the mean of graded values that lie within `bounds`, cut to them.

    Values that are all the same have no spread to go by. Then the interval says what the number of values allows: a
    share of up to ``1 - 0.025 ** (1 / n)`` of all cases (Clopper and Pearson 1934) may lie elsewhere, as far out as
    the bounds. Where nearly all values are the same it covers a little less than it says: 92 % for 30 values of
    which a tenth differ, 94 % for 100 of them.

    >>> student([0.5, 0.7, 0.9], bounds=(0, 1))[0] > 0.2
    True
    """
    least, most = bounds
    if len(values) < 2:
        return bounds
    mean, spread = fmean(values), stdev(values)
    if spread == 0:
        unseen = 1 - _TAIL ** (1 / len(values))
        return mean - unseen * (mean - least), mean + unseen * (most - mean)
    from scipy.special import stdtrit  # see the module's docstring

    reach = float(stdtrit(len(values) - 1, 1 - _TAIL)) * spread / math.sqrt(len(values))
    return max(least, mean - reach), min(most, mean + reach)


def student_test(differences: Sequence[float]) -> float:
    """The two-sided p-value of Student's paired t-test that the mean difference is 0; 1 where nothing can be said.

    Differences that are all the same are tested by their signs alone, as they have no spread to go by.
    """
    n = len(differences)
    mean, spread = (fmean(differences), stdev(differences)) if n > 1 else (0.0, 0.0)
    if mean == 0:
        return 1.0
    if spread == 0:
        return mcnemar(n, 0)
    from scipy.special import stdtr  # see the module's docstring

    return float(2 * stdtr(n - 1, -abs(mean) / spread * math.sqrt(n)))
