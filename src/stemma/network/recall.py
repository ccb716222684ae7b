"""Recall: a message with what its recipient remembers of earlier tasks, as that is when it is first sent."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from stemma.core.trust import Integrity, TrustLabel, join_all
from stemma.network.dispatch import Dispatch
from stemma.network.message import NOTHING, Message, Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.state.memory import Memories
from stemma.network.turn import MEMORY, as_said
from stemma.registry.templates import variables_of

Acting: TypeAlias = Callable[[Network, Role], Awaitable[Mapping[str, bool]]]
"""The tools that a role may call, by name, with whether it can do something in the world with each."""


async def remembering(
    message: Message, network: Network, memories: Memories, dispatch: Dispatch, acting: Acting
) -> Message:
    """The message with the memories nearest to what it holds, where its recipient in `network` has a memory.

    Which are found hangs on what they are searched with, whose label they carry. A recipient that acts, going by `acting`,
    gets none that strangers may have put there: seeing which of its own they displace would tell it something of them.
    """
    role = network.role(message.recipient)
    recall, prompt = role.agent.memory, role.prompt
    if recall is None or prompt is None:
        return message
    acts = network.guarded and any((await acting(network, role)).values())
    asked = [part for part in message.parts if part.kind is PartKind.DATA and part.name in recall.query]
    query = "\n".join(as_said(part.value) for part in asked)
    least = Integrity.INTERNAL if acts else Integrity.UNTRUSTED
    found = await dispatch.in_thread(lambda: memories.search(recall.scope, query, top=recall.top, least=least))
    # Strangers may decide whether anything of theirs is found: to see that is to have read them, also where nothing is.
    seen = NOTHING if acts else TrustLabel(Integrity.UNTRUSTED, NOTHING.confidentiality)
    label = join_all([seen, *(part.label for part in asked), *(memory.label for memory in found)])
    part = Part(PartKind.DATA, MEMORY, [memory.text for memory in found], label)
    return message.with_data(part, filled_in=MEMORY in variables_of(prompt.instructions, prompt.template_format))
