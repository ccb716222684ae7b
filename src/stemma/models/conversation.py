"""What a pydantic-ai request says, as three plain texts: the instructions, the earlier turns, the turn to answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextContent,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request as text. `attachments` is whether anything that is not text (an image, a file) was left out."""

    system: str
    turns: tuple[tuple[str, str], ...]
    user: str
    attachments: bool = False


def read_conversation(
    messages: Sequence[ModelMessage], parameters: ModelRequestParameters | None = None
) -> Conversation:
    """The texts of a request: system prompts and instructions, finished (user, answer) turns, and the open turn.

    An answer given through an output tool counts as its arguments' JSON. When the last request carries no
    user text (a retry), the user's last words are the open turn again.
    """
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    open_turn: list[str] = []
    attachments = False
    instructions: str | None = None
    for message in messages:
        if isinstance(message, ModelResponse):
            if open_turn:
                turns.append(("\n".join(open_turn), _answer(message)))
                open_turn = []
            continue
        if message.instructions is not None:
            instructions = message.instructions
        for part in message.parts:
            if isinstance(part, SystemPromptPart):
                system.append(part.content)
            elif isinstance(part, UserPromptPart):
                text, complete = _user_text(part)
                open_turn.append(text)
                attachments = attachments or not complete
    if not open_turn and turns:
        open_turn = [turns.pop()[0]]
    return Conversation(
        "\n\n".join([*system, *_instructions(instructions, parameters)]),
        tuple(turns),
        "\n".join(open_turn),
        attachments,
    )


def conversation_of(system: str, user: str) -> list[ModelMessage]:
    """The messages that carry `system` and `user`. Providers want a user's turn, so a lone system text becomes one."""
    if not (system and user):
        return [ModelRequest(parts=[UserPromptPart(user or system)])]
    return [ModelRequest(parts=[SystemPromptPart(system), UserPromptPart(user)])]


def _answer(response: ModelResponse) -> str:
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    return response.text or (calls[-1].args_as_json_str() if calls else "")


def _user_text(part: UserPromptPart) -> tuple[str, bool]:
    if isinstance(part.content, str):
        return part.content, True
    texts = [
        item if isinstance(item, str) else item.content for item in part.content if isinstance(item, str | TextContent)
    ]
    return "\n".join(texts), len(texts) == len(part.content)


def _instructions(written: str | None, parameters: ModelRequestParameters | None) -> list[str]:
    if parameters is None or parameters.instruction_parts is None:
        return [written] if written else []
    # The framework's own sentence about JSON says nothing that the schema beside it does not say.
    framework = parameters.prompted_output_instructions
    return [part.content for part in parameters.instruction_parts if part.content and part.content != framework]
