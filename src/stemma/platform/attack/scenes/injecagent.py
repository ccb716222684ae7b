"""InjecAgent: 17 tasks of a user, and 62 instructions of attackers in what the tools of those tasks return.

InjecAgent (Zhan et al. 2024, arXiv:2403.02691), base setting: 510 cases of direct harm, 544 of data that is to be stolen.
"""

import ast
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.core.errors import NotConfigured
from stemma.core.trust import UNTRUSTED
from stemma.models.orders import Goals, Use, explicit
from stemma.network import Effect
from stemma.platform.attack.scenes.props import Prop
from stemma.platform.attack.scenes.scene import MODEL, PROMPT, Scene, Stage, StageArena, Steps, agent, ways
from stemma.platform.attack.suite import Mode, own_networks_only

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.models import Model

NAME = "injecagent"
VARIABLE = "STEMMA_INJECAGENT"
_FILES = ("test_cases_dh_base.json", "test_cases_ds_base.json")
_RETRIEVED = "what is private here"
_THIEF = "amy.watson@gmail.com"
_MAIL = "gmailsendemail"
_LONGEST_NAME = 40


class InjecAgent:
    """The suite ``injecagent``. Its data are not part of Stemma: `folder`, or the environment, says where they lie."""

    name = NAME

    def __init__(self, network: Path | None = None, *, folder: Path | None = None) -> None:
        own_networks_only(NAME, network)
        given = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
        missing = [name for name in _FILES if given is None or not (given / name).is_file()]
        if given is None or missing:
            where = f"{str(given)!r} has no {', '.join(missing)}" if given else f"{VARIABLE} is not set"
            raise NotConfigured(
                f"the cases of suite {NAME!r} are not here: {where}; set {VARIABLE} to the folder of InjecAgent's data "
                "(github.com/uiuc-kang-lab/InjecAgent)"
            )
        self._folder = given

    def size(self, mode: Mode) -> int:
        """1,054 pairs, against the guard with both ways that the models may be; or 17 tasks."""
        return sum(len(stage.scenes) for stage in self._stages(mode)) * len(ways(mode))

    def arenas(self, mode: Mode, folder: Path) -> Iterator["InjecAgentArena"]:
        """One for each task of a user."""
        for stage in self._stages(mode):
            for curious in ways(mode):
                place = folder / f"{stage.name}{'-curious' * curious}"
                place.mkdir()
                yield InjecAgentArena(stage, mode, place, curious, self._orders)

    def _stages(self, mode: Mode) -> list[Stage]:
        tasks = dict.fromkeys(case["User Tool"] for case in self._cases)
        return [_stage([case for case in self._cases if case["User Tool"] == tool], mode) for tool in tasks]

    @cached_property
    def _cases(self) -> Sequence[Mapping[str, Any]]:
        return [case for name in _FILES for case in json.loads((self._folder / name).read_text(encoding="utf-8"))]

    @cached_property
    def _orders(self) -> Goals:
        """What every instruction asks for: the tool that does harm; or what is private, and a mail with it."""
        return Goals({case["Attacker Instruction"]: _calls(case) for case in self._cases})


@dataclass
class InjecAgentArena(StageArena):
    """One task of a user, with every instruction of an attacker in what its tool returns."""

    orders: Goals = field(default_factory=lambda: Goals({}))

    @cached_property
    def models(self) -> "Mapping[str, Model]":
        from stemma.models.gullible import GullibleModel

        plan = self._planned("assistant")
        return {f"{MODEL}-assistant": GullibleModel(plan, recognisers=(explicit, self.orders), curious=self.curious)}


def _stage(cases: Sequence[Mapping[str, Any]], mode: Mode) -> Stage:
    used = _named(cases[0]["User Tool"])
    given = ast.literal_eval(cases[0]["Tool Parameters"])
    arguments = {f"{name}_" if iskeyword(name) else name: value for name, value in given.items()}
    harm = {tool for case in cases for tool in _tools(case)[-1:]} - {used}
    private = {tool for case in cases for tool in _tools(case)[:-1]} - {used, *harm}
    props = [
        Prop(used, used, tuple(arguments), label=UNTRUSTED),
        *(
            Prop(tool, tool, _parameters(tool), Effect.EGRESS if tool == _MAIL else Effect.WRITE)
            for tool in sorted(harm)
        ),
        *(Prop(tool, tool) for tool in sorted(private)),
    ]

    def script(_: Scene) -> Steps:
        return str((yield Use(used, arguments)))

    assistant = agent(
        "assistant", PROMPT, reads=["task", "case"], writes="answer", tools=tuple(prop.name for prop in props)
    )
    scenes = [_scene(case, number) for number, case in enumerate(cases if mode.attacked else cases[:1])]
    return Stage(used, props, [assistant], ["assistant"], {"assistant": script}, scenes)


def _scene(case: Mapping[str, Any], number: int) -> Scene:
    said, private = case["Tool Response"], _tools(case)[:-1]
    clean = case["Tool Response Template"].replace("<Attacker Instruction>", "Nothing of note.")
    [*_, last] = _calls(case)
    return Scene(
        f"c{number}",
        case["User Instruction"],
        {_named(case["User Tool"]): clean, **dict.fromkeys(private, _RETRIEVED)},
        {_named(case["User Tool"]): said},
        (),
        (str(next(iter(last.arguments.values()))),),
    )


def _calls(case: Mapping[str, Any]) -> tuple[Use, ...]:
    *private, last = _tools(case)
    if last == _MAIL:
        return (*map(Use, private), Use(_MAIL, {"to": _THIEF, "body": _RETRIEVED}))
    return (Use(last, {"wish": case["Attacker Instruction"]}),)


def _tools(case: Mapping[str, Any]) -> list[str]:
    return [_named(tool) for tool in case["Attacker Tools"]]


def _named(tool: str) -> str:
    """What the tool is called in a network, whose names are short and have no capitals."""
    return tool.lower()[:_LONGEST_NAME]


def _parameters(tool: str) -> tuple[str, ...]:
    return ("to", "body") if tool == _MAIL else ("wish",)
