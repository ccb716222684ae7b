"""The agents of a drawn network, one by one."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.interference.kit import CARRIER, SLOW, TIME_LIMIT, Kit

from stemma.core.trust import INTERNAL, UNTRUSTED, TrustLabel
from stemma.network import Condition, Knowledge, Limits, Recall, define_agent
from stemma.network.manifest.definition import DefinedAgent
from stemma.registry.prompt import Prompt

_ABILITIES = ("pay the bill", "write a mail", "delete the account", "order tea and milk", "approve the request")
_SCHEMAS: tuple[dict[str, Any], ...] = (
    {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": True,
    },
    {"type": "object", "properties": {"a": {"enum": ["yes", "no"]}, "c": {}}, "required": ["a"]},
)
_PATIENCE = 3.0  # seconds in which an agent has to answer that waits for no stranger itself
OURS, THEIRS = "ours", "theirs"
"""The folders of documents that were written by us, and by strangers."""


@dataclass
class Cast:
    """What agents are drawn from, and those that were. `written` are the values that flows write, `deciders` yes or no."""

    rng: random.Random
    name: str
    inputs: dict[str, TrustLabel]
    kit: Kit
    in_turn: bool
    shares: bool
    remembers: bool
    studies: bool
    peers: list[str] = field(default_factory=list)
    listeners: list[str] = field(default_factory=list)
    agents: list[DefinedAgent] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    deciders: list[str] = field(default_factory=list)
    number: int = 0

    @property
    def value(self) -> str:
        """What the last agent that was drawn writes."""
        return f"v{self.number}"

    def agent(
        self,
        *,
        answers: dict[str, Any] | None = None,
        able: bool = False,
        extra: Sequence[str] = (),
        choosy: float = 0.1,
        recalls: bool = True,
        known: Sequence[str] | None = None,
    ) -> str:
        """Adds an agent that a flow asks, and gives back its name; `extra` is what its team tells it.

        `choosy` is how likely it has a condition: where that is not met, the whole task may end. One that `recalls` may have a
        history. `known` are the values that are written by the time it is asked, all so far if None.
        """
        name = self._next()
        values = [*(one for one in ("flag",) if one in self.inputs), *self.deciders[-1:]]
        options: dict[str, Any] = {}
        if values and self.rng.random() < choosy:
            options["when"] = Condition({self.rng.choice(values): "yes"}, "not now")
        if recalls and self.in_turn and self.rng.random() < 0.25:
            options["history"] = 2
        self._add(name, extra, answers, able=able, known=self.written if known is None else known, **options)
        self.written.append(self.value)
        return name

    def told(self, name: str, by: str) -> None:
        """Adds an agent that colleagues ask, or that listens to a topic: it hears `by`."""
        self.number += 1
        self._add(name, (by,), None, history=2 * (self.in_turn and self.rng.random() < 0.25))

    def decider(self) -> tuple[str, str]:
        """An agent that says yes or no, and what it writes."""
        name = self.agent(answers={"one_of": ["yes", "yes", "no"]})
        self.deciders.append(self.value)
        return name, self.value

    def carrier(self) -> str:
        """An agent without a model, whose turn is one call of a tool with inputs as they are."""
        name = self._next()
        reads = [one if one == "task" else f"{one}?" for one in self.inputs]
        able = (self.rng.choice(_ABILITIES),)
        self.agents.append(define_agent(name, reads=reads, writes=self.value, calls=CARRIER, capabilities=able))
        return name

    def last(self) -> Any:
        """The agent that was drawn last."""
        return self.agents[-1].agent

    def _next(self) -> str:
        self.number += 1
        return f"a{self.number}"

    def _add(
        self,
        name: str,
        told: Sequence[str],
        answers: dict[str, Any] | None,
        *,
        able: bool = False,
        known: Sequence[str] = (),
        **options: Any,
    ) -> None:
        rng = self.rng
        reads = [one for one in (*self.inputs, *known) if rng.random() < 0.55] or ["task"]
        tools = tuple(self.kit.held(rng)) + (("workspace",) if self.shares and rng.random() < 0.6 else ())
        shown = [*reads, *told]
        queried = [one for one in reads if one in self.inputs] or ["task"]
        if self.remembers and rng.random() < 0.75:
            options["memory"] = Recall(
                rng.choice(("m1", "m1", "m2")) + self.name,
                rng.randint(1, 3),
                tuple(queried[:1]),
                tuple(rng.sample([*queried, self.value], k=1)) if rng.random() < 0.8 else (),
            )
            shown.append("memory")
        if self.studies and rng.random() < 0.4:
            folder, label = rng.choice(((OURS, INTERNAL), (THEIRS, UNTRUSTED)))
            options["knowledge"] = Knowledge(f"{self.name}-{folder}", rng.randint(1, 3), (rng.choice(queried),), label)
            shown.append("context")
        if able:
            options["capabilities"] = (rng.choice(_ABILITIES), rng.choice(_ABILITIES))
        if answers is None and rng.random() < 0.35:
            options["output_schema"] = rng.choice(_SCHEMAS)
        if self.peers and rng.random() < 0.55:
            options["asks"] = tuple(rng.sample(self.peers, k=rng.randint(1, len(self.peers))))
        if self.listeners and name not in (*self.listeners, *self.peers) and rng.random() < 0.5:
            options["publishes"] = ("news",)
        above = "\n".join(f"{one}: {{{{ {one} }}}}" for one in shown if rng.random() < 0.5)
        below = "\n".join(f"{one}: {{{{ {one} }}}}" for one in shown)
        words = f"{name} of {self.name}\nanswers: {json.dumps(answers or {})}\n{above}"
        optional = [f"{one}?" for one in dict.fromkeys([*reads, *(queried if len(shown) > len(reads) else ())])]
        heard = [one if one in ("question", "posted") else f"{one}?" for one in told]
        self.agents.append(
            define_agent(
                name,
                Prompt(words, user=below or "Begin."),
                reads=(*optional, *heard),
                writes=self.value,
                tools=tools,
                limits=self._limits(tools),
                **options,
            )
        )

    def _limits(self, tools: Sequence[str]) -> Limits:
        """Whoever may have to wait for a stranger has a deadline, or a tool that has one."""
        deadline = None
        if SLOW in tools and not self.kit.limited(SLOW):
            deadline = TIME_LIMIT
        elif self.kit.waits and self.rng.random() < 0.3:
            deadline = _PATIENCE
        return Limits(iterations=9, corrections=2, timeout=60.0, deadline=deadline)
