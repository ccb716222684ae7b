"""Our own canonical JSON (RFC 8785).

A prompt alone is written as exactly the bytes whose SHA-256 is its digest; with a name, a description or metadata it stands
under `prompt` beside them.
"""

import json
from collections import Counter
from typing import Any, get_args

from stemma.core.digests import canonical_json, thaw
from stemma.core.errors import InvalidData, InvalidInput, TemplateError
from stemma.core.shown import shown
from stemma.registry.formats.file import FormatName, PromptFile, Written
from stemma.registry.formats.yaml_text import DEEPEST
from stemma.registry.prompt import Prompt
from stemma.registry.templates import check

_AROUND = {"name", "description", "metadata", "format", "prompt"}


def read(text: str, path: str) -> PromptFile:
    """The prompt in canonical, or any, JSON. Raises InvalidData, TemplateError and UnsafeTemplate."""
    content = _parsed(text, path)
    around = content if "prompt" in content else {"prompt": content}
    unknown = sorted(around.keys() - _AROUND)
    if unknown:
        raise InvalidData(
            path, f"{shown(unknown[0])} is no field of a prompt file; it has {', '.join(sorted(_AROUND))}"
        )
    prompt = _prompt(around["prompt"], path)
    name, description = around.get("name"), around.get("description")
    metadata = around.get("metadata", {})
    source: Any = around.get("format", "json")
    if not isinstance(name, str | None) or not isinstance(description, str | None):
        raise InvalidData(path, "'name' and 'description' are texts")
    if not isinstance(metadata, dict) or source not in get_args(FormatName):
        raise InvalidData(path, f"'metadata' is an object and 'format' one of {', '.join(get_args(FormatName))}")
    return PromptFile(prompt, name, description, metadata, source)


def write(file: PromptFile) -> Written:
    """The prompt as canonical JSON; nothing is ever lost."""
    around: dict[str, Any] = {"name": file.name, "description": file.description}
    around["metadata"] = thaw(file.metadata) or None
    around["format"] = file.format if file.metadata else None
    kept = {key: value for key, value in around.items() if value is not None}
    if not kept:
        return Written(file.prompt.canonical.decode())
    return Written(canonical_json({**kept, "prompt": file.prompt.to_json()}).decode())


def _prompt(content: Any, path: str) -> Prompt:
    try:
        prompt = Prompt.from_json(content)
    except InvalidInput as error:
        raise InvalidData(path, str(error)) from error
    for part, text in (("instructions", prompt.instructions), ("user", prompt.user or "")):
        try:
            check(text, prompt.template_format)
        except TemplateError as error:
            raise type(error)(f"{path}: in {part!r}, {error}") from error
    return prompt


def _parsed(text: str, path: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) < len(pairs):
            twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
            raise InvalidData(path, f"the key {shown(twice)} occurs twice; remove one")
        return built

    try:
        content = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InvalidData(path, f"not JSON: {error.msg}", line=error.lineno) from error
    except ValueError as error:  # a number of more than 4,300 digits
        raise InvalidData(path, f"not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidData(path, "the JSON nests too deeply; write it flatter") from error
    if not isinstance(content, dict):
        raise InvalidData(path, "a prompt file is a JSON object", line=1)
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        level = [part for item in level for part in (item.values() if isinstance(item, dict) else item)]
        level = [part for part in level if isinstance(part, dict | list)]
    if level:
        raise InvalidData(path, f"the JSON nests more than {DEEPEST} deep; write it flatter")
    return content
