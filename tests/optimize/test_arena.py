"""Candidates are admitted by their text and judged by the same cases."""

import asyncio
from collections.abc import Callable

import pytest

from stemma.evaluate.budget import Budget
from stemma.evaluate.calls import Calls, Target
from stemma.evaluate.memo import Journal, Memo
from stemma.evaluate.runner import Runner
from stemma.evaluate.scorers import scorer_named
from stemma.ledger.scope import Scope
from stemma.optimize.arena import Arena, Standing
from stemma.optimize.individual import Individual, Proposal
from stemma.optimize.record import Record
from stemma.optimize.settings import SearchSettings
from stemma.optimize.task import Task
from stemma.registry.candidates import Candidates
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Generator, NewSession, Sessions
from stemma.testing.scripted import ScriptedModel

SEED = Prompt("Right for 50 percent.\n- north\n- south\n- east")


@pytest.fixture
def arena_on(scope: Scope, task: Task) -> Callable[..., Arena]:
    """An arena with a model that is right as often as its instructions say: on that part of the cases, in order."""
    places = {case.inputs["text"]: place for place, case in enumerate(task.val)}

    def answer(system: str, user: str) -> str:
        share = int(system.split()[2])
        return (task.val[places[user]].expected or "") if places[user] * 37 % 100 < share else "wrong"

    def make(
        *, limit: int | None = None, tokens: int | None = None, told: list[Standing] | None = None, **settings: float
    ) -> Arena:
        memo = Memo(scope)
        session = Sessions(scope).open(NewSession(Generator("test", {})))
        calls = Calls(
            memo, Journal(scope, memo, session=session.number), Budget(calls=limit, tokens=tokens), scope.clock
        )
        runner = Runner(calls, Target("scripted", ScriptedModel(answer)), scorer_named("exact"))
        record = Record(scope, session, Candidates(scope, Contents()))
        search = SearchSettings(**settings)  # type: ignore[arg-type]
        return Arena(runner, record, task, search, progress=None if told is None else told.append)

    return make


def right(percent: int, note: str = "") -> Proposal:
    text = SEED.instructions.replace("50", str(percent)) + note
    return Proposal(SEED.with_(instructions=text), "test")


def started(arena: Arena) -> Individual:
    [seed] = arena.admit([Proposal(SEED, "seed")])
    return asyncio.run(arena.complete(seed))


def test_only_new_and_sound_proposals_are_admitted(arena_on: Callable[..., Arena]) -> None:
    """A text that was there before, and one that lost a label, are not stored; order is kept."""
    arena = arena_on()
    started(arena)
    lost = Proposal(SEED.with_(instructions="Right for 99 percent.\n- north\n- south"), "test")
    admitted = arena.admit([right(60), right(50), lost, right(60), right(70)])
    assert [one.prompt for one in admitted] == [right(60).prompt, right(70).prompt]
    assert len(arena.members) == 3


def test_a_race_finds_the_best_with_a_part_of_the_calls(arena_on: Callable[..., Arena], task: Task) -> None:
    """The clear winner is tried on every case, most others on a few, and everything learned is kept."""
    arena = arena_on()
    started(arena)
    raced = asyncio.run(arena.race(arena.admit([right(percent) for percent in (10, 20, 95, 30, 40, 0, 5, 15, 25)])))
    assert [one.prompt for one in raced] == [right(p).prompt for p in (10, 20, 95, 30, 40, 0, 5, 15, 25)]
    assert arena.best.prompt == right(95).prompt
    assert len(raced[2].scores) == len(task.val)
    tried = sum(len(one.scores) for one in raced)
    assert tried < 0.7 * len(raced) * len(task.val)
    assert arena.calls.budget.total == len(task.val) + tried


def test_the_best_of_equals_is_the_shorter_one(arena_on: Callable[..., Arena]) -> None:
    """Tokens have a price, so that of two equally good prompts the shorter wins, whichever came first."""
    arena = arena_on()
    started(arena)
    for proposal in (right(80, "\n" + "very " * 40), right(80), right(80, "\nalso this")):
        [one] = arena.admit([proposal])
        asyncio.run(arena.complete(one))
    assert arena.best.prompt == right(80).prompt


def test_a_gain_that_costs_more_tokens_than_it_is_worth_is_none(arena_on: Callable[..., Arena]) -> None:
    """At one point a token, a prompt that is ten points better and fifty tokens longer is the worse one."""
    for price, best in ((0.01, right(80)), (0.0001, right(90, "\n" + "very " * 40))):
        arena = arena_on(token_price=price)
        started(arena)
        for one in arena.admit([right(80), right(90, "\n" + "very " * 40)]):
            asyncio.run(arena.complete(one))
        assert arena.best.prompt == best.prompt


def test_few_cases_prove_little(arena_on: Callable[..., Arena]) -> None:
    """A member that was right on the few cases it was tried on does not outrank the best one by all of that."""
    arena = arena_on()
    best = started(arena)
    lucky = Individual(99, right(90).prompt, "test", (), best.tokens, dict.fromkeys(list(best.wrong)[:2], 1.0))
    assert arena.fitness(best) < arena.fitness(lucky) < (best.mean or 0) + 2 / len(best.scores) + 1e-9
    unlucky = Individual(
        98, right(10).prompt, "test", (), best.tokens, dict.fromkeys(set(best.scores) - set(best.wrong), 0.0)
    )
    assert arena.fitness(unlucky) < arena.fitness(best)


def test_a_race_without_budget_learns_nothing_and_ends(arena_on: Callable[..., Arena], task: Task) -> None:
    """When the budget is spent the race is over; nobody gets a score of zero for it."""
    arena = arena_on(limit=len(task.val) + 3)
    started(arena)
    raced = asyncio.run(arena.race(arena.admit([right(90), right(95)])))
    assert sum(len(one.scores) for one in raced) == 3
    assert (arena.best.prompt, arena.finished) == (SEED, True)


@pytest.mark.parametrize(("tokens", "wins"), [(45_000, False), (90_000, True)])
def test_a_member_that_could_not_be_measured_does_not_win(
    arena_on: Callable[..., Arena], tokens: int, wins: bool
) -> None:
    """A better prompt takes the place of the best only while the budget pays for both on the cases set aside."""
    arena = arena_on(tokens=tokens, token_price=0)
    arena.calls.budget.set_aside(60)
    started(arena)
    [long] = arena.admit([right(95, "\n" + "very " * 800)])
    long = asyncio.run(arena.complete(long))
    assert len(long.scores) == len(arena.task.val)
    assert (arena.best.prompt == long.prompt) is wins


def test_fewer_are_raced_when_long_prompts_would_eat_the_budget(arena_on: Callable[..., Arena]) -> None:
    """A generation is as large as half of what is left pays for, were every prompt as long as the cap allows."""
    sizes = []
    for tokens, token_cap in ((None, 1500), (10**7, 1500), (10**6, 1500), (10**6, 150), (50_000, 1500)):
        arena = arena_on(tokens=tokens, token_cap=token_cap)
        started(arena)
        sizes.append(arena.population)
    assert sizes[:2] == [50, 50]
    assert 4 < sizes[2] < 50
    assert sizes[3:] == [50, 4]


def test_the_search_is_finished_at_its_target(arena_on: Callable[..., Arena]) -> None:
    """A mean that reaches the target ends the search though calls are left."""
    arena = arena_on(target=0.9)
    started(arena)
    assert not arena.finished
    asyncio.run(arena.race(arena.admit([right(100)])))
    assert arena.finished


def test_whoever_watches_is_told(arena_on: Callable[..., Arena]) -> None:
    """Calls only ever grow, and the best score with them."""
    told: list[Standing] = []
    arena = arena_on(told=told, limit=500)
    arena.end_step([started(arena)])
    asyncio.run(arena.race(arena.admit([right(60), right(90)])))
    arena.end_step([arena.best])
    assert [standing.calls for standing in told] == sorted(standing.calls for standing in told)
    assert (told[-1].step, told[-1].candidates, told[-1].budget) == (2, 3, 500)
    assert told[-1].best == arena.best.mean
