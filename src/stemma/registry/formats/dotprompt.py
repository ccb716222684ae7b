"""`.prompt` of Google's Dotprompt: front matter with Picoschema, and a Handlebars body with role helpers.

Fields: `name`, `description`, `model`, `config`, `input.schema` and `output.schema`; `variant`, `tools`, `input.default`,
`output.format`, namespaced fields and all others are kept as metadata. Source: google.github.io/dotprompt/reference.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stemma.core.digests import thaw
from stemma.core.errors import InvalidData
from stemma.registry.formats.conversation import SPLIT, Message, conversation_of, read_conversation, respelled
from stemma.registry.formats.fields import Fields, parameters_of
from stemma.registry.formats.file import PromptFile, Written
from stemma.registry.formats.front_matter import join_front_matter
from stemma.registry.formats.marked_text import PARAMETERS, Marks
from stemma.registry.formats.picoschema import to_json_schema, to_picoschema

_MARKS = Marks(
    re.compile(r"\{\{\s*(?:role\s+[\"'](?P<role>\w+)[\"']|(?P<earlier>history))\s*\}\}[ \t]*\n?"),
    roles={"system": "system", "user": "user", "model": "assistant", "assistant": "assistant"},
    first="user",
    earlier="{{history}}",
    behind="model",
)
_HISTORY = "history"  # metadata: the file says where earlier messages go


def read(text: str, path: str) -> PromptFile:
    """The prompt in a `.prompt`. Raises InvalidData, TemplateError and UnsafeTemplate with the line."""
    found = _MARKS.read(text, path)
    _refuse_escapes(found.messages, path)
    fields = found.fields
    settings = fields.settings(fields.text("model"), fields.mapping("config"), PARAMETERS, "config")
    input_schema, inputs = _read_schema(fields, "input")
    output_schema, outputs = _read_schema(fields, "output")
    prompt, split = read_conversation(
        found.messages, path, settings=settings, input_schema=input_schema, output_schema=output_schema
    )
    history = {_HISTORY: True} if found.earlier else {}
    kept = {**fields.rest, **inputs, **outputs, **history, **split}
    return PromptFile(prompt, found.name, found.description, kept, "dotprompt")


def write(file: PromptFile) -> Written:
    """The prompt as a `.prompt`."""
    prompt, losses = respelled(file.prompt, "mustache", keep=True)
    front: dict[str, Any] = {"name": file.name, "description": file.description, "model": prompt.settings.get("model")}
    front["config"] = thaw(parameters_of(prompt.settings, PARAMETERS))
    known = file.metadata if file.format == "dotprompt" else {}
    front["input"] = _written_schema(prompt.input_schema, known.get("input"), {})
    front["output"] = _written_schema(prompt.output_schema, known.get("output"), {"format": "json"})
    front |= {key: thaw(value) for key, value in known.items() if key not in {SPLIT, _HISTORY, *front}}
    messages = conversation_of(prompt, file.metadata)
    body = "".join(_MARKS.write(messages, '{{role "{role}"}}', earlier=bool(known.get(_HISTORY))))
    return Written(
        join_front_matter({key: value for key, value in front.items() if value not in (None, {})}, body), losses
    )


def _refuse_escapes(messages: Sequence[Message], path: str) -> None:
    for message in messages:
        place = message.text.find("\\{{")
        if place >= 0:
            raise InvalidData(
                path,
                "'\\{{' writes a literal '{{', which is not available; put such text into a variable",
                line=(message.line or 1) + message.text.count("\n", 0, place),
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
