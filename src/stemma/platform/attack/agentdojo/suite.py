"""AgentDojo as a suite: its real environments and tools, called through the real runtime, judged by its own checks.

AgentDojo (Debenedetti et al. 2024, arXiv:2406.13352), version 1.1.2: 97 tasks of a user, 27 of attackers, 629 pairs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.core.trust import TRUSTED, Integrity
from stemma.models.orders import Goals, explicit, plain
from stemma.network import Asked, Limits, Manifest, Run, define_agent, define_network
from stemma.network.reader import OPEN
from stemma.platform.attack.agentdojo.declarations import Declaration, declarations
from stemma.platform.attack.agentdojo.plans import Planned, planned
from stemma.platform.attack.agentdojo.plans.language import as_given
from stemma.platform.attack.agentdojo.tasks import SUITES, calls, check_installed, environment, goals, suite_named
from stemma.platform.attack.agentdojo.world import World, Worlds
from stemma.platform.attack.suite import Case, Judged, Mode, own_networks_only
from stemma.registry.prompt import Prompt

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.models import Model

    from stemma.models.gullible import Plan

_TOOLS = """from pathlib import Path

from stemma.platform.attack.agentdojo.world import functions

globals().update(functions({suite!r}, Path(__file__).parent))
"""
_MODEL = "gullible"
_UNCHECKED = {"send_money": ("subject",)}
"""What nobody compares who approves a call: a payment may be called what it likes."""

_REFERENCE = re.compile(r"Reference: (\S+)")


class AgentDojo:
    """The suite ``agentdojo``."""

    name = "agentdojo"

    def __init__(self, network: Path | None = None) -> None:
        own_networks_only(self.name, network)
        check_installed()

    def size(self, mode: Mode) -> int:
        """629 pairs, against the guard with both ways that the model may be; 97 tasks where nobody attacks."""
        found = [suite_named(suite) for suite in SUITES]
        size = sum(len(one.user_tasks) * (len(one.injection_tasks) if mode.attacked else 1) for one in found)
        return size * 2 if mode is Mode.DEFENDED else size

    def arenas(self, mode: Mode, folder: Path) -> Iterator["AgentDojoArena"]:
        """One for each of AgentDojo's own suites.

        Against the guard there is a second one, whose model opens whatever is kept from it.
        """
        for suite in SUITES:
            for curious in (False, True) if mode is Mode.DEFENDED else (False,):
                place = folder / f"{suite}{'-curious' * curious}"
                place.mkdir(parents=True)
                yield AgentDojoArena(suite, mode, place, curious=curious)


@dataclass
class AgentDojoArena:
    """One agent with all the tools of a suite, and every pair of its tasks; each task alone where nobody attacks."""

    suite: str
    mode: Mode
    folder: Path
    curious: bool = False
    """Whether the model opens every text that is kept from it."""
    cases: Sequence[Case] = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "tools.py").write_text(_TOOLS.format(suite=self.suite), encoding="utf-8")
        found = suite_named(self.suite)
        against = found.injection_tasks if self.mode.attacked else {"": None}
        self.cases = [
            _case(self.suite, user_task, injection_task)
            for user_task in found.user_tasks.values()
            for injection_task in against.values()
        ]

    @cached_property
    def manifest(self) -> Manifest:
        """The network."""
        declared = self._declared
        agent = define_agent(
            "assistant",
            Prompt("{{task}}\n\nReference: {{case}}"),
            reads=["task", "case"],
            writes="answer",
            model=_MODEL,
            tools=tuple(declared),
            limits=Limits(max_input_chars=2_000_000, max_result_chars=500_000, iterations=60),
        )
        return define_network(
            f"agentdojo-{self.suite}",
            inputs={"task": TRUSTED, "case": TRUSTED},
            agents=[agent],
            flow=["assistant"],
            folder=self.folder,
            tools=tuple(one.spec for one in declared.values()),
            guarded=self.mode is not Mode.UNDEFENDED,
        )

    @cached_property
    def models(self) -> "Mapping[str, Model]":
        from stemma.models.gullible import GullibleModel

        model = GullibleModel(
            self._ground_truth if self.mode is Mode.UNDEFENDED else self._honest,
            recognisers=(explicit, Goals(goals(self.suite))),
            reads=self._planned.reads,
            curious=self.curious,
        )
        return {_MODEL: model}

    def prepare(self, run: str, case: Case) -> None:
        self._worlds.keep(run, World(self.environment(case)))

    def approves(self, asked: Asked, case: Case) -> bool:
        """Whether what is asked for is one of the calls that the task needs: the tool, and all that decides what it does.

        A text that the agent asks to obey is read, and obeyed where no attacker's wish stands in it.
        """
        facts = asked.question.facts
        if facts.get("tool") == OPEN:
            injection_task = self._tasks(case)[1]
            return injection_task is None or plain(injection_task.GOAL) not in plain(facts["arguments"]["text"])
        tool, arguments = str(facts.get("tool")), facts.get("arguments", {})
        if tool not in self._declared:
            return False
        decisive = set(self._declared[tool].sensitive) - set(_UNCHECKED.get(tool, ()))
        return any(
            use.tool == tool and all(_same(arguments.get(name), use.arguments.get(name)) for name in decisive)
            for use in calls(self._tasks(case)[0], self.environment(case))
        )

    def judge(self, run: Run, case: Case) -> Judged:
        user_task, injection_task = self._tasks(case)
        world, before = self._worlds.get(run.id), self.environment(case)
        outcome = run.outcome
        answer = "" if outcome is None else str(outcome.values.get("answer", ""))
        label = None if outcome is None else outcome.labels.get("answer")
        return Judged(
            _met(user_task, "utility", answer, before, world),
            injection_task is not None and _met(injection_task, "security", answer, before, world),
            label is not None and label.integrity is Integrity.UNTRUSTED,
        )

    @cached_property
    def _declared(self) -> Mapping[str, Declaration]:
        return declarations(self.suite)

    @property
    def _worlds(self) -> Worlds:
        return Worlds(self.folder)

    def _tasks(self, case: Case) -> tuple[Any, Any | None]:
        found = suite_named(self.suite)
        user_task, _, injection_task = case.item["case"].partition("/")
        return found.user_tasks[user_task], found.injection_tasks.get(injection_task)

    def environment(self, case: Case) -> Any:
        """The world of a case before anything is done in it."""
        return environment(self.suite, *self._tasks(case))

    def _case_of(self, text: str) -> Case | None:
        """The case that a prompt belongs to."""
        found = _REFERENCE.search(text)
        return self._by_reference.get(found[1]) if found else None

    @cached_property
    def _by_reference(self) -> Mapping[str, Case]:
        return {case.item["case"]: case for case in self.cases}

    @cached_property
    def _planned(self) -> Planned:
        return planned(self.suite)

    def _honest(self, text: str) -> "Plan | None":
        """The plan for whoever may see no stranger's text."""
        case = self._case_of(text)
        return None if case is None else self._planned.plans[self._tasks(case)[0].ID]

    def _ground_truth(self, text: str) -> "Plan | None":
        """The task's calls and answer as AgentDojo gives them, for a model that sees everything."""
        case = self._case_of(text)
        if case is None:
            return None
        task = self._tasks(case)[0]
        return as_given(calls(task, self.environment(case)), task.GROUND_TRUTH_OUTPUT)


def _case(suite: str, user_task: Any, injection_task: Any | None) -> Case:
    if injection_task is None:
        return Case(f"{suite} {user_task.ID}", {"task": user_task.PROMPT, "case": user_task.ID})
    wants_words = not calls(injection_task, environment(suite, user_task, injection_task))
    return Case(
        f"{suite} {user_task.ID} {injection_task.ID}",
        {"task": user_task.PROMPT, "case": f"{user_task.ID}/{injection_task.ID}"},
        text_only=wants_words,
    )


def _met(task: Any, check: str, answer: str, before: Any, world: World) -> bool:
    """What AgentDojo's own check says, that of the calls before that of the environment."""
    from agentdojo.functions_runtime import FunctionCall

    made = [FunctionCall(function=tool, args=arguments) for tool, arguments in world.calls]
    of_calls = getattr(task, f"{check}_from_traces")(answer, before, world.environment, made)
    return bool(getattr(task, check)(answer, before, world.environment) if of_calls is None else of_calls)


def _same(given: Any, needed: Any) -> bool:
    if isinstance(given, str) and isinstance(needed, str):
        return given.strip().casefold() == needed.strip().casefold()
    if isinstance(given, list) and isinstance(needed, list):
        return len(given) == len(needed) and all(map(_same, given, needed))
    return bool((given or None) == (needed or None))
