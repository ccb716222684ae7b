"""Plays the plans for AgentDojo's tasks by hand, to see what each plan was shown, what was kept from it, and what it wrote."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemma.core.trust import TRUSTED, TrustLabel
from stemma.guard.closed import FieldSpec
from stemma.models.hearsay import Reading
from stemma.models.orders import Use, leaves
from stemma.network.quarantine import Sight
from stemma.network.reader import EXTRACT, OPEN
from stemma.network.tools.function import function_tool
from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Call, Labelled, Tool, ToolFailed
from stemma.platform.attack.agentdojo.declarations import declarations
from stemma.platform.attack.agentdojo.plans import planned
from stemma.platform.attack.agentdojo.world import World, Worlds, functions

RUN = "run.1.1"


@dataclass
class Played:
    """What stood before the plan's eyes, what did not, and what it wrote of its own by the time of each call."""

    seen: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    wrote: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    """Each value, with what was seen and kept until then."""


@dataclass
class Stage:
    """Where the plans of one suite are played: the tools of its real environment, shown as the runtime shows them."""

    suite: str
    folder: Path

    def __post_init__(self) -> None:
        declared = declarations(self.suite)
        made = functions(self.suite, self.folder)
        self.tools = {name: declared[name].spec.over(function_tool(name, made[name])) for name in declared}
        self.planned = planned(self.suite)

    def play(self, task: Any, environment: Any) -> Played:
        """Plays the plan of a task to its end; everything that a person is asked for is approved."""
        Worlds(self.folder).keep(RUN, World(environment))
        played, sight = Played(seen=[task.PROMPT]), Sight(guarded=True, label=TRUSTED)
        steps = self.planned.plans[task.ID]()
        told: Any = None
        while True:
            try:
                use = steps.send(told)
            except StopIteration as ended:
                played.wrote += _written(played, ended.value)
                return played
            played.wrote += _written(played, dict(use.arguments) if use.tool not in (EXTRACT, OPEN) else {})
            told = self._told(use, sight, played)
            played.seen += _words(told)
            played.kept = [word for held in sight.handles._held.values() for word in _words(held.value)]

    def _told(self, use: Use, sight: Sight, played: Played) -> Any:
        if use.tool == OPEN:
            return sight.fill(use.arguments["handle"]).value
        if use.tool == EXTRACT:
            return _extracted(use.arguments, sight, self.planned.reads)
        tool = self.tools[use.tool]
        filled = {name: sight.fill(value) for name, value in use.arguments.items()}
        handed = [one.label_from(sight.label) for one in filled.values()]
        label, fields, value = _called(tool, {name: one.value for name, one in filled.items()}, self.folder)
        for one in handed:
            label = label.join(one)
        return sight.shown(value, label, fields, f"result of {use.tool}")


def _called(tool: Tool, arguments: Mapping[str, Any], folder: Path) -> tuple[TrustLabel, Mapping[str, TrustLabel], Any]:
    try:
        value = asyncio.run(invoke(tool, arguments, Call("key", RUN, "agent", folder), max_chars=500_000))
    except ToolFailed as failure:
        return failure.label or tool.label, {}, f"error: {failure}"
    assert not isinstance(value, Labelled)
    return tool.label, tool.fields, value


def _extracted(arguments: Mapping[str, Any], sight: Sight, reads: Mapping[str, Reading]) -> Any:
    text = "\n\n".join(map(str, sight.fill(arguments["handle"].split()).value))
    specs = [FieldSpec.read(name, written) for name, written in arguments["fields"].items()]
    values = {spec.name: spec.fitting(reads[spec.about](text)) for spec in specs}
    name = sight.handles.hide_fields(values, TrustLabel.from_json(_UNTRUSTED), "read", {})
    return {one: f"{name}.{one}" for one in values}


_UNTRUSTED = {"integrity": "untrusted", "confidentiality": "internal", "categories": []}


def _written(played: Played, value: Any) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    for word in _words(value):
        yield word, tuple(played.seen), tuple(played.kept)


def _words(value: Any) -> list[str]:
    """The values in a text or in JSON that could be somebody's: what has a digit, an @ or a capital letter in it."""
    found = []
    for leaf in leaves(value):
        text = re.sub(r"\$h[0-9]+(\.\w+)?", " ", str(leaf))
        for word in re.findall(r"[\w@:/+.-]+", text):
            bare = word.strip(".:-/")
            if re.search(r"[0-9@A-Z]", bare):
                found.append(_plain(bare))
    return found


def _plain(word: str) -> str:
    try:
        return f"{float(word):g}"
    except ValueError:
        return word.casefold()
