"""One turn of an agent, without any I/O: what it is sent, what the model is asked, what it then says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stemma.core.digests import thaw
from stemma.core.trust import Confidentiality, Integrity, TrustLabel
from stemma.network.knowledge import Passage, as_text
from stemma.network.manifest import CONTEXT
from stemma.network.message import Message, Part, PartKind
from stemma.network.network import Role
from stemma.registry.prompt import Rendered
from stemma.registry.templates import variables_of

_MODEL = TrustLabel(Integrity.INTERNAL, Confidentiality.PUBLIC)
"""What a model adds to what it read: it is ours, and knows no secrets."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What asking a model came to: its text, or the problem that left none. `attempts` counts the calls."""

    text: str | None
    problem: str | None = None
    attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Reply":
        return cls(**content)


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a reply cannot stand as the agent's answer."""

    reason: str


def parts_for(role: Role, known: Mapping[str, Part]) -> tuple[Part, ...]:
    """What `role` is sent of all that is `known`: its instruction, what it reads, and the passages its knowledge finds.

    The instruction is the prompt by digest and the names of the values that its template fills in; when such a value comes
    from outside, so does the instruction: it carries the join of them all.
    """
    data = [known[name] for name in role.agent.reads]
    knowledge = role.agent.knowledge
    if knowledge is not None and role.library is not None:
        query = "\n".join(as_said(known[name].value) for name in knowledge.query)
        found = role.library.search(query, top=knowledge.top)
        data.append(Part(PartKind.DATA, CONTEXT, [passage.to_json() for passage in found], knowledge.label))
    instruction = role.prompt.instructions
    filled = [part for part in data if part.name in variables_of(instruction, role.prompt.template_format)]
    label = role.trust
    for part in filled:
        label = label.join(part.label)
    persona = {"prompt": role.source, "digest": role.prompt.digest, "fills": [part.name for part in filled]}
    return (Part(PartKind.INSTRUCTION, "persona", persona, label), *data)


def render(role: Role, message: Message) -> Rendered:
    """What the model is sent. Raises TemplateError when the template stumbles over the values."""
    return role.prompt.render({name: _shown(name, value) for name, value in message.data.items()})


def answer_of(role: Role, message: Message, reply: Reply) -> Part | Unusable:
    """The part that the agent adds to the run: everything it read, in its label."""
    if reply.text is None:
        return Unusable(reply.problem or "no answer")
    value: Any = reply.text.strip()
    if role.output_schema is not None:
        value = _as_json(value)
        problem = value.reason if isinstance(value, Unusable) else _misfit(value, role.output_schema)
        if problem is not None:
            return Unusable(problem)
    elif not value:
        return Unusable("the model answered with nothing")
    return Part(PartKind.DATA, role.agent.writes, value, message.label.join(_MODEL))


def as_said(value: Any) -> str:
    """A value as text: itself, or its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(name: str, value: Any) -> Any:
    if name == CONTEXT:
        return as_text([Passage(**passage) for passage in value])
    return value


def _as_json(text: str) -> Any:
    fenced = text.removeprefix("```json").removeprefix("```").removesuffix("```") if text.startswith("```") else text
    try:
        return json.loads(fenced)
    except ValueError as error:
        return Unusable(f"the answer is not the JSON that the schema asks for: {error}")


def _misfit(value: Any, schema: Mapping[str, Any]) -> str | None:
    from jsonschema import ValidationError, validate

    try:
        validate(value, thaw(schema))
    except ValidationError as error:
        return f"the answer does not fit its schema at {error.json_path}: {error.message}"
    return None
