"""The pipeline: agents asked one after another, each reading what came before it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from stemma.core.trust import TRUSTED, TrustLabel
from stemma.network.message import CALLER, PERSON, Message, Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.run import Outcome, RunStatus
from stemma.network.turn import Reply, Unusable, answer_of, parts_for

Ask: TypeAlias = Callable[[Role, Message], Awaitable[Reply]]
"""Brings a message to a role and comes back with what its model said. Durable: asked again, it answers the same."""


async def pipeline(network: Network, run: str, request: Mapping[str, str], ask: Ask) -> tuple[Outcome, Message | None]:
    """How `request` fares, and the message that tells the caller, or the person who takes over."""
    known = {name: Part(PartKind.DATA, name, request[name], label) for name, label in network.inputs.items()}
    written: dict[str, Part] = {}
    decisive: list[TrustLabel] = []
    sender, position = CALLER, 0
    for position, role in enumerate(network.roles, start=1):
        agent = role.agent
        if agent.when is not None:
            decisive += [known[name].label for name in agent.when.expected]
            if not agent.when.holds({name: known[name].value for name in agent.when.expected}):
                reason = agent.when.otherwise
                note = Part(PartKind.INSTRUCTION, "reason", reason, TRUSTED)
                last = Message.compose(
                    run,
                    position,
                    sender=sender,
                    recipient=PERSON,
                    parts=[note, *known.values()],
                    decided_by=decisive,
                )
                return _outcome(RunStatus.HANDED_OVER, written, reason), last
        message = Message.compose(
            run, position, sender=sender, recipient=agent.name, parts=parts_for(role, known), decided_by=decisive
        )
        answer = answer_of(role, message, await ask(role, message))
        if isinstance(answer, Unusable):
            return _outcome(RunStatus.FAILED, written, f"agent {agent.name!r}: {answer.reason}"), None
        known[answer.name] = written[answer.name] = answer
        sender = agent.name
    last = Message.compose(
        run, position + 1, sender=sender, recipient=CALLER, parts=written.values(), decided_by=decisive
    )
    return _outcome(RunStatus.COMPLETED, written), last


def _outcome(status: RunStatus, written: Mapping[str, Part], reason: str | None = None) -> Outcome:
    return Outcome(
        status,
        {name: part.value for name, part in written.items()},
        {name: part.label for name, part in written.items()},
        reason,
    )
