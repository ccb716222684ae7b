"""One message, from what its agent is shown to what it is told of its call, with the guard on and off.

An agent that can act is shown the message: a task of ours, and a stranger's letter of 2,000 characters, which goes behind a
handle. It calls a tool with an address of ours and a text with the letter in it, which is allowed; and is shown what the tool
returned, 1,000 characters of a stranger's. With the guard that takes labels, handles, policies, the text made inert, what was
returned cleaned. Without it the call is put together, checked against its schema and put on record all the same.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemma.core.clock import SystemClock
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED
from stemma.guard.policy import Policy
from stemma.network import Effect, Step
from stemma.network.agent import Agent
from stemma.network.endorser import Endorser
from stemma.network.mediation import Mediator
from stemma.network.message import Message, Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Question
from stemma.network.protection import Shield
from stemma.network.quarantine import Sight
from stemma.network.tools.tool import Call, Tool
from stemma.network.wanted import handed_over, wanted
from stemma.registry.prompt import Prompt

_WARM = 100
_WORDS = (
    *(
        "Rechnung",
        "invoice",
        "please",
        "account",
        "thank you",
        "Grüße",
        "10.11.2026",
        "order",
        "Tuesday",
        "the",
        "of",
        "we",
    ),
    "https://shop.example/",
)


async def added(policy: Policy, number: int, *, seed: int = 7) -> tuple[list[float], list[float]]:
    """The seconds that the guard adds to each of so many messages: of wall-clock time, and of the thread's CPU time."""
    rng, wall, cpu = random.Random(seed), list[float](), list[float]()
    on, off = _Turn(policy, guarded=True), _Turn(policy, guarded=False)
    for place in range(number + _WARM):
        letter, returned = _text(rng, 200), _text(rng, 100)
        with_guard = await on.take(place, letter, returned)
        without = await off.take(place, letter, returned)
        if place >= _WARM:
            wall.append(with_guard[0] - without[0])
            cpu.append(with_guard[1] - without[1])
    return wall, cpu


@dataclass
class _Turn:
    policy: Policy
    guarded: bool

    def __post_init__(self) -> None:
        agent = Agent("clerk", "act.json", "embedded", ("task", "letter"), "said")
        self._role = Role(agent, Prompt("Act."), "act.json", TRUSTED)
        inputs = {"task": TRUSTED, "letter": UNTRUSTED}
        self._network = Network("desk", inputs, (self._role,), Step("clerk"), folder=Path(), guarded=self.guarded)
        self._shield = Shield("desk", None, None)
        schema = {"type": "object", "properties": {name: {"type": "string"} for name in ("to", "text")}}
        self._tool = Tool("send", "", schema, _sent, Effect.EGRESS, UNTRUSTED, sensitive=("to",))

    async def take(self, place: int, letter: str, returned: str) -> tuple[float, float]:
        """Seconds of wall-clock and of CPU time."""
        message = Message.compose(
            f"b.1.{place + 1}",
            "b.1",
            sender="caller",
            recipient="clerk",
            parts=_parts(place, letter),
            decided_by=[TRUSTED],
        )
        endorser = Endorser("desk", self.policy, f"user:{place}")
        mediator = Mediator(
            message, self._network, self._role, endorser, SystemClock(), self._shield, _nobody, _permitted
        )
        text = f"They wrote: {'$h1' if self.guarded else letter}"
        began, worked = time.perf_counter(), time.thread_time()
        sight = Sight.of(message, INTERNAL, guarded=self.guarded)
        sight.message(message)
        call = wanted(self._tool, {"to": f"desk{place}@our.example", "text": text}, sight)
        allowed = await mediator.allowed("t1-1", call, sight.label)
        if self.guarded:
            handed_over(allowed.call)
            returned = self._shield.result(returned, UNTRUSTED)
        sight.shown(returned, UNTRUSTED, {}, "result of send")
        return time.perf_counter() - began, time.thread_time() - worked


def _text(rng: random.Random, words: int) -> str:
    return " ".join(f"{rng.choice(_WORDS)}{rng.randrange(1000)}" for _ in range(words))


def _parts(place: int, letter: str) -> Sequence[Part]:
    return (
        Part(PartKind.DATA, "task", f"Answer letter {place}.", TRUSTED),
        Part(PartKind.DATA, "letter", letter, UNTRUSTED),
    )


async def _sent(arguments: Any, call: Call) -> str:
    return "sent"


async def _permitted(tool: Tool) -> None:
    """A fresh store asks nobody."""


async def _nobody(question: Question) -> Decision:
    raise AssertionError(f"this call needs nobody: {question}")
