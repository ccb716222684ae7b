"""Scaling: how many workers there should be, from how long work has waited and how much there is of it. Nothing but decisions.

Work that waits too long doubles the workers, as far as there is work for all of them; when for some time one fewer would do,
there is one fewer. What makes them more and what makes them fewer exclude each other by a wide margin, so they do not flap: see
`wanted`.
"""

from dataclasses import dataclass
from math import ceil

from stemma.core.errors import InvalidInput

_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Scaling:
    """From `least` to `most` workers, each with so many turns at a time.

    `target_age` is how many seconds the oldest work may wait before there are more workers, which are then given as long to
    show their effect; `idle` for how many seconds one fewer must have been enough before there are fewer.
    """

    least: int
    most: int
    target_age: float = 5.0
    idle: float = 30.0
    concurrency: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise InvalidInput(f"{self.least}..{self.most} workers cannot be kept; give at least 1, as in 1..8")
        if self.target_age <= 0 or self.idle < 0 or self.concurrency < 1:
            raise InvalidInput(
                "the target age must be over 0 seconds, the idle time not under 0, and concurrency at least 1"
            )


@dataclass(frozen=True, slots=True)
class Load:
    """What there is: so many workers, work for so many hands, the oldest waiting for so many seconds."""

    workers: int
    hands: int
    oldest_seconds: float


def wanted(scaling: Scaling, load: Load, *, calm: float, settled: float) -> int:
    """How many workers there should be.

    `calm` is for how many seconds the load `is_calm`, `settled` for how many the number of workers has been what it is. More
    than there are is wanted only when there is work for all of them, fewer only when what there is fits into fewer: for the
    work that made them more, they are not made fewer, and the other way round.
    """
    number = load.workers
    if load.oldest_seconds > scaling.target_age:
        if settled >= scaling.target_age:
            number = max(number, min(2 * number, ceil(load.hands / scaling.concurrency)))
    elif calm >= scaling.idle and is_calm(scaling, load):
        number -= 1
    return min(max(number, scaling.least), scaling.most)


def is_calm(scaling: Scaling, load: Load) -> bool:
    """Whether one worker fewer could have all there is in hand at once, and nothing has waited for half the target age."""
    return load.oldest_seconds <= scaling.target_age / 2 and load.hands <= (load.workers - 1) * scaling.concurrency


def pause(deaths: int) -> float:
    """Seconds to wait before a worker is replaced, after so many that died one after the other."""
    return min(_LONGEST_PAUSE, 0.25 * 2.0 ** min(deaths, 16))
