"""Another try, later: exponential back-off with full jitter for failures that pass.

`tenacity` was weighed and left out: its state lives in attempt objects and in a clock that it reads itself, while here
the time is handed in (a virtual one in tests and replays), and a try first reserves its budget, so that the decision
has to be a function of plain numbers. What is left is one formula.
"""

import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from stemma.core.clock import Clock
from stemma.core.errors import InvalidInput, ModelUnavailable
from stemma.models.completion import ProviderUnavailable

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` tries within `total` seconds, waits that grow from `base` seconds and never pass `cap`.

    Before try k+1 the wait is drawn evenly between 0 and ``min(cap, base * 2 ** k)``: full jitter, which spreads a
    crowd of callers best (Brooker 2015, 'Exponential Backoff And Jitter', AWS Architecture Blog).
    """

    attempts: int = 5
    base: float = 1.0
    cap: float = 30.0
    total: float = 120.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InvalidInput(f"{self.attempts} attempts would never call the model; allow at least 1")
        if not all(0 <= seconds < math.inf for seconds in (self.base, self.cap, self.total)):
            raise InvalidInput("the seconds of a retry policy are finite and not negative")

    def wait(self, tried: int, *, elapsed: float, jitter: float, retry_after: float | None = None) -> float | None:
        """Seconds to wait after `tried` failures (1 or more), or None when it is time to give up.

        `elapsed` is seconds since the first try began, `jitter` a number from 0 to 1. A wait that the server asked
        for, `retry_after`, is kept in full with the jitter on top, so that callers told the same do not come back
        together; when it does not fit into `total` there is no point in waiting for less.

        >>> RetryPolicy(base=1.0).wait(3, elapsed=2.0, jitter=0.5)
        2.0
        """
        if tried >= self.attempts:
            return None
        # The exponent is bounded because 2.0 ** 1024 is an error, and the cap was passed long before.
        seconds = jitter * min(self.cap, self.base * 2.0 ** min(tried - 1, 60)) + max(0.0, retry_after or 0.0)
        return seconds if elapsed + seconds <= self.total else None


async def retried(call: Callable[[], Awaitable[Answer]], *, policy: RetryPolicy, clock: Clock, seed: str) -> Answer:
    """What `call` returns, tried again after ModelUnavailable as `policy` says; any other error passes at once.

    `call` is the whole of one try, so it is `call` that reserves the budget and records what was spent. `seed` sets
    the jitter; take the digest of what is asked, so that a run repeats exactly and parallel calls still spread.

    Raises the last ModelUnavailable when the policy gives up.
    """
    started = clock.monotonic()
    draw = random.Random(seed)
    for tried in count(1):
        try:
            return await call()
        except ModelUnavailable as error:
            asked = error.retry_after if isinstance(error, ProviderUnavailable) else None
            wait = policy.wait(tried, elapsed=clock.monotonic() - started, jitter=draw.random(), retry_after=asked)
            if wait is None:
                raise
        await clock.sleep(wait)
    raise AssertionError("unreachable: count() does not end")
