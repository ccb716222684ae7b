"""The one door to models: what is asked, what is charged, and what a failure costs."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_ai.exceptions import ContentFilterError, ModelHTTPError

from stemma.core.errors import BudgetExhausted, ModelError, ModelRefused, NotConfigured
from stemma.evaluate.budget import Budget, CallKind
from stemma.evaluate.calls import UNPAID, Calls, Target
from stemma.evaluate.memo import Answer, Journal, Memo, Request
from stemma.evaluate.retry import RetryPolicy
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.registry.sessions import Session
from stemma.store import Store
from stemma.testing.clock import VirtualClock
from stemma.testing.scripted import CountingModel, ScriptedModel

MakeCalls = Callable[..., Calls]


def scope_on(store: Store) -> Scope:
    return Scope(store, Ledger(store, VirtualClock()), VirtualClock(), "user:test")


def requests(*users: str) -> list[Request]:
    return [Request("scripted", "Echo.", user, {}) for user in users]


def echo() -> ScriptedModel:
    return ScriptedModel(lambda system, user: user.upper())


def ask(calls: Calls, model: ScriptedModel | CountingModel, *users: str, kind: CallKind = "task") -> list[Answer]:
    return asyncio.run(calls.answers(Target("scripted", model), requests(*users), kind=kind))


def down(times: int = 10**6) -> Callable[[str, str], str | Exception]:
    """Fails each question `times` times, then echoes."""
    failed = Counter[str]()

    def answer(system: str, user: str) -> str | Exception:
        failed[user] += 1
        return ModelHTTPError(503, "scripted") if failed[user] <= times else user.upper()

    return answer


def test_answers_come_in_the_order_of_the_questions(scope: Scope, calls_on: MakeCalls) -> None:
    """Whichever answer arrives first, each stands at its question's place."""

    async def answer(system: str, user: str) -> str:
        for _ in range(10 - int(user)):
            await asyncio.sleep(0)
        return f"answer {user}"

    answers = ask(calls_on(scope), ScriptedModel(answer), *map(str, range(10)))
    assert [answer.text for answer in answers] == [f"answer {number}" for number in range(10)]


def test_a_question_that_stands_twice_in_a_batch_is_asked_once(scope: Scope, calls_on: MakeCalls) -> None:
    """Equal requests share one call and one charge."""
    calls, model = calls_on(scope), echo()
    answers = ask(calls, model, "a", "b", "a", "a")
    assert [answer.text for answer in answers] == ["A", "B", "A", "A"]
    assert (len(model.calls), calls.budget.total) == (2, 2)


def test_what_is_remembered_is_charged_and_not_asked(scope: Scope, calls_on: MakeCalls) -> None:
    """Another session's answer saves the call, and costs its budget the same, so that its steps do not change."""
    ask(calls_on(scope), echo(), "a", "b")
    calls, silent = calls_on(scope, limit=3), ScriptedModel([])
    assert [answer.text for answer in ask(calls, silent, "a", "b")] == ["A", "B"]
    assert (calls.budget.total, calls.remembered, len(silent.calls)) == (2, 2, 0)
    ask(calls, silent, "a", "b")
    assert calls.budget.total == 2


@pytest.mark.parametrize("known", [(), ("c",), ("a", "b", "c", "d", "e")])
def test_the_budget_ends_at_the_same_question_whatever_is_remembered(
    scope: Scope, calls_on: MakeCalls, known: tuple[str, ...]
) -> None:
    """Grants follow the order of the questions; those beyond the budget are missing in words."""
    ask(calls_on(scope), echo(), *known)
    calls = calls_on(scope, limit=3)
    answers = ask(calls, echo(), "a", "b", "c", "d", "e")
    assert [answer.text for answer in answers] == ["A", "B", "C", None, None]
    assert {answer.missing for answer in answers[3:]} == {UNPAID}
    assert calls.budget.left == 0


def test_every_try_is_charged(scope: Scope, calls_on: MakeCalls) -> None:
    """A question answered at the third try takes three calls of the budget, and a later run is charged the same."""
    calls, model = calls_on(scope, limit=10), ScriptedModel(down(times=2))
    assert [answer.text for answer in ask(calls, model, "a")] == ["A"]
    assert len(model.calls) == calls.budget.total == 3


def test_retries_stop_at_the_budget(scope: Scope, calls_on: MakeCalls) -> None:
    """A retry beyond the budget is not made: the answer is missing, and says so."""
    calls, model = calls_on(scope, limit=2), ScriptedModel(down())
    [answer] = ask(calls, model, "a")
    assert answer.missing == "the budget was spent before the call could be tried again"
    assert len(model.calls) == 2


def test_an_outage_is_missing_data_with_its_words(scope: Scope, calls_on: MakeCalls) -> None:
    """What a provider does not answer within its tries is missing, with the last failure as the reason."""

    def answer(system: str, user: str) -> str | Exception:
        return ModelHTTPError(503, "scripted") if user == "b" else user.upper()

    answers = ask(calls_on(scope), ScriptedModel(answer), "a", "b", "c")
    assert [answer.text for answer in answers] == ["A", None, "C"]
    assert "HTTP 503" in (answers[1].missing or "")


def test_an_error_that_will_not_pass_is_not_tried_again(scope: Scope, calls_on: MakeCalls) -> None:
    """A rejected request costs one call, however many tries are allowed."""
    model = ScriptedModel([ModelHTTPError(400, "scripted"), "B"])
    calls = calls_on(scope, concurrency=1)
    first, second = ask(calls, model, "a", "b")
    assert (first.text, second.text, len(model.calls)) == (None, "B", 2)


def test_nothing_but_failures_stops_the_asking(scope: Scope, calls_on: MakeCalls) -> None:
    """When none of the first calls is answered, the rest of the budget is saved and the reason is raised."""
    model = ScriptedModel(lambda system, user: ModelHTTPError(401, "scripted"))
    with pytest.raises(ModelError, match=r"the first 8 calls all failed; the last: .* check it"):
        ask(calls_on(scope), model, *map(str, range(100)))
    assert len(model.calls) < 20


def test_failures_after_an_answer_do_not_stop_the_asking(scope: Scope, calls_on: MakeCalls) -> None:
    """A model that works for some questions is asked all of them."""
    model = ScriptedModel(lambda system, user: "yes" if user == "0" else ModelHTTPError(400, "scripted"))
    answers = ask(calls_on(scope), model, *map(str, range(30)))
    assert (len(model.calls), sum(answer.missing is not None for answer in answers)) == (30, 29)


def test_a_session_that_goes_on_after_an_outage_asks_again(
    scope: Scope, calls_on: MakeCalls, new_session: Callable[[Scope], Session]
) -> None:
    """Calls made in vain stay charged, and their questions are open when the session goes on."""
    session = new_session(scope)
    model = ScriptedModel(lambda system, user: ModelHTTPError(401, "scripted"))
    with pytest.raises(ModelError):
        ask(calls_on(scope, session=session, concurrency=1), model, *map(str, range(9)))
    later = calls_on(scope, session=session)
    assert all(answer.text for answer in ask(later, echo(), *map(str, range(9))))
    assert later.budget.total == 8 + 9
    again = calls_on(scope, session=session)
    ask(again, ScriptedModel([]), *map(str, range(9)))
    assert again.budget.total == 8 + 9


def test_a_session_that_goes_on_is_charged_as_before(
    scope: Scope, calls_on: MakeCalls, new_session: Callable[[Scope], Session]
) -> None:
    """The journal gives the answers, the holes and the number of tries; nothing is asked."""
    session = new_session(scope)

    def answer(system: str, user: str) -> str | Exception:
        return ModelHTTPError(503, "scripted") if user in "bd" else user.upper()

    first = calls_on(scope, session=session, retry=RetryPolicy(attempts=3))
    before = ask(first, ScriptedModel(answer), "a", "b", "c", "d")
    ask(calls_on(scope), echo(), "b")  # another session gets the answer that this one did without
    second, silent = calls_on(scope, session=session), ScriptedModel([])
    after = ask(second, silent, "a", "b", "c", "d")
    assert [(a.text, a.missing) for a in after] == [(a.text, a.missing) for a in before]
    assert first.budget.total == second.budget.total == 1 + 3 + 1 + 3


def test_calls_are_counted_by_their_kind(scope: Scope, calls_on: MakeCalls) -> None:
    """Task, meta and judge calls come out of one budget and are told apart."""
    calls = calls_on(scope, limit=5)
    ask(calls, echo(), "a", "b")
    ask(calls, echo(), "c", kind="meta")
    ask(calls, echo(), "d", "e", "f", kind="judge")
    assert calls.budget.spending.to_json() == {"task": 2, "meta": 1, "judge": 2, "total": 5, "budget": 5}


def test_no_more_calls_are_open_than_allowed(scope: Scope, calls_on: MakeCalls) -> None:
    """At most `concurrency` calls are on their way at a time."""
    running = most = 0

    async def answer(system: str, user: str) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return user

    ask(calls_on(scope, concurrency=3), ScriptedModel(answer), *map(str, range(20)))
    assert most == 3


def test_progress_is_told_of_every_answer(scope: Scope, calls_on: MakeCalls) -> None:
    """The count starts with what is remembered and ends with everything."""
    ask(calls_on(scope), echo(), "a")
    told: list[int] = []
    target = Target("scripted", echo())
    asyncio.run(calls_on(scope).answers(target, requests("a", "b", "c", "b"), kind="task", progress=told.append))
    assert (told[0], told[-1], told == sorted(told)) == (1, 4, True)


def test_one_text_raises_what_a_batch_writes_down(scope: Scope, calls_on: MakeCalls) -> None:
    """Asking for a single text raises the refusal, the failure and the end of the budget as errors."""
    model = ScriptedModel([ContentFilterError("no"), ModelHTTPError(400, "scripted"), "C"])
    calls, target = calls_on(scope, limit=3), Target("scripted", model)
    refused, failed, good, late = requests("a", "b", "c", "d")
    with pytest.raises(ModelRefused, match="content_filter"):
        asyncio.run(calls.text(target, refused, kind="judge"))
    with pytest.raises(ModelError, match="gave no usable answer"):
        asyncio.run(calls.text(target, failed, kind="judge"))
    assert asyncio.run(calls.text(target, good, kind="judge")) == "C"
    with pytest.raises(BudgetExhausted, match="budget of 3 calls is spent"):
        asyncio.run(calls.text(target, late, kind="judge"))


def test_tokens_are_reserved_at_their_most_and_settled_at_what_they_were(scope: Scope) -> None:
    """An answer may be long, so few are asked for at a time; what they did not take pays for the next."""
    memo = Memo(scope)
    calls = Calls(memo, Journal(scope, memo), Budget(tokens=9000), VirtualClock())
    running = most = 0

    async def answer(system: str, user: str) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return user.upper()

    answers = ask(calls, ScriptedModel(answer), *"abcdef")
    assert [answer.text for answer in answers] == [*"ABCDEF"]
    assert (most, calls.budget.cost.tokens, calls.exhausted) == (2, 24, False)


def test_earlier_tries_are_charged_once_though_a_question_has_to_wait(
    scope: Scope, new_session: Callable[[Scope], Session]
) -> None:
    """A question that took three calls, and does not fit beside the one before it at first, still costs three."""
    session, memo = new_session(scope), Memo(scope)

    def on(budget: Budget) -> Calls:
        return Calls(memo, Journal(scope, memo, session=session.number), budget, VirtualClock())

    ask(on(Budget()), ScriptedModel(down(times=2)), "b")
    later = on(Budget(tokens=5000))
    assert [answer.text for answer in ask(later, echo(), "a", "b")] == ["A", "B"]
    assert later.budget.total == 1 + 3


@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=14),
    limit=st.integers(4_100, 4_400),
    concurrency=st.integers(1, 6),
    known=st.sets(st.integers(0, 13)),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_limit_on_tokens_ends_at_the_same_questions_every_time(
    migrated: Path, sizes: list[int], limit: int, concurrency: int, known: set[int]
) -> None:
    """Whatever is remembered and however many are open, the same questions are answered, and the limit is kept."""

    def asked(store: Store, places: Iterable[int], budget: Budget, concurrency: int) -> list[str | None]:
        memo = Memo(scope_on(store))
        calls = Calls(memo, Journal(scope_on(store), memo), budget, VirtualClock(), concurrency=concurrency)
        questions = [Request("scripted", "Echo.", f"{place}{'x' * 4 * sizes[place]}", {}) for place in places]
        answers = asyncio.run(calls.answers(Target("scripted", echo()), questions, kind="task"))
        assert budget.tokens is None or budget.cost.tokens <= budget.tokens
        return [answer.text for answer in answers]

    everything = range(len(sizes))
    results = []
    for remembered, at_a_time in (((), 1), (sorted(known & set(everything)), concurrency)):
        with TemporaryDirectory() as folder:
            store = Store.open(f"sqlite:///{shutil.copy(migrated, folder)}")
            asked(store, remembered, Budget(), 4)
            results.append(asked(store, everything, Budget(tokens=limit), at_a_time))
            store.close()
    assert results[0] == results[1]


def test_money_is_reserved_at_the_list_price(scope: Scope) -> None:
    """A call that might cost more than is left is not made, and what an answer did cost is charged."""
    memo = Memo(scope)
    calls = Calls(memo, Journal(scope, memo), Budget(money=0.005), VirtualClock())
    model = ScriptedModel(lambda system, user: user * 4000, name="gpt-4o-mini", provider="openai")
    answers = ask(calls, model, *"abcdef")
    assert [answer.missing for answer in answers] == [None, None, None, None, None, UNPAID]
    assert Decimal("0.0025") < calls.budget.cost.money <= Decimal("0.005")
    assert calls.exhausted


def test_money_needs_a_price(scope: Scope) -> None:
    """A model whose price nobody knows cannot be held to a limit on cost: that is said before anything is spent."""
    memo = Memo(scope)
    calls = Calls(memo, Journal(scope, memo), Budget(money=1), VirtualClock())
    model = ScriptedModel([], name="gpt-none", provider="openai")
    with pytest.raises(NotConfigured, match="the price of model 'gpt-none' of 'openai' is not known"):
        ask(calls, model, "a")
    assert model.calls == []
