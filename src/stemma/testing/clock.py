"""A clock that moves only when it is told to, or when somebody sleeps on it."""

import asyncio
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """Time for tests: `sleep` returns at once, moves the time on and is written down in `slept`, in seconds.

    >>> clock = VirtualClock()
    >>> asyncio.run(clock.sleep(90))
    >>> clock.monotonic(), clock.now().isoformat()
    (90.0, '2026-01-01T00:01:30+00:00')
    """

    def __init__(self, start: datetime = _START) -> None:
        self._start, self._passed = start, 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    def advance(self, seconds: float) -> None:
        """Lets `seconds` pass, as a slow call would."""
        self._passed += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)  # other tasks get their turn, as they would while real time passes
