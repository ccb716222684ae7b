"""A budget that is reserved before each call, so that it is never overshot."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from stemma.core.errors import BudgetExhausted, InvalidInput

CallKind: TypeAlias = Literal["task", "meta", "judge"]
"""task: a prompt under test answers a case. meta: a model writes or criticises prompts. judge: a model scores."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call takes, or may take: tokens in and out together, and US dollars."""

    tokens: int = 0
    money: Decimal = Decimal(0)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.tokens + other.tokens, self.money + other.money)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.tokens - other.tokens, self.money - other.money)


@dataclass(frozen=True, slots=True)
class Spending:
    """Calls made, by kind, and the limit they are held to (None: no limit)."""

    task: int
    meta: int
    judge: int
    budget: int | None

    @property
    def total(self) -> int:
        return self.task + self.meta + self.judge

    def to_json(self) -> dict[str, int | None]:
        return {
            "task": self.task,
            "meta": self.meta,
            "judge": self.judge,
            "total": self.total,
            "budget": self.budget,
        }


class Budget:
    """Limits on calls, tokens and money, for everything that one session does.

    A call is made only after `reserve` granted it with the most that it may cost; `settle` then replaces that by what it
    did cost. So the limit on calls holds exactly, and those on tokens and money as exactly as the estimates are upper
    bounds. An answer that is remembered is charged as well: what a session does must not depend on what others asked before.

    >>> budget = Budget(calls=1)
    >>> budget.reserve("task"), budget.reserve("task")
    (True, False)
    """

    def __init__(
        self, *, calls: int | None = None, tokens: int | None = None, money: Decimal | float | None = None
    ) -> None:
        for name, limit in (("calls", calls), ("tokens", tokens), ("money", money)):
            if limit is not None and limit <= 0:
                raise InvalidInput(f"a budget of {limit} {name} buys nothing; give more, or leave the limit out")
        self.calls = calls
        self.tokens = tokens
        self.money = None if money is None else Decimal(str(money))
        self._calls: Counter[CallKind] = Counter()
        self._cost = Cost()
        self._aside = 0

    def reserve(self, kind: CallKind, most: Cost = Cost()) -> bool:
        """Whether one more call is granted; if so it is counted, with the most that it may cost."""
        if self.calls is not None and self.total >= self.calls - self._aside:
            return False
        after = self._cost + most
        if self.tokens is not None and after.tokens > self.tokens:
            return False
        if self.money is not None and after.money > self.money:
            return False
        self._calls[kind] += 1
        self._cost = after
        return True

    def require(self, kind: CallKind, most: Cost = Cost()) -> None:
        """Reserves a call or raises BudgetExhausted."""
        if not self.reserve(kind, most):
            raise BudgetExhausted(
                f"the budget is spent: {self.total} of {self.calls} calls, {self._cost.tokens} tokens"
            )

    def settle(self, reserved: Cost, actual: Cost) -> None:
        """Replaces a reservation's estimate by what the call cost."""
        self._cost = self._cost - reserved + actual

    def set_aside(self, calls: int) -> None:
        """Keeps the last `calls` of the budget back until they are given free with ``set_aside(0)``."""
        self._aside = calls

    @property
    def total(self) -> int:
        """Calls granted so far."""
        return sum(self._calls.values())

    @property
    def left(self) -> int | None:
        """Calls that may be made now; None when there is no limit."""
        return None if self.calls is None else max(0, self.calls - self._aside - self.total)

    @property
    def cost(self) -> Cost:
        return self._cost

    @property
    def spending(self) -> Spending:
        return Spending(self._calls["task"], self._calls["meta"], self._calls["judge"], self.calls)
