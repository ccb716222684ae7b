"""What a model is shown: the agent's prompt with the message's values in it, its earlier turns, and what it did in this one.

All of it is kept within the agent's limit by the rule of `state.window`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stemma.core.errors import InvalidInput
from stemma.core.frames import framing
from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.text.finding import check_depth
from stemma.network.manifest import CONTEXT
from stemma.network.message import Message
from stemma.network.network import Role
from stemma.network.state.window import Window, fit
from stemma.network.tools.tool import Tool, ToolFailed
from stemma.network.turn import as_said, render, shown
from stemma.registry.prompt import Rendered

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart
    from pydantic_ai.tools import ToolDefinition

_LISTS = (CONTEXT, "memory")
"""Parts that are passages, the most relevant first."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One round of the control loop: what the model said, and what it was told then."""

    said: "ModelResponse"
    told: "ModelRequest"


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier turn of the same agent in the same task; `label` is that of everything that was read for its answer."""

    message: Message
    answer: Any
    label: TrustLabel


def conversation(
    role: Role, message: Message, history: Sequence[Earlier], exchanges: Sequence[Exchange], *, note: str = ""
) -> "list[ModelMessage]":
    """The messages for the model, with `note` behind its instructions.

    Raises TemplateError, and TooLong when what must stay whole is over the limit by itself.
    """
    values = _values(message)
    rendered = _noted(render(role, values), note)
    limit = role.agent.limits.max_input_chars
    size = len(rendered.system) + len(rendered.user)
    if not history and not exchanges and size <= limit:
        return _messages(rendered, (), ())
    turns = [(_question(role, turn.message), as_said(turn.answer)) for turn in history]
    whole = _window(role, message, values, rendered, turns, exchanges)
    if whole.size() <= limit:
        return _messages(rendered, turns, exchanges)
    return _fitted(role, message, note, whole, limit, turns, exchanges)


def _window(
    role: Role,
    message: Message,
    values: dict[str, Any],
    rendered: Rendered,
    turns: Sequence[tuple[str, str]],
    exchanges: Sequence[Exchange],
) -> Window:
    data = {name: as_said(value) for name, value in values.items() if not _is_list(name, message.data[name])}
    passages = {name: _texts(value) for name, value in message.data.items() if _is_list(name, value)}
    in_data = sum(map(len, data.values())) + sum(len(text) for found in passages.values() for text in found)
    # What the prompt itself takes. Values that stand in it twice, or not at all, are evened out when the fitted ones
    # are put in.
    own = max(0, len(rendered.system) + len(rendered.user) - in_data)
    return Window(
        " " * own,
        data,
        passages,
        [question + answer for question, answer in turns],
        [_text_of(exchange) for exchange in exchanges],
    )


def _fitted(
    role: Role,
    message: Message,
    note: str,
    whole: Window,
    limit: int,
    turns: Sequence[tuple[str, str]],
    exchanges: Sequence[Exchange],
) -> "list[ModelMessage]":
    room = limit
    while True:
        kept = fit(whole, room)
        texts: dict[str, Any] = dict(kept.data) | {name: "\n\n".join(found) for name, found in kept.passages.items()}
        rendered = _noted(render(role, {name: _framed(name, text, message) for name, text in texts.items()}), note)
        rendered = Rendered(rendered.system, f"{rendered.user}\n\n{kept.note}".strip())
        left = turns[len(turns) - len(kept.history) :], exchanges[len(exchanges) - len(kept.exchanges) :]
        size = len(rendered.system) + len(rendered.user)
        size += sum(len(question + answer) for question, answer in left[0]) + sum(len(_text_of(one)) for one in left[1])
        if size <= limit:
            return _messages(rendered, *left)
        room -= size - limit  # a value that stands in the prompt twice counts twice


def _messages(
    rendered: Rendered, turns: Sequence[tuple[str, str]], exchanges: Sequence[Exchange]
) -> "list[ModelMessage]":
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    from stemma.models.conversation import conversation_of

    if not turns:
        messages = conversation_of(rendered.system, rendered.user)
    else:
        messages = []
        for number, (question, answer) in enumerate(turns):
            parts = [UserPromptPart(question)]
            messages.append(ModelRequest(parts=[SystemPromptPart(rendered.system), *parts] if number == 0 else parts))
            messages.append(ModelResponse(parts=[TextPart(answer)]))
        messages.append(ModelRequest(parts=[UserPromptPart(rendered.user or rendered.system)]))
    for exchange in exchanges:
        messages += [exchange.said, exchange.told]
    return messages


def _question(role: Role, message: Message) -> str:
    rendered = render(role, _values(message))
    return rendered.user or rendered.system


def _noted(rendered: Rendered, note: str) -> Rendered:
    return Rendered("\n\n".join(text for text in (rendered.system, note) if text), rendered.user) if note else rendered


def _values(message: Message) -> dict[str, Any]:
    """The data of a message as a template is given it."""
    return {name: _framed(name, shown(name, value), message) for name, value in message.data.items()}


def _framed(name: str, value: Any, message: Message) -> Any:
    """A stranger's text, so that it is written in a frame; any other as it is."""
    strangers = {part.name for part in message.parts if part.label.integrity is Integrity.UNTRUSTED}
    return framing(value, name) if name in strangers else value


def _is_list(name: str, value: Any) -> bool:
    return name in _LISTS and isinstance(value, list)


def _texts(value: Any) -> list[str]:
    return [item["text"] if isinstance(item, dict) else str(item) for item in value]


def _text_of(exchange: Exchange) -> str:
    from pydantic_ai.messages import RetryFeedbackPart, ToolReturnPart

    said = exchange.said.text or ""
    calls = "".join(call.tool_name + call.args_as_json_str() for call in exchange.said.tool_calls)
    told = [part.content for part in exchange.told.parts if isinstance(part, RetryFeedbackPart | ToolReturnPart)]
    return said + calls + "".join(map(as_said, told))


def correction(reason: str) -> "ModelRequest":
    """What a model is told of an answer that is none."""
    from pydantic_ai.messages import ModelRequest, RetryFeedbackPart, RetryInfo

    return ModelRequest(parts=[RetryFeedbackPart(reason, retry=RetryInfo("validation_error"))])


def definition(tool: Tool) -> "ToolDefinition":
    """A tool as a model is told of it."""
    from pydantic_ai.tools import ToolDefinition

    return ToolDefinition(name=tool.name, parameters_json_schema=dict(tool.parameters), description=tool.description)


def arguments_of(call: "ToolCallPart") -> dict[str, Any]:
    """What a model wrote for a tool. Raises ToolFailed where that is no JSON object, or nested too deep to be written down."""
    try:
        arguments = call.args_as_dict(raise_if_invalid=True)
        check_depth(arguments)
    except (ValueError, AssertionError) as error:
        raise ToolFailed(f"the arguments of {call.tool_name!r} are not a JSON object: {error}") from error
    except InvalidInput as error:
        raise ToolFailed(f"the arguments of {call.tool_name!r} cannot be used: {error}") from error
    return arguments
