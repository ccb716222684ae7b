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
from stemma.evaluate.retry import RetryPolicy, retried
from stemma.models.completion import Completion, complete
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
        self.remembered = 0
        """Questions that were answered from the memo or the journal, without a call."""

    async def answers(
        self,
        target: Target,
        requests: Sequence[Request],
        *,
        kind: CallKind,
        progress: Callable[[int], None] | None = None,
    ) -> list[Answer]:
        """The answer to each request: remembered, or asked for while the budget lasts.

        Which requests are granted is settled in their order before the first is made, so that a run that is repeated
        stops at the same one. A request beyond the budget is missing with the words of `UNPAID`; a provider that stays
        unavailable makes it missing with its words. `progress` is told how many answers are in.

        Raises ModelError when the provider failed so often in a row, with nothing in between, that going on would only
        spend the budget.
        """
        answers: list[Answer | None] = [None] * len(requests)
        pending = self._grant(requests, kind, answers)
        if progress is not None:
            progress(sum(answer is not None for answer in answers))
        if pending:
            await self._ask(target, pending, kind, answers, progress)
        return [answer or Answer(None, missing=UNPAID) for answer in answers]

    async def text(self, target: Target, request: Request, *, kind: CallKind) -> str:
        """The answer to one request. Raises BudgetExhausted, ModelRefused and ModelError."""
        [answer] = await self.answers(target, [request], kind=kind)
        if answer.missing == UNPAID:
            raise BudgetExhausted(f"the budget of {self.budget.calls} calls is spent")
        if answer.missing is not None or answer.text is None:
            raise ModelError(answer.missing or f"model {target.name!r} gave no answer")
        if answer.refusal is not None:
            raise ModelRefused(target.name, answer.refusal, answer.text)
        return answer.text

    def _grant(self, requests: Sequence[Request], kind: CallKind, answers: list[Answer | None]) -> deque[_Pending]:
        known = self._memo.recall([request.key for request in requests if request.key not in self._answers])
        waiting: dict[bytes, _Pending] = {}
        for place, request in enumerate(requests):
            key = request.key
            if key in waiting:
                waiting[key].places.append(place)
            elif key not in self._answers:
                entry = self._journal.entries.get(key)
                paid, missing = (entry.paid, entry.missing) if entry else (0, None)
                # Every question is charged once a session, whether its answer is remembered or has to be paid for: so a
                # session takes the same steps whatever the memo holds. One that took several tries is charged for each,
                # and one that the session saw fail stays missing, though others may have an answer by now.
                is_open = missing is None and key not in known
                most = _most(request)
                for _ in range(paid if is_open else paid - 1):
                    self.budget.reserve(kind)
                if not self.budget.reserve(kind, most):
                    continue
                if is_open:
                    waiting[key] = _Pending(request, most, paid, [place])
                    continue
                self._answers[key] = known[key] if missing is None else Answer(None, missing=missing)
                self.remembered += 1
                self.budget.settle(most, self._answers[key].cost)
            answers[place] = self._answers.get(key)
        return deque(waiting.values())

    async def _ask(
        self,
        target: Target,
        pending: deque[_Pending],
        kind: CallKind,
        answers: list[Answer | None],
        progress: Callable[[int], None] | None,
    ) -> None:
        failures = _Failures(limit=max(8, 2 * self._concurrency))
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
            answer = Answer(got.text, cost=Cost(sum(tokens), got.cost or Decimal(0)))
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


def _most(request: Request) -> Cost:
    settings: Mapping[str, Any] = request.settings
    longest = int(settings.get("max_tokens") or _LONGEST_ANSWER)
    return Cost(count_tokens(request.system) + count_tokens(request.user) + longest)
