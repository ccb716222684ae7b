"""A budget is reserved before it is spent, so it is never overshot."""

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.evaluate.budget import Budget, CallKind, Cost

KINDS = st.sampled_from(["task", "meta", "judge"])


@given(limit=st.integers(1, 40), asked=st.lists(KINDS, max_size=80))
def test_calls_never_exceed_their_limit(limit: int, asked: list[CallKind]) -> None:
    """Of any sequence of requests exactly the first `limit` are granted, and each is counted by its kind."""
    budget = Budget(calls=limit)
    granted = [kind for kind in asked if budget.reserve(kind)]
    assert granted == asked[:limit]
    assert budget.total == len(granted) == budget.spending.total
    assert (budget.spending.task, budget.spending.meta) == (granted.count("task"), granted.count("meta"))


@given(
    limit=st.integers(1, 500),
    calls=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted), max_size=40),
)
def test_tokens_never_exceed_their_limit(limit: int, calls: list[list[int]]) -> None:
    """However much less than its estimate each call costs, what was spent stays within the limit."""
    budget = Budget(tokens=limit)
    for actual, most in calls:
        if budget.reserve("task", Cost(most)):
            budget.settle(Cost(most), Cost(actual))
        assert budget.cost.tokens <= limit


@given(limit=st.integers(1, 30), workers=st.integers(1, 8), each=st.integers(0, 10))
def test_concurrent_workers_share_one_limit(limit: int, workers: int, each: int) -> None:
    """Workers that interleave between reserving and settling never make more calls together than were granted."""
    budget = Budget(calls=limit)
    made = 0

    async def work() -> None:
        nonlocal made
        for _ in range(each):
            if budget.reserve("task"):
                await asyncio.sleep(0)
                made += 1
                budget.settle(Cost(), Cost(1))

    async def everyone() -> None:
        await asyncio.gather(*(work() for _ in range(workers)))

    asyncio.run(everyone())
    assert made == min(limit, workers * each) == budget.total


def test_money_is_reserved_at_its_estimate_and_settled_at_its_price() -> None:
    """A reservation holds back the estimate; settling frees what the call did not cost."""
    budget = Budget(money=1.0)
    most = Cost(money=Decimal("0.6"))
    assert budget.reserve("task", most)
    assert not budget.reserve("task", most)
    budget.settle(most, Cost(money=Decimal("0.1")))
    assert budget.reserve("task", most)
    assert budget.cost.money == Decimal("0.7")


def test_calls_set_aside_are_kept_until_given_free() -> None:
    """What is set aside for later cannot be reserved before it is given free."""
    budget = Budget(calls=3)
    budget.set_aside(2)
    assert [budget.reserve("task") for _ in range(2)] == [True, False]
    assert budget.left == 0
    budget.set_aside(0)
    assert budget.left == 2


def test_calls_set_aside_keep_back_what_they_may_cost() -> None:
    """They are valued at what a call is said to cost, with room to reserve the last of them."""
    budget = Budget(tokens=100)
    budget.set_aside(3)
    assert budget.reserve("task", Cost(30))
    budget.settle(Cost(30), Cost(10))
    budget.appraise(Cost(10))
    assert (budget.affords(Cost(20)), budget.affords(Cost(21))) == (True, False)
    assert budget.left_at(Cost(10)) == (100 - 10 - (3 * 10 + 30)) // 10
    assert not budget.reserve("task", Cost(31))
    assert budget.reserve("task", Cost(30))
    budget.settle(Cost(30), Cost(10))
    budget.set_aside(0)
    for _ in range(3):
        assert budget.reserve("task", Cost(30))
        budget.settle(Cost(30), Cost(10))


def test_calls_left_are_those_that_every_limit_allows() -> None:
    """The tightest of the limits counts; without a price only the limit on calls can be told."""
    budget = Budget(calls=50, tokens=1000, money=0.1)
    assert budget.left == budget.left_at(Cost()) == 50
    budget.reserve("task", Cost(100, Decimal("0.02")))
    budget.settle(Cost(100, Decimal("0.02")), Cost(40, Decimal("0.01")))
    assert (budget.left, budget.left_at(Cost(40, Decimal("0.01"))), budget.left_at(Cost(100))) == (49, 9, 9)
    assert Budget().left_at(Cost(1)) is None
    assert budget.limits == "50 calls and 1000 tokens and 0.1 US dollars"


def test_no_limit_grants_everything() -> None:
    """Without limits nothing is refused, and there is no number of calls left."""
    budget = Budget()
    assert all(budget.reserve("task", Cost(10**9, Decimal(10**9))) for _ in range(100))
    assert budget.left is None


@pytest.mark.parametrize("limit", ["calls", "tokens", "money"])
def test_a_budget_of_nothing_is_refused(limit: str) -> None:
    """A limit of zero could never be used, and is a mistake to be told of."""
    with pytest.raises(InvalidInput, match=f"0 {limit}"):
        Budget(**{limit: 0})
