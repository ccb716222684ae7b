"""`.prompt.yml` of GitHub Models.

Fields: `name`, `description`, `model`, `modelParameters`, `messages`, `responseFormat` and `jsonSchema`; `testData` and
`evaluators` are kept as metadata. Its readers replace `{{name}}` exactly so and know no other tags. Sources:
docs.github.com/github-models/use-github-models/storing-prompts-in-github-repositories, and the reader of github/gh-models.
"""

import json
from collections.abc import Mapping
from typing import Any

from stemma.core.digests import thaw
from stemma.core.shown import shown
from stemma.registry.formats.conversation import SPLIT, Message, Role, conversation_of, read_conversation, respelled
from stemma.registry.formats.fields import Fields, parameters_of
from stemma.registry.formats.file import PromptFile, Written
from stemma.registry.formats.yaml_text import dump_yaml, load_yaml

_PARAMETERS = {
    "frequencyPenalty": "frequency_penalty",
    "maxTokens": "max_tokens",
    "presencePenalty": "presence_penalty",
    "stop": "stop_sequences",
    "topP": "top_p",
}
_OWN = ("testData", "evaluators")


def read(text: str, path: str) -> PromptFile:
    """The prompt in a `.prompt.yml`. Raises InvalidData, TemplateError and UnsafeTemplate with the line."""
    fields = Fields(load_yaml(text, path), path)
    name, description = fields.text("name"), fields.text("description")
    settings = fields.settings(fields.text("model"), fields.mapping("modelParameters"), _PARAMETERS, "modelParameters")
    schema, kept = _read_schema(fields)
    prompt, split = read_conversation(_read_messages(fields), path, settings=settings, output_schema=schema)
    return PromptFile(prompt, name, description, {**fields.rest, **kept, **split}, "github")


def write(file: PromptFile) -> Written:
    """The prompt as a `.prompt.yml`."""
    prompt, losses = respelled(file.prompt, "jinja2", keep=False)
    front: dict[str, Any] = {"name": file.name, "description": file.description}
    front["model"] = prompt.settings.get("model")
    front["modelParameters"] = thaw(parameters_of(prompt.settings, _PARAMETERS)) or None
    front |= _written_schema(prompt.output_schema, file)
    front["messages"] = [
        {"role": message.role, "content": message.text} for message in conversation_of(prompt, file.metadata)
    ]
    used = {"jsonSchema", SPLIT, *front}
    own = {key: value for key, value in file.metadata.items() if key in _OWN or file.format == "github"}
    front |= {key: thaw(value) for key, value in own.items() if key not in used}
    return Written(dump_yaml({key: value for key, value in front.items() if value is not None}), losses)


def _read_messages(fields: Fields) -> list[Message]:
    messages = []
    for index, item in enumerate(fields.sequence("messages")):
        if not isinstance(item, dict) or not isinstance(item.get("content"), str) or item.keys() != {"role", "content"}:
            raise fields.error("a message has a text 'role' and a text 'content', and nothing else", "messages", index)
        if item["role"] not in _ROLES:
            raise fields.error(
                f"the role {shown(item['role'])} is not known; use system, user or assistant", "messages", index
            )
        messages.append(Message(_ROLES[item["role"]], item["content"], fields.line("messages", index, "content")))
    return messages


_ROLES: Mapping[Any, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def _read_schema(fields: Fields) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The schema of the answer, and what stands around it: in `jsonSchema` it has a name, as in OpenAI's API."""
    response = fields.text("responseFormat")
    raw = fields.rest.pop("jsonSchema", None)
    if (response == "json_schema") != (raw is not None):
        raise fields.error("'responseFormat: json_schema' and 'jsonSchema' need each other", "responseFormat")
    if raw is None:
        return None, {} if response is None else {"responseFormat": response}
    try:
        schema = _schema_in(raw)
    except (ValueError, RecursionError) as error:
        raise fields.error(f"'jsonSchema' is not JSON: {error}", "jsonSchema") from error
    if not isinstance(schema, dict):
        raise fields.error("'jsonSchema' is a JSON object, or a text with one", "jsonSchema")
    return schema, {"jsonSchema": raw}


def _schema_in(raw: Any) -> Any:
    """The schema in a `jsonSchema`. Raises ValueError when that is a text without JSON."""
    parsed = json.loads(raw) if isinstance(raw, str) else raw
    return parsed["schema"] if isinstance(parsed, dict) and {"name", "schema"} <= parsed.keys() else parsed


def _written_schema(schema: Mapping[str, Any] | None, file: PromptFile) -> dict[str, Any]:
    if schema is None:
        return {"responseFormat": file.metadata.get("responseFormat")}
    plain, raw = thaw(schema), thaw(file.metadata.get("jsonSchema"))
    try:
        still_right = file.format == "github" and _schema_in(raw) == plain
    except ValueError:
        still_right = False
    if not still_right:
        raw = json.dumps({"name": "answer", "schema": plain}, indent=2, ensure_ascii=False)
    return {"responseFormat": "json_schema", "jsonSchema": raw}
