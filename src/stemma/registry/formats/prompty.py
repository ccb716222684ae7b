"""`.prompty` of Microsoft: front matter, and a body with role markers such as `system:` on lines of their own.

Reads the older layout (`model.configuration`, `model.parameters`, `inputs` as a mapping of samples) and the newer one
(`model.id`, `model.options`, `inputs` as properties), and writes back the one it read; new files get the newer one.
References such as `${env:KEY}` and `${file:…}` stay texts: nothing outside the file is ever read. Sources: prompty.ai, the
schema `Prompty.yaml` and the documentation of microsoft/prompty.
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
from stemma.registry.formats.prompty_properties import properties_of, schema_of
from stemma.registry.templates import TemplateFormat

_PARAMETERS = {
    "frequencyPenalty": "frequency_penalty",
    "maxOutputTokens": "max_tokens",
    "presencePenalty": "presence_penalty",
    "stopSequences": "stop_sequences",
    "topK": "top_k",
    "topP": "top_p",
}
_OLD_PARAMETERS = {"stop": "stop_sequences"}
_NAMES = (("id",), ("configuration", "azure_deployment"), ("configuration", "name"), ("connection", "azure_deployment"))
_MARKER = re.compile(
    r"^[ \t]*#?[ \t]*(?P<role>system|user|assistant|function|tools)(?P<with>\[.*\])?[ \t]*:[ \t]*$", re.I
)
_ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_THREAD = "thread"  # metadata: the file says where earlier messages go
_INPUTS, _OUTPUTS = ("inputs", "inputSchema"), ("outputs", "outputSchema")
_PORTABLE = ("authors", "tags", "version", "sample", "displayName")


def read(text: str, path: str) -> PromptFile:
    """The prompt in a `.prompty`. Raises InvalidData, TemplateError and UnsafeTemplate with the line."""
    fields, body, line = split_front_matter(text, path)
    name, description = fields.text("name"), fields.text("description")
    settings, model = _read_model(fields)
    messages, thread = _read_messages(body, path, line)
    prompt, split = read_conversation(
        messages,
        path,
        template_format=_template_format(fields),
        settings=settings,
        input_schema=_read_schema(fields, _INPUTS),
        output_schema=_read_schema(fields, _OUTPUTS),
    )
    return PromptFile(prompt, name, description, {**fields.rest, **model, **thread, **split}, "prompty")


def write(file: PromptFile) -> Written:
    """The prompt as a `.prompty`."""
    prompt = file.prompt
    losses: tuple[str, ...] = ()
    if prompt.template_format not in ("jinja2", "mustache"):
        prompt, losses = respelled(prompt, "jinja2", keep=True)
    known = file.metadata if file.format == "prompty" else {}
    front: dict[str, Any] = {"name": file.name, "description": file.description}
    front |= {key: file.metadata[key] for key in _PORTABLE if key in file.metadata}
    front["model"] = _written_model(prompt.settings, known.get("model"))
    front |= _written_schema(prompt.input_schema, known, _INPUTS)
    front |= _written_schema(prompt.output_schema, known, _OUTPUTS)
    front |= {
        key: value
        for key, value in known.items()
        if key not in {SPLIT, _THREAD, "template", *_INPUTS, *_OUTPUTS, *front}
    }
    engine: TemplateFormat = "mustache" if prompt.template_format == "mustache" else "jinja2"
    front["template"] = _written_template(engine, known.get("template"))
    body = _written_body(conversation_of(prompt, file.metadata), thread=bool(known.get(_THREAD)))
    kept = {key: thaw(value) for key, value in front.items() if value is not None}
    return Written(join_front_matter(kept, body), losses)


def _template_format(fields: Fields) -> TemplateFormat:
    """The engine that `template` names: a text, or `format` as a text or with a `kind`, or the old `type`."""
    engine = _engine(fields.rest.get("template"))
    match engine:
        case "jinja2":
            return "jinja2"
        case "mustache":
            return "mustache"
        case _:
            raise fields.error(f"the template engine {engine!r} is not available; use jinja2 or mustache", "template")


def _engine(template: Any) -> Any:
    if isinstance(template, dict):
        template = template.get("format", template.get("type", "jinja2"))
        template = template.get("kind") if isinstance(template, dict) else template
    return "jinja2" if template is None else template


def _written_template(template_format: TemplateFormat, known: Any) -> Any:
    if known is not None and _engine(thaw(known)) == template_format:
        return known
    return None if template_format == "jinja2" else {"format": {"kind": template_format}, "parser": {"kind": "prompty"}}


def _read_model(fields: Fields) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings, and the model's other fields, which stay as they were with the name in its place."""
    if isinstance(fields.rest.get("model"), str):
        return {"model": fields.text("model")}, {}
    model = fields.mapping("model")
    if "options" in model and "parameters" in model:
        raise fields.error("the model has 'options' and, from an older layout, 'parameters'; join them", "model")
    key = "parameters" if "parameters" in model else "options"
    parameters = model.pop(key, None) or {}
    if not isinstance(parameters, dict):
        raise fields.error(f"the model's {key!r} is a mapping", "model", key)
    settings = fields.settings(_model_name(model), parameters, _parameter_names(key), "model")
    return settings, {"model": model} if model.keys() - {"id"} else {}


def _written_model(settings: Mapping[str, Any], known: Any) -> dict[str, Any] | None:
    model = thaw(known) if isinstance(known, Mapping) else {}
    name = settings.get("model")
    if _model_name(model) != name:
        *outer, last = next((place for place in _NAMES if _at(model, place) is not None), ("id",))
        owner = model[outer[0]] if outer else model
        owner.pop(last, None)
        if name is not None:
            owner[last] = name
    key = "parameters" if "configuration" in model else "options"
    parameters = parameters_of(settings, _parameter_names(key))
    return {**model, **({key: parameters} if parameters else {})} or None


def _model_name(model: Mapping[str, Any]) -> Any:
    return next((name for name in (_at(model, place) for place in _NAMES) if name is not None), None)


def _at(value: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _parameter_names(key: str) -> Mapping[str, str]:
    return _OLD_PARAMETERS if key == "parameters" else _PARAMETERS


def _read_schema(fields: Fields, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The JSON Schema of inputs or outputs; what the file says stays in the metadata too, samples and all."""
    for name in names:
        try:
            schema = schema_of(fields.rest.get(name))
        except ValueError as error:
            raise fields.error(f"{name!r}: {error}", name) from error
        if schema is not None:
            return schema
    return None


def _written_schema(
    schema: Mapping[str, Any] | None, known: Mapping[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    plain = None if schema is None else thaw(schema)
    kept = {name: thaw(known[name]) for name in names if name in known}
    if any(_means(value, plain) for value in kept.values()):
        return kept
    properties = [] if plain is None else properties_of(plain)
    return {names[0]: properties} if properties else {}


def _means(declared: Any, schema: Any) -> bool:
    try:
        return bool(schema_of(declared) == schema)
    except ValueError:
        return False


def _read_messages(body: str, path: str, first_line: int) -> tuple[list[Message], dict[str, Any]]:
    """The messages between the role markers; text before the first one is the system's."""
    messages: list[Message] = []
    role, lines, start, thread_at = "system", list[str](), first_line, None

    def close() -> None:
        blank = next((index for index, line in enumerate(lines) if line), 0)
        text = "\n".join(lines).strip("\n")
        if text.strip():
            messages.append(Message(_ROLES[role], text, start + blank))

    for number, line in enumerate(body.split("\n"), start=first_line):
        marker = _MARKER.match(line)
        if marker is None and not line.strip().startswith("![thread]"):
            lines.append(line)
            continue
        close()
        lines, start = [], number + 1
        if marker is None:
            thread_at = len(messages)
            continue
        role = marker["role"].lower()
        if marker["with"] or role not in _ROLES:
            raise InvalidData(
                path, f"the marker {line.strip()!r} is not available; use system:, user:, assistant:", line=number
            )
    close()
    if thread_at is not None and (thread_at != len(messages) - 1 or messages[-1].role != "user"):
        raise InvalidData(path, "![thread] may only stand before the last user message, where earlier messages go")
    return messages, {} if thread_at is None else {_THREAD: True}


def _written_body(messages: list[Message], *, thread: bool) -> str:
    parts = []
    for index, message in enumerate(messages):
        if thread and index == len(messages) - 1:
            parts.append("![thread]\n")
        parts.append(f"{message.role}:\n{message.text}\n")
    return "\n".join(parts)
