"""A budget that is reserved before each call, so that it is never overshot."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Literal, TypeAlias

from stemma.core.errors import InvalidInput

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

    def times(self, number: int | Decimal) -> "Cost":
        """So many of it, with a part of a token counted as a whole one."""
        return Cost(ceil(self.tokens * number), self.money * number)

    def divided(self, number: int) -> "Cost":
        """One of so many equal parts, with a part of a token counted as a whole one."""
        return Cost(-(-self.tokens // number), self.money / number)

    def at_least(self, other: "Cost") -> "Cost":
        """The larger of both, tokens and money each for themselves."""
        return Cost(max(self.tokens, other.tokens), max(self.money, other.money))


@dataclass(frozen=True, slots=True)
class Spending:
    """Calls made, by kind, the limit they are held to (None: no limit), and what they cost."""

    task: int
    meta: int
    judge: int
    budget: int | None
    cost: Cost = Cost()

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
        self._each = Cost()
        self._most = Cost()
        self._aside = 0
        self._held = Cost()

    def reserve(self, kind: CallKind, most: Cost = Cost()) -> bool:
        """Whether one more call is granted; if so it is counted, with the most that it may cost."""
        if self.calls is not None and self.total >= self.calls - self._aside:
            return False
        if not self._within_limits(self._cost + self._held + most):
            return False
        self._calls[kind] += 1
        self._cost += most
        self._most = self._most.at_least(most)
        return True

    def settle(self, reserved: Cost, actual: Cost) -> None:
        """Replaces a reservation's estimate by what the call cost."""
        self._cost = self._cost - reserved + actual

    def set_aside(self, calls: int) -> None:
        """Keeps the last `calls` of the budget back until they are given free with ``set_aside(0)``."""
        self._aside = calls
        self.appraise(self._each)

    def appraise(self, each: Cost) -> None:
        """Says what a call is expected to cost. So much is kept back for each that is set aside, and what it takes to
        reserve the last of them.

        To be done between batches: within one, what is granted must not hang on which answer came first.
        """
        self._each = each
        self._held = self._kept_back(each)

    def affords(self, each: Cost) -> bool:
        """Whether there is enough left for the calls that are set aside, if that is what one costs."""
        return self._within_limits(self._cost + self._kept_back(each))

    def _kept_back(self, each: Cost) -> Cost:
        return each.times(self._aside) + self._most if self._aside else Cost()

    def _within_limits(self, cost: Cost) -> bool:
        return (self.tokens is None or cost.tokens <= self.tokens) and (self.money is None or cost.money <= self.money)

    @property
    def total(self) -> int:
        """Calls granted so far."""
        return sum(self._calls.values())

    @property
    def left(self) -> int | None:
        """Calls that may be made now, whatever they cost; None when there is no limit on calls."""
        return None if self.calls is None else max(0, self.calls - self._aside - self.total)

    def left_at(self, each: Cost) -> int | None:
        """Calls that may be made now if each costs so much; None when there is no limit to tell."""
        spent = self._cost + self._held
        left = [] if self.left is None else [self.left]
        if self.tokens is not None and each.tokens:
            left.append((self.tokens - spent.tokens) // each.tokens)
        if self.money is not None and each.money:
            left.append(int((self.money - spent.money) / each.money))
        return max(0, min(left)) if left else None

    @property
    def limits(self) -> str:
        """The limits in words."""
        named = ((self.calls, "calls"), (self.tokens, "tokens"), (self.money, "US dollars"))
        return " and ".join(f"{limit} {name}" for limit, name in named if limit is not None) or "no limit"

    @property
    def cost(self) -> Cost:
        return self._cost

    @property
    def spending(self) -> Spending:
        return Spending(self._calls["task"], self._calls["meta"], self._calls["judge"], self.calls, self._cost)
