"""Messages and prompts: what a conversation in a file means as a `Prompt`, and how a `Prompt` is told as a conversation.

System messages are the instructions; a last message of the user is the `user` template; user and assistant in pairs before
it are demonstrations, which are data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias

from stemma.core.errors import InvalidData, TemplateError
from stemma.registry.formats.plain import pieces_of, spelled
from stemma.registry.prompt import Demonstration, Prompt
from stemma.registry.templates import TemplateFormat, check, render, variables_of

Role: TypeAlias = Literal["system", "user", "assistant"]

SPLIT = "systemMessages"
"""The metadata that keeps several system messages apart; a `Prompt` holds them joined by an empty line."""

_MOST_MESSAGES = 5_000  # each is parsed as a template


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. `line` is where its text starts in the file."""

    role: Role
    text: str
    line: int | None = None


def read_conversation(
    messages: Sequence[Message],
    path: str,
    *,
    template_format: TemplateFormat | None = None,
    settings: Mapping[str, Any],
    input_schema: Mapping[str, Any] | None = None,
    output_schema: Mapping[str, Any] | None = None,
) -> tuple[Prompt, dict[str, Any]]:
    """The prompt that the messages make, and the metadata that it cannot hold.

    Without a `template_format` it is Jinja2 where the messages have plain variables only, Mustache otherwise. Raises
    InvalidData for an order of messages that no prompt has, TemplateError and UnsafeTemplate for their texts, all with file
    and line.
    """
    if len(messages) > _MOST_MESSAGES:
        raise InvalidData(path, f"it has {len(messages):,} messages; at most {_MOST_MESSAGES:,} are read")
    system, pairs, user = _taken_apart(messages, path)
    templates = [*system, *([] if user is None else [user])]
    if template_format is None:
        plain = all(pieces_of(message.text, "jinja2") is not None for message in templates)
        template_format = "jinja2" if plain else "mustache"
    for message in templates:
        try:
            check(message.text, template_format)
        except TemplateError as error:
            raise type(error)(f"{_place(path, message)}: in the {message.role} message, {error}") from error
    for message in (message for pair in pairs for message in pair):
        if not is_data(message.text, template_format):
            _refuse(path, message, "an example before the last user message is data and cannot have template tags")
    texts = [message.text for message in system]
    prompt = Prompt(
        instructions="\n\n".join(texts),
        demonstrations=tuple(Demonstration(asked.text, answered.text) for asked, answered in pairs),
        user=None if user is None else user.text,
        template_format=template_format,
        input_schema=input_schema,
        output_schema=output_schema,
        settings=settings,
    )
    return prompt, {SPLIT: texts} if len(texts) > 1 else {}


def conversation_of(prompt: Prompt, metadata: Mapping[str, Any]) -> list[Message]:
    """The messages that `read_conversation` reads back as the prompt."""
    split = metadata.get(SPLIT)
    texts = [text for text in split if isinstance(text, str)] if isinstance(split, list | tuple) else []
    system = texts if "\n\n".join(texts) == prompt.instructions else [prompt.instructions]
    messages = [Message("system", text) for text in system if prompt.instructions]
    for shown in prompt.demonstrations:
        messages += [Message("user", shown.input), Message("assistant", shown.output)]
    if prompt.user is not None:
        messages.append(Message("user", prompt.user))
    return messages


def respelled(prompt: Prompt, native: TemplateFormat, *, keep: bool) -> tuple[Prompt, tuple[str, ...]]:
    """The prompt with its templates as a format spells them, and what that loses.

    `native` is the format's own template language. Plain variables are spelled for it; with `keep`, those that are already
    right for it stay as they are.
    """
    losses: list[str] = []
    templates = {"instructions": prompt.instructions, "user": prompt.user}
    for part, text in templates.items():
        if text is None or (prompt.template_format == native and native == "mustache" and keep):
            continue
        pieces = pieces_of(text, prompt.template_format)
        new = None if pieces is None else spelled(pieces, native)
        if new is None:
            losses.append(
                f"'{part}' uses more of {prompt.template_format} than plain variables, which this format's readers "
                "do not fill; it is written as it stands"
            )
        elif new != text and not (keep and prompt.template_format in ("jinja2", "mustache")):
            templates[part] = new
            losses.append(
                f"the variables of '{part}' are spelled anew, as this format's readers know them: {{{{name}}}}"
            )
    return prompt.with_(**templates), tuple(losses)


def is_data(text: str, template_format: TemplateFormat) -> bool:
    """Whether the text, read as a template, says only itself."""
    try:
        return not variables_of(text, template_format) and render(text, template_format, {}) == text
    except TemplateError:
        return False


def _taken_apart(
    messages: Sequence[Message], path: str
) -> tuple[list[Message], list[tuple[Message, Message]], Message | None]:
    start = next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))
    turns = list(messages[start:])
    user = turns.pop() if turns and turns[-1].role == "user" else None
    for index, message in enumerate(turns):
        if message.role == "system":
            _refuse(path, message, "a system message stands behind other messages; move it to the top")
        if message.role != ("user", "assistant")[index % 2]:
            _refuse(
                path,
                message,
                f"an example is one user and one assistant message in turn; this {message.role} has no partner",
            )
    if len(turns) % 2:
        _refuse(path, turns[-1], "two user messages follow each other; join them, or put the answer between them")
    return list(messages[:start]), list(zip(turns[::2], turns[1::2], strict=True)), user


def _refuse(path: str, message: Message, problem: str) -> NoReturn:
    raise InvalidData(path, problem, line=message.line)


def _place(path: str, message: Message) -> str:
    return path if message.line is None else f"{path}:{message.line}"
