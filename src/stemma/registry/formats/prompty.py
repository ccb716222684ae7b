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
from stemma.core.shown import shown
from stemma.registry.formats.conversation import SPLIT, conversation_of, read_conversation, respelled
from stemma.registry.formats.fields import Fields, parameters_of
from stemma.registry.formats.file import PromptFile, Written
from stemma.registry.formats.front_matter import join_front_matter
from stemma.registry.formats.marked_text import PARAMETERS, Marks
from stemma.registry.formats.prompty_properties import properties_of, schema_of
from stemma.registry.templates import TemplateFormat

_OLD_PARAMETERS = {"stop": "stop_sequences"}
_NAMES = (("id",), ("configuration", "azure_deployment"), ("configuration", "name"), ("connection", "azure_deployment"))
_MARKS = Marks(
    re.compile(
        r"^[ \t]*(?:#?[ \t]*(?P<role>(?:system|user|assistant|function|tools)(?:\[.*\])?)[ \t]*:[ \t]*"
        r"|(?P<earlier>(?-i:!\[thread\])).*)$\n?",
        re.I | re.M,
    ),
    roles={"system": "system", "user": "user", "assistant": "assistant"},
    first="system",
    earlier="![thread]",
)
_THREAD = "thread"  # metadata: the file says where earlier messages go
_INPUTS, _OUTPUTS = ("inputs", "inputSchema"), ("outputs", "outputSchema")
_PORTABLE = ("authors", "tags", "version", "sample", "displayName")


def read(text: str, path: str) -> PromptFile:
    """The prompt in a `.prompty`. Raises InvalidData, TemplateError and UnsafeTemplate with the line."""
    found = _MARKS.read(text, path)
    fields = found.fields
    settings, model = _read_model(fields)
    prompt, split = read_conversation(
        found.messages,
        path,
        template_format=_template_format(fields),
        settings=settings,
        input_schema=_read_schema(fields, _INPUTS),
        output_schema=_read_schema(fields, _OUTPUTS),
    )
    thread = {_THREAD: True} if found.earlier else {}
    return PromptFile(prompt, found.name, found.description, {**fields.rest, **model, **thread, **split}, "prompty")


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
    messages = conversation_of(prompt, file.metadata)
    body = "\n".join(_MARKS.write(messages, "{role}:", earlier=bool(known.get(_THREAD))))
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
            raise fields.error(
                f"the template engine {shown(engine)} is not available; use jinja2 or mustache", "template"
            )


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
        raise fields.error(f"the model's {shown(key)} is a mapping", "model", key)
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
    return _OLD_PARAMETERS if key == "parameters" else PARAMETERS


def _read_schema(fields: Fields, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The JSON Schema of inputs or outputs; what the file says stays in the metadata too, samples and all."""
    for name in names:
        try:
            schema = schema_of(fields.rest.get(name))
        except ValueError as error:
            raise fields.error(f"{shown(name)}: {error}", name) from error
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
