"""One prompt on several models: rows, differences, what cannot be asked; and chains, as evaluation asks them."""

import asyncio
from decimal import Decimal

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models import Model

from stemma.core.errors import InvalidInput
from stemma.evaluate.budget import Budget
from stemma.evaluate.calls import Calls, Target, longest_answer
from stemma.evaluate.data import Case
from stemma.evaluate.memo import Journal, Memo
from stemma.evaluate.portability import ModelScore, Portability, Unasked, portability, shares
from stemma.evaluate.price import price_of
from stemma.evaluate.retry import RetryPolicy
from stemma.evaluate.runner import Runner, request_of
from stemma.evaluate.scorers import scorer_named
from stemma.ledger.scope import Scope
from stemma.models import Models
from stemma.models.names import canonical
from stemma.registry.prompt import Prompt
from stemma.testing.scripted import ScriptedModel

PROMPT = Prompt("Name the colour.")
CASES = [Case({"input": f"sky {n}"}, "blue" if n % 2 else "grey", n) for n in range(1, 11)]
DOWN = ModelHTTPError(503, "scripted")


def right(_: str, user: str) -> str:
    return "blue" if int(user.split()[1]) % 2 else "grey"


def blue(_: str, user: str) -> str:
    return "blue"


def runner(scope: Scope, models: Models, name: str, *, budget: Budget | None = None) -> Runner:
    memo = Memo(scope)
    once = RetryPolicy(attempts=1)
    calls = Calls(memo, Journal(scope, memo), budget or Budget(), scope.clock, concurrency=1, retry=once)
    return Runner(calls, Target(canonical(name), models.get(name)), scorer_named("exact"))


def report(scope: Scope, models: Models, *names: str, budget: Budget | None = None) -> Portability:
    runners = {name: runner(scope, models, name, budget=budget) for name in names}
    return asyncio.run(portability(PROMPT, CASES, runners))


def scored(row: ModelScore | Unasked) -> ModelScore:
    assert isinstance(row, ModelScore)
    return row


def test_each_model_has_a_row_and_its_difference_to_the_first(scope: Scope) -> None:
    """Scores stand side by side on the same cases, with what they took, and the gain over the first model is paired."""
    models = Models({"good": ScriptedModel(right), "poor": ScriptedModel(blue)})
    good, poor = map(scored, report(scope, models, "good", "poor").rows)
    assert (good.score.mean, good.score.n, good.score.missing) == (1, 10, 0)
    assert (good.spent.total, good.difference) == (10, None)
    assert poor.score.mean == 0.5
    assert poor.difference is not None
    assert (poor.difference.gain, poor.difference.losses, poor.difference.n) == (-0.5, 5, 10)
    assert good.seconds is not None
    assert good.spent.cost.tokens > 0


def test_what_cannot_be_asked_is_a_row_with_its_reason(scope: Scope) -> None:
    """A model that is not configured, or whose provider never answers, has no score; the next one is compared with."""
    models = Models({"down": ScriptedModel(lambda *_: DOWN), "good": ScriptedModel(right), "poor": ScriptedModel(blue)})
    runners: dict[str, Runner | Unasked] = {
        "none": Unasked("none", "there is no model called 'none'"),
        **{name: runner(scope, models, name) for name in ("down", "good", "poor")},
    }
    told = asyncio.run(portability(PROMPT, CASES, runners))
    assert told.rows[0] == runners["none"]
    assert isinstance(told.rows[1], Unasked)
    assert "HTTP 503" in told.rows[1].problem
    assert [row.model for row in told.scored] == ["good", "poor"]
    assert scored(told.rows[3]).difference is not None
    assert told.to_json()["compared_with"] == "good"


def test_model_without_a_known_price_is_a_row_under_a_limit_on_cost(scope: Scope) -> None:
    """A limit on cost cannot be held for a model of unknown price, which keeps that model out and no other."""
    models = Models({"odd": ScriptedModel([], name="odd", provider="odd"), "good": ScriptedModel(right)})
    odd, good = report(scope, models, "odd", "good", budget=Budget(money=1)).rows
    assert isinstance(odd, Unasked)
    assert "the price of model 'odd'" in odd.problem
    assert scored(good).score.mean == 1


def test_remembered_answers_keep_their_seconds(scope: Scope) -> None:
    """Asked again, the report is the same and no model is called: the time of a call is remembered with its answer."""
    model = ScriptedModel(right)
    first = report(scope, Models({"good": model}), "good")
    again = report(scope, Models({"good": model}), "good")
    assert again == first
    assert len(model.calls) == len(CASES)


def test_progress_counts_the_answers_of_all_models(scope: Scope) -> None:
    """The count only grows, and ends at cases times models, models that cannot be asked included."""
    models = Models({"good": ScriptedModel(right)})
    seen: list[int] = []
    runners: dict[str, Runner | Unasked] = {"none": Unasked("none", "missing"), "good": runner(scope, models, "good")}
    asyncio.run(portability(PROMPT, CASES, runners, progress=seen.append))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (10, 20)


def test_budget_is_shared_out_evenly() -> None:
    """The shares together are no more than the whole, and a share of nothing is refused with the numbers."""
    whole = Budget(calls=7, tokens=100, money=Decimal("0.5"))
    parts = shares(whole, 2)
    assert [(part.calls, part.tokens, part.money) for part in parts] == [(3, 50, Decimal("0.25"))] * 2
    assert shares(Budget(), 3)[0].calls is None
    with pytest.raises(InvalidInput, match="2 calls cannot be shared out among 3 models"):
        shares(Budget(calls=2), 3)


def test_share_too_small_for_one_case_is_the_reason(scope: Scope) -> None:
    """A model whose share did not pay for its first question is a row that says so."""
    told = report(scope, Models({"good": ScriptedModel(right)}), "good", budget=Budget(tokens=10))
    assert told.rows == (Unasked("good", "a budget of 10 tokens was too little for the first case"),)


def test_answers_of_a_stand_in_are_counted_and_remembered_as_the_chains(scope: Scope) -> None:
    """A chain's answers are kept apart from its members', whoever gave them, and the report says how many stood in."""
    a, b = ScriptedModel([DOWN, "blue"] * 5), ScriptedModel(right)
    models = Models({"a": a, "b": b})
    chain = scored(report(scope, models, "a, b").rows[0])
    assert dict(chain.stand_ins) == {"b": 5}
    alone = scored(report(scope, models, "b").rows[0])
    assert (dict(alone.stand_ins), len(b.calls)) == ({}, 5 + len(CASES))
    again = scored(report(scope, Models({"a": ScriptedModel([]), "b": ScriptedModel([])}), "a,b").rows[0])
    assert again.stand_ins == chain.stand_ins


def test_target_of_a_chain_is_no_members(scope: Scope) -> None:
    """Identities, which answers are remembered by, differ between a chain, its members, and its members in another order."""
    models = Models({"a": ScriptedModel([])})
    names = ("a", "embedded", "a, embedded", "embedded, a")
    identities = [Target(canonical(name), models.get(name)).identity for name in names]
    assert len(set(identities)) == 4
    assert identities == [Target(canonical(name), models.get(name)).identity for name in names]


def test_request_has_the_models_own_settings() -> None:
    """What is sent, and so what answers are remembered by, has the settings for this model and no other's."""
    prompt = PROMPT.with_(settings={"model": "x", "max_tokens": 10, "models": {"mine": {"max_tokens": 20}}})

    def asked(name: str) -> dict[str, object]:
        return dict(request_of(prompt, {"input": "sky"}, Target(name, ScriptedModel([]))).settings)

    assert asked("mine") == {"max_tokens": 20}
    assert asked("other") == {"max_tokens": 10}
    assert asked("other, mine") == {"max_tokens": 10, "models": {"mine": {"max_tokens": 20}}}


def test_budget_reserves_for_the_dearest_member() -> None:
    """Before a chain is asked nobody knows who will answer, so the longest answer and the highest price are reserved."""
    prompt = PROMPT.with_(settings={"max_tokens": 10, "models": {"b": {"max_tokens": 2000}}})
    assert longest_answer(request_of(prompt, {"input": "sky"}, Target("a, b", ScriptedModel([])))) == 2000
    cheap = ScriptedModel([], name="gpt-4o-mini", provider="openai")
    dear: Model = ScriptedModel([], name="gpt-4o", provider="openai")
    models = Models({"free": ScriptedModel([]), "cheap": cheap, "dear": dear})
    size = {"input_tokens": 1000, "output_tokens": 1000}
    assert price_of(models.get("free, cheap, dear"), **size) == price_of(dear, **size) > price_of(cheap, **size)
