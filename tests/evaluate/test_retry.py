"""Another try, later: when, how long after, and when no more."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import BudgetExhausted, InvalidInput, ModelRefused, ModelUnavailable
from stemma.evaluate.retry import RetryPolicy, retried
from stemma.models.completion import ProviderUnavailable
from stemma.testing.clock import VirtualClock


class Flaky:
    """A call that raises what it was given, one after the other, and then answers."""

    def __init__(self, *failures: Exception, before: Callable[[], None] = lambda: None) -> None:
        self.failures, self.before, self.calls = list(failures), before, 0

    async def __call__(self) -> str:
        self.calls += 1
        self.before()
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def _run(call: Flaky, clock: VirtualClock, *, policy: RetryPolicy | None = None, seed: str = "s") -> str:
    return asyncio.run(retried(call, policy=policy or RetryPolicy(), clock=clock, seed=seed))


def test_a_passing_failure_is_tried_again() -> None:
    """A call that is unavailable twice and then answers has its answer returned, after two waits."""
    call, clock = Flaky(ModelUnavailable("busy"), ModelUnavailable("busy")), VirtualClock()
    assert _run(call, clock) == "answer"
    assert (call.calls, len(clock.slept)) == (3, 2)


@pytest.mark.parametrize("error", [ModelRefused("m", "policy", "no"), BudgetExhausted("spent"), ValueError("bug")])
def test_any_other_failure_passes_at_once(error: Exception) -> None:
    """A refusal, an empty budget or a bug is raised at the first try, without a wait."""
    call, clock = Flaky(error), VirtualClock()
    with pytest.raises(type(error)):
        _run(call, clock)
    assert (call.calls, clock.slept) == (1, [])


def test_the_last_failure_is_raised_when_attempts_run_out() -> None:
    """After the allowed number of tries the last failure comes out as it was."""
    call = Flaky(*(ModelUnavailable(f"busy {number}") for number in range(9)))
    with pytest.raises(ModelUnavailable, match="busy 2"):
        _run(call, VirtualClock(), policy=RetryPolicy(attempts=3))
    assert call.calls == 3


def test_a_servers_wait_is_kept() -> None:
    """A wait that the server asked for is never cut short."""
    call, clock = Flaky(ProviderUnavailable("slow down", retry_after=17)), VirtualClock()
    _run(call, clock)
    assert 17 <= clock.slept[0] <= 18


def test_a_servers_wait_that_is_too_long_is_not_begun() -> None:
    """When the asked wait does not fit into the total, the failure is raised without waiting."""
    call, clock = Flaky(ProviderUnavailable("tomorrow", retry_after=86_400)), VirtualClock()
    with pytest.raises(ModelUnavailable, match="tomorrow"):
        _run(call, clock)
    assert (call.calls, clock.slept) == (1, [])


def test_time_spent_in_calls_counts_towards_the_total() -> None:
    """Tries that themselves take long use up the total time, so that fewer of them are made."""
    clock = VirtualClock()
    call = Flaky(*(ModelUnavailable("slow") for _ in range(9)), before=lambda: clock.advance(40))
    with pytest.raises(ModelUnavailable):
        _run(call, clock, policy=RetryPolicy(attempts=10, total=100))
    assert call.calls == 3


def test_one_seed_waits_alike_and_another_does_not() -> None:
    """The waits repeat exactly for one seed and spread over different ones."""

    def waits(seed: str) -> list[float]:
        clock = VirtualClock()
        _run(Flaky(*(ModelUnavailable("busy") for _ in range(4))), clock, seed=seed)
        return clock.slept

    assert waits("a") == waits("a")
    assert waits("a") != waits("b")


@given(
    tried=st.integers(1, 10_000),
    elapsed=st.floats(0, 1e6),
    jitter=st.floats(0, 1),
    retry_after=st.none() | st.floats(-10, 1e6),
)
def test_waits_stay_within_every_limit(tried: int, elapsed: float, jitter: float, retry_after: float | None) -> None:
    """Whatever happened, a wait is not negative, honours the server, and ends within the total time."""
    policy = RetryPolicy(attempts=20_000, base=0.5, cap=30, total=600)
    wait = policy.wait(tried, elapsed=elapsed, jitter=jitter, retry_after=retry_after)
    if wait is not None:
        assert wait >= max(0.0, retry_after or 0.0)
        assert wait <= 30 + max(0.0, retry_after or 0.0)
        assert elapsed + wait <= 600


def test_waits_double_until_the_cap() -> None:
    """The longest possible wait doubles from failure to failure and stops at the cap."""
    policy = RetryPolicy(attempts=9, base=1, cap=10, total=1000)
    assert [policy.wait(tried, elapsed=0, jitter=1) for tried in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize("options", [{"attempts": 0}, {"base": -1.0}, {"total": float("nan")}])
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, float]) -> None:
    """No attempts, negative seconds and NaN are refused when the policy is made."""
    with pytest.raises(InvalidInput):
        RetryPolicy(**options)  # type: ignore[arg-type]
