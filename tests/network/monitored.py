"""What stands around the monitor of one turn, in memory: what it kept, put on record and asked people can be read there."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.guard.policy import Policy
from stemma.guard.text import TOKEN
from stemma.guard.text.finding import rewritten
from stemma.guard.vault import Revealed
from stemma.network.agent import Agent
from stemma.network.bounds import Spent
from stemma.network.endorser import Endorser
from stemma.network.flow import Step
from stemma.network.journal import Charge, Event, Journal
from stemma.network.mediation import Mediator
from stemma.network.message import Message, Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Question
from stemma.network.protection import Shield, Vault
from stemma.network.tools.tool import Call, Effect, Tool
from stemma.network.turn import Reply
from stemma.registry.prompt import Prompt
from stemma.testing.clock import VirtualClock

SECRET = TrustLabel(Integrity.TRUSTED, Confidentiality.SECRET)
STRANGE_SECRET = TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET)
PERSONAL = TrustLabel(Integrity.INTERNAL, Confidentiality.INTERNAL, frozenset({"pii"}))

ENDORSES = '@id("all") permit (principal, action == Action::"endorse", resource);'
"""Every field whose values can be counted may count as internal."""


def part(name: str, value: Any, label: TrustLabel = UNTRUSTED, **more: Any) -> Part:
    return Part(PartKind.DATA, name, value, label, **more)


def message(*parts: Part, decided: TrustLabel = INTERNAL) -> Message:
    """A message to the clerk, `r.1.2` of run `r.1`."""
    instruction = Part(PartKind.INSTRUCTION, "persona", {"prompt": "act.json"}, TRUSTED)
    return Message.compose(
        "r.1.2", "r.1", sender="caller", recipient="clerk", parts=(instruction, *parts), decided_by=[decided]
    )


def role(**more: Any) -> Role:
    """The clerk, with what the test wants of its agent."""
    agent = Agent("clerk", "act.json", "scripted", ("bill",), "said", **more)
    return Role(agent, Prompt("clerk: act.", template_format="none"), "act.json", TRUSTED)


def network(*roles: Role, **more: Any) -> Network:
    """The desk of the clerk."""
    return Network("desk", {"bill": UNTRUSTED}, roles or (role(),), Step("clerk"), folder=Path("desk"), **more)


def endorser(*texts: str) -> Endorser:
    """Asks the default policies, and these, for Ada."""
    more = {f"{number}.cedar": text for number, text in enumerate(texts)}
    return Endorser("desk", Policy.of({**Policy.default().texts, **more}), "user:ada")


async def everything(_: Tool) -> None:
    """Leave to use any tool."""


def mediator(
    people: "Deciding",
    *,
    asks: Endorser | None = None,
    desk: Network | None = None,
    clock: VirtualClock | None = None,
    permit: Callable[[Tool], Awaitable[None]] = everything,
    vault: Vault | None = None,
) -> Mediator:
    """Decides about the calls of the clerk in one message."""
    of = desk or network()
    return Mediator(
        message=message(),
        network=of,
        role=role(),
        endorser=asks or endorser(),
        clock=clock or VirtualClock(),
        shield=Shield(of.name, of.protects, vault),
        decision=people,
        permit=permit,
    )


class Remembered(Journal):
    """A journal in memory: steps are kept as JSON, once each; `order` has what was kept and put on record, as it came.

    `writes` counts how often it was to keep something, what it had already included.
    """

    def __init__(self, done: Mapping[str, Any] | None = None, *, spent: Spent | None = None) -> None:
        self.done = dict(done or {})
        self.spent = spent or Spent()
        self.order: list[tuple[str, tuple[Event, ...]]] = []
        self.charges: list[Charge | None] = []
        self.replies: list[Reply] = []
        self.writes = 0

    async def keep(self, step: str, body: Any, *, events: Sequence[Event] = (), charge: Charge | None = None) -> None:
        self.writes += 1
        written = json.loads(json.dumps(body))
        if step not in self.done:
            self.order.append((step, tuple(events)))
            self.charges.append(charge)
        self.done[step] = written

    async def answer(
        self, message: Message, reply: Reply, *, events: Sequence[Event] = (), charge: Charge | None = None
    ) -> None:
        self.order.append(("answer", tuple(events)))
        self.charges.append(charge)
        self.replies.append(reply)

    @property
    def events(self) -> list[Event]:
        return [event for _, events in self.order for event in events]

    @property
    def kinds(self) -> list[tuple[str, list[str]]]:
        """The steps, each with the kinds of its events."""
        return [(step, [event.kind for event in events]) for step, events in self.order]


class Deciding:
    """A person who answers each question as the test wrote it; a decision without a binding approves what was asked."""

    def __init__(self, *decisions: Decision) -> None:
        self.decisions = list(decisions)
        self.questions: list[Question] = []

    async def __call__(self, question: Question) -> Decision:
        self.questions.append(question)
        return self._before(self.decisions.pop(0), question)

    def _before(self, decision: Decision, question: Question) -> Decision:
        return Decision(
            decision.verdict,
            decision.by,
            decision.value,
            decision.reason,
            decision.binding or question.binding,
            decision.expires or question.expires,
        )


class Machine:
    """A tool's function that returns, or raises, one thing after the other; `calls` are those that were made."""

    def __init__(self, *returns: Any) -> None:
        self.returns = list(returns)
        self.calls: list[tuple[Mapping[str, Any], Call]] = []

    async def __call__(self, arguments: Mapping[str, Any], call: Call) -> Any:
        self.calls.append((arguments, call))
        found = self.returns.pop(0) if self.returns else "done"
        if isinstance(found, Exception):
            raise found
        return found


def tool(
    name: str = "pay",
    effect: Effect = Effect.SPEND,
    *,
    machine: Machine | None = None,
    label: TrustLabel = INTERNAL,
    required: Sequence[str] = (),
    properties: Mapping[str, Any] | None = None,
    **more: Any,
) -> Tool:
    """A tool with these arguments, none of them required but those named."""
    parameters = {"type": "object", "properties": dict(properties or {}), "required": list(required)}
    return Tool(name, "", parameters, machine or Machine(), effect, label, **more)


class Counter:
    """A vault that numbers its tokens by their length; those that are `gone` it turns back no more."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.gone: set[str] = set()

    def tokens(self, tenant: str) -> "Counter":
        return self

    def token(self, kind: str, text: str) -> str:
        made = f"pii_{kind}_{'a' * (34 + len(self.texts))}"
        self.texts[made] = text
        return made

    def own(self, value: Any, tenant: str) -> frozenset[str]:
        return frozenset(self.texts)

    def reveal(self, value: Any, tenant: str, *, wanted: Callable[[str], bool], purpose: Mapping[str, Any]) -> Revealed:
        texts = {token: text for token, text in self.texts.items() if token not in self.gone}
        shown = rewritten(value, lambda text, _: TOKEN.sub(lambda one: texts.get(one[0], one[0]), text))
        return Revealed(shown, len(texts), texts=texts, gone=frozenset(self.gone))
