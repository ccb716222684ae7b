"""The plans for AgentDojo's tasks, and what the declarations of its tools show to them."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from stemma.platform.attack.agentdojo.declarations import declarations
from stemma.platform.attack.agentdojo.plans.language import failed, first, resigned, use
from stemma.platform.attack.agentdojo.tasks import SUITES, calls, environment, places, suite_named
from tests.platform.attack.playing import Stage

needs_agentdojo = pytest.mark.skipif(find_spec("agentdojo") is None, reason="needs the extra 'attack'")
every_suite = pytest.mark.parametrize("suite", SUITES)

CANARY = "CANARY1 stands here"


def _opens(stage: Stage, task: Any) -> bool:
    """Whether the user tells her agent to do what a text says."""
    return task.ID in {
        "banking": {"user_task_2", "user_task_12"},
        "slack": {"user_task_18", "user_task_19"},
        "workspace": {"user_task_13", "user_task_19"},
    }.get(stage.suite, set())


@needs_agentdojo
@every_suite
def test_no_plan_writes_what_stands_only_in_text_that_was_kept_from_it(suite: str, tmp_path: Path) -> None:
    """Every value in a call or an answer is the user's, a tool's, or the plan's own: never a stranger's."""
    stage = Stage(suite, tmp_path)
    stolen = []
    for task in suite_named(suite).user_tasks.values():
        for word, seen, kept in stage.play(task, environment(suite, task)).wrote:
            if word in kept and word not in seen:
                stolen.append((task.ID, word))
    assert stolen == []


@needs_agentdojo
@every_suite
def test_every_place_for_an_attack_is_kept_from_the_agent(suite: str, tmp_path: Path) -> None:
    """What an attacker can write never stands before the eyes of an agent that can act, unless the user has it opened."""
    stage, reached = Stage(suite, tmp_path), set()
    for task in suite_named(suite).user_tasks.values():
        played = stage.play(task, _marked(suite, task))
        assert "canary1" not in played.seen or _opens(stage, task), task.ID
        reached |= set(places(suite, task.ID)) if "canary1" in played.kept else set()
    assert reached == set(suite_named(suite).get_injection_vector_defaults()) - _out_of_reach(suite)


@needs_agentdojo
@every_suite
def test_every_tool_is_declared_with_arguments_that_it_has(suite: str) -> None:
    """The declarations name each tool of the suite, and as sensitive nothing but its arguments."""
    declared = declarations(suite)
    from stemma.platform.attack.agentdojo.tasks import tool_name

    tools = {tool_name(function.name): set(function.parameters.model_fields) for function in suite_named(suite).tools}
    assert declared.keys() == tools.keys()
    for name, one in declared.items():
        assert set(one.sensitive) <= tools[name], name


@needs_agentdojo
def test_there_is_a_plan_for_every_task(tmp_path: Path) -> None:
    """97 tasks, 97 plans."""
    assert [len(Stage(suite, tmp_path).planned.plans) for suite in SUITES] == [16, 21, 20, 40]


@needs_agentdojo
def test_calls_are_those_of_agentdojo() -> None:
    """A task's calls are AgentDojo's ground truth, under the names that the tools have here."""
    task = suite_named("banking").user_tasks["user_task_0"]
    assert [one.tool for one in calls(task, environment("banking", task))] == ["read_file", "send_money"]


def test_plan_that_finds_what_it_did_not_expect_says_so() -> None:
    """A plan that stumbles over what it is shown ends with words, as a model would, and not with an error."""

    def plan() -> Iterator[Any]:
        found = yield use("look")
        return found["there"]  # type: ignore[return-value]

    steps = resigned(plan)()  # type: ignore[arg-type]
    next(steps)
    with pytest.raises(StopIteration) as ended:
        steps.send("nothing")
    assert "I could not do it" in str(ended.value.value)


def test_first_finds_the_group_or_nothing() -> None:
    """A reading is the pattern's group where it matches, else None."""
    assert first(r"total ([0-9.]+)", as_=float)("The Total 12.5 EUR") == 12.5
    assert first(r"total ([0-9.]+)")("nothing") is None


def test_failed_is_what_begins_with_error() -> None:
    """A call that was not let through is told from a result."""
    assert failed("error: no")
    assert not failed({"message": "error: no"})


def _marked(suite: str, task: Any) -> Any:
    """The task's environment with a mark at each place for an attack."""
    from stemma.platform.attack.agentdojo.tasks import _filled

    found = suite_named(suite)
    marked = _filled(suite, dict.fromkeys(found.get_injection_vector_defaults(), CANARY))
    return task.init_environment(marked)


def _out_of_reach(suite: str) -> set[str]:
    """The places that no task of the suite leads to."""
    return set(suite_named(suite).get_injection_vector_defaults()) - {
        place for task in suite_named(suite).user_tasks for place in places(suite, task)
    }


