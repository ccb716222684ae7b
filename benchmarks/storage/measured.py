"""What a side of a comparison came to, and how long a step of it took."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Measured:
    """One side's figures. Times are medians, in seconds; None where the side has no such thing."""

    text_bytes: float  # mean size of a variant
    rate: float  # variants stored a second
    size: float  # bytes on disk a variant
    fetch: float
    walk: float
    ancestors: int
    cold_fetch: float | None = None
    label: float | None = None
    cached_label: float | None = None


@dataclass(frozen=True, slots=True)
class Repacked:
    """What `git gc --aggressive` came to: bytes a variant, None when it was stopped."""

    variants: int
    size: float | None
    seconds: float


def timed(action: Callable[[], object], *, times: int = 1) -> float:
    start = perf_counter()
    for _ in range(times):
        action()
    return (perf_counter() - start) / times
