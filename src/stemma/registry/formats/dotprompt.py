"""`.prompt` of Google's Dotprompt: front matter with Picoschema, and a Handlebars body with role helpers.

Fields: `name`, `description`, `model`, `config`, `input.schema` and `output.schema`; `variant`, `tools`, `input.default`,
`output.format`, namespaced fields and all others are kept as metadata. Source: google.github.io/dotprompt/reference.
"""

import re
from collections.abc import Mapping
from typing import Any

from stemma.core.digests import thaw
from stemma.core.errors import InvalidData
from stemma.registry.formats.conversation import SPLIT, Message, Role, conversation_of, read_conversation, respelled
from stemma.registry.formats.fields import Fields, parameters_of
from stemma.registry.formats.file import PromptFile, Written
from stemma.registry.formats.front_matter import join_front_matter, split_front_matter
from stemma.registry.formats.picoschema import to_json_schema, to_picoschema

_PARAMETERS = {
    "frequencyPenalty": "frequency_penalty",
    "maxOutputTokens": "max_tokens",
    "presencePenalty": "presence_penalty",
    "stopSequences": "stop_sequences",
    "topK": "top_k",
    "topP": "top_p",
}
_MARKER = re.compile(r"\{\{\s*(?:role\s+[\"'](?P<role>\w+)[\"']|(?P<history>history))\s*\}\}[ \t]*\n?")
_ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "model": "assistant", "assistant": "assistant"}
_HISTORY = "history"  # metadata: the file says where earlier messages go


def read(text: str, path: str) -> PromptFile:
    """The prompt in a `.prompt`. Raises InvalidData, TemplateError and UnsafeTemplate with the line."""
    fields, body, line = split_front_matter(text, path)
    name, description = fields.text("name"), fields.text("description")
    settings = fields.settings(fields.text("model"), fields.mapping("config"), _PARAMETERS, "config")
    input_schema, inputs = _read_schema(fields, "input")
    output_schema, outputs = _read_schema(fields, "output")
    messages, history = _read_messages(body, path, line)
    prompt, split = read_conversation(
        messages, path, settings=settings, input_schema=input_schema, output_schema=output_schema
    )
    return PromptFile(prompt, name, description, {**fields.rest, **inputs, **outputs, **history, **split}, "dotprompt")


def write(file: PromptFile) -> Written:
    """The prompt as a `.prompt`."""
    prompt, losses = respelled(file.prompt, "mustache", keep=True)
    front: dict[str, Any] = {"name": file.name, "description": file.description, "model": prompt.settings.get("model")}
    front["config"] = thaw(parameters_of(prompt.settings, _PARAMETERS))
    known = file.metadata if file.format == "dotprompt" else {}
    front["input"] = _written_schema(prompt.input_schema, known.get("input"), {})
    front["output"] = _written_schema(prompt.output_schema, known.get("output"), {"format": "json"})
    front |= {key: thaw(value) for key, value in known.items() if key not in {SPLIT, _HISTORY, *front}}
    body = _written_body(conversation_of(prompt, file.metadata), history=bool(known.get(_HISTORY)))
    return Written(
        join_front_matter({key: value for key, value in front.items() if value not in (None, {})}, body), losses
    )


def _read_schema(fields: Fields, name: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    around = dict(fields.mapping(name))
    schema = around.pop("schema", None)
    kept = {name: around} if around else {}
    if schema is None:
        return None, kept
    try:
        return to_json_schema(schema), kept
    except ValueError as error:
        raise fields.error(f"the schema of the {name}: {error}", name, "schema") from error


def _written_schema(schema: Mapping[str, Any] | None, known: Any, otherwise: Mapping[str, Any]) -> dict[str, Any]:
    around = dict(thaw(known)) if isinstance(known, Mapping) else {}
    if schema is None:
        return around
    return {**(around or otherwise), "schema": to_picoschema(thaw(schema))}


def _read_messages(body: str, path: str, first_line: int) -> tuple[list[Message], dict[str, Any]]:
    """The messages between the role helpers; text before the first one is the user's."""
    escaped = body.find("\\{{")
    if escaped >= 0:
        line = first_line + body.count("\n", 0, escaped)
        raise InvalidData(
            path, "'\\{{' writes a literal '{{', which is not available; put such text into a variable", line=line
        )
    messages: list[Message] = []
    role, start, history_at = "user", 0, None
    for found in [*_MARKER.finditer(body), None]:
        piece = body[start : len(body) if found is None else found.start()]
        line = first_line + body.count("\n", 0, start + len(piece) - len(piece.lstrip("\n")))
        if piece.strip():
            if role not in _ROLES:
                raise InvalidData(path, f"the role {role!r} is not known; use system, user or model", line=line)
            messages.append(Message(_ROLES[role], piece.strip("\n"), line))
        if found is None:
            break
        start, role = found.end(), found["role"] or "model"  # the text behind the history is the model's
        if found["history"]:
            history_at = len(messages)
    if history_at is not None and (history_at != len(messages) - 1 or messages[-1].role != "user"):
        raise InvalidData(
            path, "{{history}} may only stand before the last user message, where earlier messages go anyway"
        )
    return messages, {} if history_at is None else {_HISTORY: True}


def _written_body(messages: list[Message], *, history: bool) -> str:
    parts = []
    for index, message in enumerate(messages):
        if history and index == len(messages) - 1:
            parts.append("{{history}}\n")
        role = "model" if message.role == "assistant" else message.role
        parts.append(f'{{{{role "{role}"}}}}\n{message.text}\n')
    return "".join(parts)
