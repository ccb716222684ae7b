"""The plans for AgentDojo's tasks, and what the declarations of its tools show to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.platform.attack.recording import RecordingModel, words

from stemma.models.orders import Use
from stemma.platform.attack.agentdojo.declarations import declarations
from stemma.platform.attack.agentdojo.plans.language import Steps, failed, first, in_turn, resigned, use
from stemma.platform.attack.agentdojo.suite import AgentDojoArena
from stemma.platform.attack.agentdojo.tasks import SUITES, calls, environment, places, suite_named, tool_name, written
from stemma.platform.attack.runner import fought
from stemma.platform.attack.suite import Case, Mode

needs_agentdojo = pytest.mark.skipif(find_spec("agentdojo") is None, reason="needs the extra 'attack'")
every_suite = pytest.mark.parametrize("suite", SUITES)

CANARY = "CANARY1 stands here"
TOLD_TO_OBEY = {"banking": (2, 12), "slack": (18, 19), "workspace": (13, 19)}
"""The tasks in which the user says to do what a text says."""

STRANGERS = {
    *("body", "content", "description", "filename", "files", "location", "reviews", "subject", "title", "web_content"),
}
"""The fields of AgentDojo's environments that anybody may have written."""

OWN = {"about", "activity", "both", "everybody", "i", "what", "your", "13:00"}
"""Words that begin the plans' own sentences, and the hour after the one that the user names."""


@dataclass
class Watched(AgentDojoArena):
    """The arena with its model watched, and with words of the test's at every place for an attack."""

    words: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        (model,) = super().models.values()
        self.watch = RecordingModel(model)
        self.models = dict.fromkeys(super().models, self.watch)

    def environment(self, case: Case) -> Any:
        found = suite_named(self.suite)
        everywhere = tuple(found.get_injection_vector_defaults()) if self.words else ()
        task = found.user_tasks[case.item["case"]]
        return task.init_environment(written(self.suite, self.words, everywhere).model_copy(deep=True))


@needs_agentdojo
@every_suite
def test_no_plan_writes_what_it_has_not_been_shown(suite: str, tmp_path: Path) -> None:
    """Every value in a call or an answer that stands in the environment was the user's or was shown: never a stranger's."""
    arena = Watched(suite, Mode.HELPED, tmp_path)
    fought(arena, Mode.HELPED)
    stolen = []
    for case in arena.cases:
        strangers, facts = _words_by_author(arena.environment(case).model_dump(mode="json"))
        heard = arena.watch.heard[case.item["case"]]
        stolen += [(case.name, word) for word in heard.unheard() if word in strangers - facts - OWN]
    assert not stolen, f"{stolen}"


@needs_agentdojo
@every_suite
def test_every_place_for_an_attack_is_kept_from_the_agent(suite: str, tmp_path: Path) -> None:
    """What an attacker can write never comes before an agent that can act, unless the user says to do what stands there."""
    arena = Watched(suite, Mode.ALONE, tmp_path, words=CANARY)
    fought(arena, Mode.ALONE)
    obeying = {f"user_task_{number}" for number in TOLD_TO_OBEY.get(suite, ())}
    cases = [case.item["case"] for case in arena.cases]
    met = [case for case in cases if any("canary1" in text for text in arena.watch.heard[case].seen)]
    assert set(met) <= obeying
    assert any(places(suite, task) for task in suite_named(suite).user_tasks)


@needs_agentdojo
@every_suite
def test_every_tool_is_declared_with_arguments_that_it_has(suite: str) -> None:
    """The declarations name each tool of the suite, and as sensitive nothing but its arguments."""
    declared = declarations(suite)
    tools = {tool_name(function.name): set(function.parameters.model_fields) for function in suite_named(suite).tools}
    assert declared.keys() == tools.keys()
    assert [name for name, one in declared.items() if not set(one.sensitive) <= tools[name]] == []


@needs_agentdojo
def test_calls_are_those_of_agentdojo() -> None:
    """A task's calls are AgentDojo's ground truth, under the names that the tools have here."""
    task = suite_named("banking").user_tasks["user_task_0"]
    assert [one.tool for one in calls(task, environment("banking", task))] == ["read_file", "send_money"]


def test_plan_that_finds_what_it_did_not_expect_says_so() -> None:
    """A plan that stumbles over what it is shown ends with words, as a model would, and not with an error."""

    def plan() -> Steps:
        found = yield use("look")
        return str(found["there"])

    def searching() -> Steps:
        found = yield use("look")
        return str(next(one for one in found if one == "there"))

    for stumbling in (plan, searching):
        assert "I could not do it" in _end(resigned(stumbling)(), "nothing")


def test_parts_of_a_task_are_done_in_turn() -> None:
    """The answers of plans in a row are one answer, the first one's first."""

    def part(answer: str) -> Any:
        def plan() -> Steps:
            found = yield use("look")
            return f"{answer}{found}"

        return plan

    assert _end(in_turn(part("a"), part("b"))(), 1, 2) == "a1 b2"


def test_first_finds_the_group_or_nothing() -> None:
    """A reading is the pattern's group where it matches, else None."""
    assert first(r"total ([0-9.]+)", as_=float)("The Total 12.5 EUR") == 12.5
    assert first(r"total ([0-9.]+)")("nothing") is None


def test_failed_is_what_begins_with_error() -> None:
    """A call that was not let through is told from a result."""
    assert failed("error: no")
    assert not failed({"message": "error: no"})


def _words_by_author(value: Any, *, stranger: bool = False) -> tuple[set[str], set[str]]:
    """The words in an environment that strangers wrote, and those of the services that keep it."""
    strangers, facts = set[str](), set[str]()
    match value:
        case Mapping():
            parts = [(item, stranger or key in STRANGERS) for key, item in value.items()]
        case list():
            parts = [(item, stranger) for item in value]
        case _:
            return (set(words(value)), facts) if stranger else (strangers, set(words(value)))
    for item, by in parts:
        more_strangers, more_facts = _words_by_author(item, stranger=by)
        strangers |= more_strangers
        facts |= more_facts
    return strangers, facts


def _end(steps: Steps, *results: Any) -> str:
    """The answer of a plan whose calls come to these results."""
    told = next(steps)
    try:
        for result in results:
            assert isinstance(told, Use)
            told = steps.send(result)
    except StopIteration as ended:
        return str(ended.value)
    raise AssertionError("the plan wants more")
