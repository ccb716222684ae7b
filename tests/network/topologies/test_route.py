"""Routes and open topics: who does a task, and who decides it when nobody is fit."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.network.topologies.playing import Played, agent, played

from stemma.core.trust import UNTRUSTED
from stemma.network.agent import Condition
from stemma.network.flow import By, OpenTopic, Pipeline, Route, Step
from stemma.network.people import Decision, Verdict
from stemma.network.run import RunStatus
from stemma.network.task import Load
from stemma.network.turn import Unusable

TEAM = Pipeline("team", (Step("cards"), Step("review")))
DESKS = (Step("fees"), TEAM, Step("cash"))


def routed(fitness: Mapping[str, float] | None = None, *, route: Route | None = None, **options: Any) -> Played:
    return played(route or Route("desk", DESKS), {}, fitness=fitness, **options)


def test_fittest_does_the_task() -> None:
    """By capability the task goes to the one nearest in meaning, which may be a team; what was read decides, so it labels."""
    done = routed({"fees": 0.2, "team": 0.5, "cash": 0.4})
    assert [recipient for _, recipient in done.sent] == ["cards", "review"]
    assert UNTRUSTED in done.task.decisive


def test_first_of_equals_does_the_task() -> None:
    """Equal fitness goes by the order of the manifest."""
    assert [name for _, name in routed({"fees": 0.1, "team": 0.5, "cash": 0.5}).sent] == ["cards", "review"]


@pytest.mark.parametrize(("fitness", "abstain"), [({"fees": 0.2}, 0.3), ({}, 0.0)])
def test_unfit_for_all_goes_to_otherwise(fitness: Mapping[str, float], abstain: float) -> None:
    """Below the threshold, or without any likeness, the flow named for that does the task."""
    route = Route("desk", DESKS, abstain=abstain, otherwise=Step("clerk"))
    assert [name for _, name in routed(fitness, route=route).sent] == ["clerk"]


def test_unfit_for_all_goes_to_whom_a_person_names() -> None:
    """Without another flow a person is asked who does it, with the fitness of each and what the task says."""
    done = routed(
        {"fees": 0.2}, route=Route("desk", DESKS, abstain=0.3), decisions=[Decision(Verdict.ANSWERED, "ada", "Team")]
    )
    assert [name for _, name in done.sent] == ["cards", "review"]
    [question] = done.exchange.questions
    assert (question.kind, question.choices) == ("route", ("fees", "team", "cash"))
    assert question.facts["fitness"] == {"fees": 0.2, "team": 0.0, "cash": 0.0}
    assert question.facts["values"] == {"ticket": "I lost my card"}
    assert UNTRUSTED.flows_to(question.label)


def test_person_who_names_nobody_has_the_task() -> None:
    """A person's no hands the task over."""
    done = routed(decisions=[Decision(Verdict.REJECTED, "ada", reason="spam")])
    assert done.end is not None
    assert done.end.status is RunStatus.HANDED_OVER
    assert done.end.reason == "ada chose none of fees, team, cash: spam"


BUSY = {
    "fees": Load(2, 0, 1.0),
    "cards": Load(0, 1, 0.0),
    "review": Load(0, 1, 9.0),
    "cash": Load(1, 1, 2.0),
}


def test_least_loaded_does_the_task() -> None:
    """By load it is who has fewest messages, then whose oldest waits the shortest; a team has those of all its agents."""
    assert [name for _, name in routed(route=Route("desk", DESKS, By.LOAD), loads=BUSY).sent] == ["fees"]
    younger = BUSY | {"cash": Load(1, 1, 0.5)}
    assert [name for _, name in routed(route=Route("desk", DESKS, By.LOAD), loads=younger).sent] == ["cash"]
    fewer = BUSY | {"cash": Load(0, 1, 5.0)}
    assert [name for _, name in routed(route=Route("desk", DESKS, By.LOAD), loads=fewer).sent] == ["cash"]


def test_least_loaded_of_the_able_does_the_task() -> None:
    """By both, only those nearly as fit as the fittest are looked at, however idle another is."""
    both = Route("desk", DESKS, By.BOTH)
    loads = BUSY | {"cash": Load(0, 0, 0.0)}
    assert [name for _, name in routed({"fees": 0.46, "team": 0.5, "cash": 0.3}, route=both, loads=loads).sent] == [
        "fees"
    ]
    assert [name for _, name in routed({"fees": 0.46, "team": 0.5, "cash": 0.48}, route=both, loads=loads).sent] == [
        "cash"
    ]


def test_replay_does_not_measure_again() -> None:
    """Who was chosen stays chosen, though loads have changed since."""
    route = Route("desk", DESKS, By.BOTH)
    first = routed(dict.fromkeys(("fees", "team", "cash"), 0.5), route=route, loads=BUSY)
    first.exchange._loads = {}
    again = played(route, {}, exchange=first.exchange)
    assert again.values == first.values
    assert len(first.exchange.messages) == 1


TOPIC = OpenTopic("any", ("fees", "cards", "cash"), ("ticket",), 0.2)


def test_fit_agents_are_asked_in_the_order_of_their_fitness() -> None:
    """The task is put to all who are fit, the fittest first, and whoever claims it answers under its own name."""
    fitness = {"fees": 0.3, "cards": 0.1, "cash": 0.6}
    assert [name for _, name in played(TOPIC, {}, fitness=fitness).sent] == ["cash"]
    done = played(TOPIC, {}, fitness=fitness, free=["fees", "cards"])
    assert done.values == {"fees_says": "fees is done"}
    assert done.task.sender == "fees"


def test_agent_whose_condition_does_not_hold_is_not_fit() -> None:
    """It is left out, and the next one is asked."""
    guarded = agent("cash", when=Condition({"ticket": "cash"}, "no cash"))
    done = played(TOPIC, {}, fitness={"fees": 0.3, "cash": 0.6}, agents=[guarded])
    assert [name for _, name in done.sent] == ["fees"]


def test_nobody_fit_goes_to_a_person() -> None:
    """A person names one of the agents when none is fit enough."""
    done = played(TOPIC, {}, fitness={"fees": 0.1}, decisions=[Decision(Verdict.ANSWERED, "ada", "cards")])
    assert [name for _, name in done.sent] == ["cards"]


def test_nobody_fit_goes_to_otherwise() -> None:
    """Where another flow is named it does the task."""
    topic = OpenTopic("any", ("fees",), ("ticket",), 0.2, Step("clerk"))
    assert [name for _, name in played(topic, {}).sent] == ["clerk"]


def test_claimed_task_without_an_answer_fails() -> None:
    """The task fails, saying who might have claimed it and why there is no answer."""
    done = played(TOPIC, {"cash": Unusable("declined")}, fitness={"fees": 0.3, "cash": 0.6})
    assert done.end is not None
    assert done.end.reason == "open topic 'any', claimed by one of cash, fees: declined"
