"""Rates: whether something happened far more often in one task than in those before.

Two Poisson rates are compared by the exact conditional test (Przyborowski & Wilenski, Biometrika 31, 1940): given how often
it happened in all, how much of that falls on the new task is binomial. Tasks differ more than Poisson counts do, and so
counts are first divided by their dispersion (McCullagh & Nelder, Generalized Linear Models, 1989, 6.2.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, lgamma, log, log1p

ALPHA = 1e-4
"""How likely a false alarm about one field of one task is, at most, where tasks are alike."""

FEW = 20
"""Tasks that are needed for a past; before that only the bound counts."""

MOST = 50
"""How often at most a field is endorsed in one task, while there is no past."""


@dataclass(frozen=True, slots=True)
class Spike:
    """`count` in one task, where `expected` were; `p` is how likely that, or more, is by chance, None against the bound."""

    count: int
    expected: float
    p: float | None


def spike(count: int, past: Sequence[int]) -> Spike | None:
    """The spike that `count` is after the counts of the `past` tasks, or None.

    >>> spike(9, [1] * 50).count, spike(2, [1] * 50), spike(9, [0, 20] * 25)
    (9, None, None)
    """
    if len(past) < FEW:
        return Spike(count, MOST, None) if count > MOST else None
    mean = sum(past) / len(past)
    if count <= mean + 1:
        return None
    variance = fsum((one - mean) ** 2 for one in past) / (len(past) - 1)
    dispersion = max(1.0, variance / mean) if mean else 1.0
    p = _at_least(int(count / dispersion), round(sum(past) / dispersion), len(past))
    return Spike(count, mean, p) if p < ALPHA else None


def _at_least(new: int, before: int, tasks: int) -> float:
    """How likely at least `new` of `new + before` events fall on one of `tasks` + 1 tasks."""
    total, share, rest = new + before, -log1p(tasks), log(tasks) - log1p(tasks)
    fewer = (
        exp(lgamma(total + 1) - lgamma(k + 1) - lgamma(total - k + 1) + k * share + (total - k) * rest)
        for k in range(new)
    )
    return max(0.0, 1.0 - fsum(fewer))
