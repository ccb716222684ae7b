"""Bounds: what a whole task may take, with everything that it sets off."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that one run may take.

    `depth` counts messages below messages; `fan_out` the messages that one step of a flow, or one turn, sends;
    `messages`, model `calls` and `tokens` (in and out) all of the run's; `dollars` what its calls cost as far as their
    price is known; `seconds` its whole time, waiting for people not included. `approvals` is how often people are asked
    to let a call go ahead that no policy lets: what is wanted after that is refused. Calls that are in flight when a bound
    is met are finished and counted.
    """

    depth: int = 8
    fan_out: int = 16
    messages: int = 500
    calls: int = 500
    approvals: int = 10
    tokens: int | None = None
    dollars: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has taken so far."""

    messages: int = 0
    calls: int = 0
    tokens: int = 0
    microdollars: int = 0

    def met(self, bounds: Bounds) -> str | None:
        """The bound that leaves no room for another call, in words; None while there is room."""
        limits: Mapping[str, tuple[float, float | None]] = {
            "model calls": (self.calls, bounds.calls),
            "tokens": (self.tokens, bounds.tokens),
            "dollars": (self.microdollars / 1_000_000, bounds.dollars),
        }
        for what, (taken, most) in limits.items():
            if most is not None and taken >= most:
                return f"the task's bound of {most:,} {what} is met"
        return None
