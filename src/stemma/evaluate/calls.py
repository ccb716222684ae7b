"""The one door to models for whatever scores or writes prompts: memo, budget, journal, retry and concurrency in one place."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stemma.core.clock import Clock
from stemma.core.errors import BudgetExhausted, ModelError, ModelRefused, ModelUnavailable
from stemma.evaluate.budget import Budget, CallKind, Cost
from stemma.evaluate.memo import Answer, Journal, Memo, Request
from stemma.evaluate.price import price_of
from stemma.evaluate.retry import RetryPolicy, retried
from stemma.models.completion import Completion, complete
from stemma.models.settings import BY_MODEL
from stemma.models.tokens import count_tokens

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import, and a command that calls no model does without
    from pydantic_ai.models import Model

_LONGEST_ANSWER = 4096
"""Tokens reserved for an answer when the settings name no `max_tokens`."""

UNPAID = "the budget was spent before this call"


@dataclass(frozen=True, slots=True)
class Target:
    """A model to ask, by the name that records carry. A model whose behaviour changes changes its `revision`."""

    name: str
    model: "Model"
    timeout: float = 120.0

    @property
    def identity(self) -> str:
        revision = getattr(self.model, "revision", None)
        return self.name if revision is None else f"{self.name}#{revision}"


@dataclass(slots=True)
class _Pending:
    """A request that was granted and has no answer yet."""

    request: Request
    reserved: Cost
    in_vain: int
    """Calls that an earlier run of the session made for it without an answer."""
    places: list[int] = field(default_factory=list)


class Calls:
    """Asks models for one session. Answers come in the order of the questions, whatever order they arrived in."""

    def __init__(
        self,
        memo: Memo,
        journal: Journal,
        budget: Budget,
        clock: Clock,
        *,
        concurrency: int = 4,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    ) -> None:
        self.budget = budget
        self._memo = memo
        self._journal = journal
        self._clock = clock
        self._concurrency = concurrency
        self._retry = retry
        self._answers: dict[bytes, Answer] = {}
        self._tries_charged: set[bytes] = set()
        self.remembered = 0
        """Questions that were answered from the memo or the journal, without a call."""
        self.exhausted = False
        """Whether a question went unasked because the budget could not pay for it."""

    async def answers(
        self,
        target: Target,
        requests: Sequence[Request],
        *,
        kind: CallKind,
        progress: Callable[[int], None] | None = None,
    ) -> list[Answer]:
        """The answer to each request: remembered, or asked for while the budget lasts.

        Requests are granted in their order, each as if all before it had been answered and paid, so that a run that is
        repeated stops at the same one, however many are open at a time. A request beyond the budget is missing with the
        words of `UNPAID`; a provider that stays unavailable makes it missing with its words. `progress` is told how many
        answers are in.

        Raises ModelError when the provider failed so often in a row, with nothing in between, that going on would only
        spend the budget. Raises NotConfigured when a budget of money meets a model without a known price.
        """
        answers: list[Answer | None] = [None] * len(requests)
        known = self._memo.recall([request.key for request in requests if request.key not in self._answers])
        failures = _Failures(limit=max(8, 2 * self._concurrency))
        waiting = deque(enumerate(requests))
        while waiting:
            pending = self._grant(target, waiting, kind, known, answers)
            if progress is not None:
                progress(sum(answer is not None for answer in answers))
            if pending:
                await self._ask(target, pending, kind, failures, answers, progress)
        return [answer or Answer(None, missing=UNPAID) for answer in answers]

    async def text(self, target: Target, request: Request, *, kind: CallKind) -> str:
        """The answer to one request. Raises BudgetExhausted, ModelRefused and ModelError."""
        [answer] = await self.answers(target, [request], kind=kind)
        if answer.missing == UNPAID:
            raise BudgetExhausted(f"the budget of {self.budget.limits} is spent")
        if answer.missing is not None or answer.text is None:
            raise ModelError(answer.missing or f"model {target.name!r} gave no answer")
        if answer.refusal is not None:
            raise ModelRefused(target.name, answer.refusal, answer.text)
        return answer.text

    def _grant(
        self,
        target: Target,
        waiting: deque[tuple[int, Request]],
        kind: CallKind,
        known: Mapping[bytes, Answer],
        answers: list[Answer | None],
    ) -> deque[_Pending]:
        """Takes requests from the front for as long as the budget lasts, and returns those that have to be asked.

        One that does not fit beside what is open stays in front: once that is paid, it may have cost less than it might.
        """
        pending: dict[bytes, _Pending] = {}
        while waiting:
            place, request = waiting[0]
            key = request.key
            if key in pending:
                pending[key].places.append(place)
            elif key in self._answers:
                answers[place] = self._answers[key]
            else:
                entry = self._journal.entries.get(key)
                paid, missing = (entry.paid, entry.missing) if entry else (0, None)
                # Every question is charged once a session, whether its answer is remembered or has to be paid for: so a
                # session takes the same steps whatever the memo holds. One that took several tries is charged for each,
                # and one that the session saw fail stays missing, though others may have an answer by now.
                is_open = missing is None and key not in known
                most = self._most(target, request)
                if key not in self._tries_charged:
                    self._tries_charged.add(key)
                    for _ in range(paid if is_open else paid - 1):
                        self.budget.reserve(kind)
                if not self.budget.reserve(kind, most):
                    if pending:
                        break
                    self.exhausted = True
                elif is_open:
                    pending[key] = _Pending(request, most, paid, [place])
                else:
                    self._answers[key] = known[key] if missing is None else Answer(None, missing=missing)
                    self.remembered += 1
                    self.budget.settle(most, self._answers[key].cost)
                    answers[place] = self._answers[key]
            waiting.popleft()
        return deque(pending.values())

    async def _ask(
        self,
        target: Target,
        pending: deque[_Pending],
        kind: CallKind,
        failures: "_Failures",
        answers: list[Answer | None],
        progress: Callable[[int], None] | None,
    ) -> None:
        done = sum(answer is not None for answer in answers)

        async def work() -> None:
            nonlocal done
            while pending:
                item = pending.popleft()
                answer = await self._answer(target, item, kind)
                failures.note(item.request.key, answer)
                for place in item.places:
                    answers[place] = answer
                done += len(item.places)
                if progress is not None:
                    progress(done)

        workers = [asyncio.create_task(work()) for _ in range(min(self._concurrency, len(pending)))]
        try:
            await asyncio.gather(*workers)
        except _NothingButFailures:
            self._journal.reopen(failures.keys, kind)
            for key in failures.keys:
                del self._answers[key]
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _most(self, target: Target, request: Request) -> Cost:
        """What a call takes at most, as far as the estimate of its tokens goes."""
        asked, longest = question_tokens(request), longest_answer(request)
        if self.budget.money is None:
            return Cost(asked + longest)
        return Cost(asked + longest, price_of(target.model, input_tokens=asked, output_tokens=longest))

    async def _answer(self, target: Target, item: _Pending, kind: CallKind) -> Answer:
        request, calls = item.request, 0

        async def attempt() -> Completion:
            nonlocal calls
            if calls and not self.budget.reserve(kind):
                raise ModelError("the budget was spent before the call could be tried again")
            calls += 1
            return await complete(
                target.model,
                system=request.system,
                user=request.user,
                settings=request.settings,
                output_schema=request.output_schema,
                timeout=target.timeout,
            )

        tokens = (0, 0)
        try:
            got = await retried(attempt, policy=self._retry, clock=self._clock, seed=request.key.hex())
            tokens = (got.input_tokens, got.output_tokens)
            cost = Cost(sum(tokens), got.cost or Decimal(0))
            answer = Answer(got.text, cost=cost, seconds=got.seconds, stand_in=got.stand_in)
        except ModelRefused as refusal:
            answer = Answer(refusal.reason, refusal=refusal.code)
        except (ModelUnavailable, ModelError) as failure:
            answer = Answer(None, missing=str(failure))
        self.budget.settle(item.reserved, answer.cost)
        answer = self._journal.paid(request.key, kind, answer, calls=item.in_vain + calls, tokens=tokens)
        self._answers[request.key] = answer
        return answer


class _NothingButFailures(ModelError):
    """No call was answered."""


@dataclass(slots=True)
class _Failures:
    limit: int
    keys: list[bytes] = field(default_factory=list)
    answered: bool = False

    def note(self, key: bytes, answer: Answer) -> None:
        """Raises _NothingButFailures when nothing else has come so far."""
        if answer.missing is None:
            self.answered = True
            return
        self.keys.append(key)
        if len(self.keys) >= self.limit and not self.answered:
            raise _NothingButFailures(f"the first {len(self.keys)} calls all failed; the last: {answer.missing}")


def question_tokens(request: Request) -> int:
    """The estimated tokens of the question itself."""
    return count_tokens(request.system) + count_tokens(request.user)


def longest_answer(request: Request) -> int:
    """The tokens that an answer may take; of models that stand in for each other, the longest of any."""
    settings: Mapping[str, Any] = request.settings
    each = [{**settings, **own} for own in ({}, *settings.get(BY_MODEL, {}).values())]
    return max(int(asked_with.get("max_tokens") or _LONGEST_ANSWER) for asked_with in each)
