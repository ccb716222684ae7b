"""Recall: a message with what its recipient remembers of earlier tasks, as that is when it is first sent."""

from stemma.core.trust import join_all
from stemma.network.dispatch import Dispatch
from stemma.network.message import NOTHING, Message, Part, PartKind
from stemma.network.network import Role
from stemma.network.state.memory import Memories
from stemma.network.turn import MEMORY, as_said
from stemma.registry.templates import variables_of


async def remembering(message: Message, role: Role, memories: Memories, dispatch: Dispatch) -> Message:
    """The message with the memories nearest to what it holds, where `role`, its recipient, has a memory."""
    recall, prompt = role.agent.memory, role.prompt
    if recall is None or prompt is None:
        return message
    query = "\n".join(as_said(message.data[name]) for name in recall.query if name in message.data)
    found = await dispatch.in_thread(lambda: memories.search(recall.scope, query, top=recall.top))
    label = join_all([NOTHING, *(memory.label for memory in found)])
    part = Part(PartKind.DATA, MEMORY, [memory.text for memory in found], label)
    return message.with_data(part, filled_in=MEMORY in variables_of(prompt.instructions, prompt.template_format))
