"""One turn of an agent, without any I/O: what it is sent, what the model is asked, what its words come to."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stemma.core.digests import thaw
from stemma.core.errors import InvalidInput
from stemma.core.trust import Confidentiality, Integrity, TrustLabel, join_all
from stemma.guard.text.finding import check_depth
from stemma.network.knowledge import Passage, as_text
from stemma.network.manifest import CONTEXT, RESERVED
from stemma.network.message import NOTHING, Inner, Part, PartKind
from stemma.network.network import Role
from stemma.network.run import RunStatus
from stemma.network.schemas import validator
from stemma.network.wire import Label
from stemma.registry.prompt import Rendered
from stemma.registry.templates import variables_of

MEMORY = "memory"
"""The name under which an agent's prompt finds what it remembers."""

FROM_MODEL = TrustLabel(Integrity.INTERNAL, Confidentiality.PUBLIC)
"""What a model adds to what it read: it is ours, and knows no secrets."""


_LONGEST_REASON = 2000  # characters


@dataclass(frozen=True, slots=True)
class Reply:
    """What a turn came to: the value, or the problem that left none, and the label of everything that was read for it.

    `inner` are the labels of its pieces, where some are worth more than the whole. `calls` counts the model's answers and
    `attempts` the requests, those to an absent provider included; `cost` is in US dollars, as far as the price is known;
    `model` the one that spoke last. `ends` is there when the problem ends the whole task.
    """

    value: Any = None
    label: Label | None = None
    problem: str | None = None
    ends: RunStatus | None = None
    inner: Inner | None = None
    model: str = ""
    calls: int = 0
    attempts: int = 0
    tools: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why there is no answer of an agent to go on with; `label` is that of everything that was read for it, if it is known."""

    reason: str
    label: Label | None = None


class NoAnswer(Exception):
    """Ends a turn without an answer; with `ends`, the whole task, too."""

    def __init__(self, reason: str, *, ends: RunStatus | None = None) -> None:
        self.reason, self.ends = reason, ends
        super().__init__(reason)


def parts_for(role: Role, known: Mapping[str, Part], added: Sequence[Part] = ()) -> tuple[Part, ...]:
    """What `role` is sent of all that is `known`: its instruction, what it reads, passages of its knowledge, and `added`.

    The instruction is the prompt by digest and the names of the values that its template fills in; when such a value
    comes from outside, so does the instruction: it carries the join of them all.
    """
    given = {part.name for part in added}
    data = [known[name] if name in known else absent(name) for name in role.agent.reads if name not in given]
    knowledge = role.agent.knowledge
    if knowledge is not None and role.library is not None:
        asked = [part for part in [*data, *added] if part.name in knowledge.query]
        found = role.library.search("\n".join(as_said(part.value) for part in asked), top=knowledge.top)
        # Which passages are found hangs on what they are searched with.
        label = join_all([knowledge.label, *(part.label for part in asked)])
        data.append(Part(PartKind.DATA, CONTEXT, [passage.to_json() for passage in found], label))
    data += added
    return (instruction_for(role, data), *data)


def instruction_for(role: Role, data: Sequence[Part]) -> Part:
    """What `role` acts by: a prompt by its digest, or the tool that it calls."""
    if role.prompt is None:
        return Part(PartKind.INSTRUCTION, "persona", {"calls": role.agent.calls}, role.trust)
    named = variables_of(role.prompt.instructions, role.prompt.template_format)
    filled = [part for part in data if part.name in named]
    label = role.trust
    for part in filled:
        label = label.join(part.label)
    persona: dict[str, Any] = {
        "prompt": role.source,
        "digest": role.prompt.digest,
        "trust": role.trust.to_json(),
        "fills": [part.name for part in filled],
    }
    if role.spawned is not None:
        persona |= {"role": role.spawned.name, "tools": list(role.spawned.tools)}
    return Part(PartKind.INSTRUCTION, "persona", persona, label)


def render(role: Role, values: Mapping[str, Any]) -> Rendered:
    """The role's prompt with `values` in it. Raises TemplateError when the template stumbles over them."""
    assert role.prompt is not None
    given = values.keys()
    absent = {name: "" for name in role.prompt.variables if name not in given and name in RESERVED}
    return role.prompt.render(absent | dict(values))


def shown(name: str, value: Any) -> Any:
    """A value as a prompt's template gets it."""
    if isinstance(value, str):  # as it is, or behind a handle
        return value
    if name == CONTEXT:
        return as_text([Passage(**passage) for passage in value])
    if name == MEMORY:
        return "\n\n".join(value)
    return value


def value_of(role: Role, text: str) -> Any:
    """The value that an agent's words are: themselves, or the JSON that its schema asks for; Unusable when they are neither."""
    value = spelled(role, text)
    return value if isinstance(value, Unusable) else fitting(role, value)


def spelled(role: Role, text: str) -> Any:
    """What an agent wrote, as JSON where it has a schema, whether it fits that or not; Unusable when it is no JSON."""
    return text.strip() if role.output_schema is None else _as_json(text.strip())


def fitting(role: Role, value: Any) -> Any:
    """`value` when it may be the agent's answer; Unusable when it is none, or does not fit its schema."""
    if role.output_schema is None:
        return value if value != "" else Unusable("the model answered with nothing")
    return _misfit(value, role.output_schema) or value


def fitting_but(role: Role, value: Mapping[str, Any], strange: Collection[str]) -> Any:
    """`value` without those of the fields `strange` that do not fit the role's schema, None in their place; Unusable when it
    does not fit whatever those hold, and None where that can not be told.
    """
    schema = role.output_schema
    if schema is None or schema.keys() - _OF_FIELDS:
        return None
    left = dict(value)
    for error in validator(json.dumps(thaw(schema), sort_keys=True)).iter_errors(value):
        field = error.path[0] if error.path else None
        if field is not None and field not in strange:
            return Unusable("the answer does not fit its schema")
        if field is None and error.validator != "type" and error.validator not in _OF_FIELDS:
            return None
        if field is None:
            return Unusable("the answer does not fit its schema")
        left[field] = None
    return left


_OF_FIELDS = frozenset(
    ("type", "properties", "required", "additionalProperties", "title", "description", "minProperties", "maxProperties")
)
"""What a schema may say without anything hanging on several fields at once."""


def part_of(role: Role, reply: Reply) -> Part | Unusable:
    """What the reply adds to the task."""
    if reply.problem is not None or reply.label is None:
        return Unusable(reply.problem or "no answer", reply.label)
    return Part(PartKind.DATA, role.agent.writes, reply.value, reply.label, reply.inner)


def as_said(value: Any) -> str:
    """A value as text: itself, or its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def absent(name: str) -> Part:
    """An optional value that nobody has written yet."""
    return Part(PartKind.DATA, name, "", NOTHING)


def _as_json(text: str) -> Any:
    fenced = text.removeprefix("```json").removeprefix("```").removesuffix("```") if text.startswith("```") else text
    try:
        value = json.loads(fenced)
        check_depth(value)
    except ValueError as error:
        return Unusable(f"the answer is not the JSON that the schema asks for: {error}")
    except (InvalidInput, RecursionError):
        return Unusable("the answer is nested too deep; write it with fewer levels")
    return value


def _misfit(value: Any, schema: Mapping[str, Any]) -> Unusable | None:
    try:
        problem = next(validator(json.dumps(thaw(schema), sort_keys=True)).iter_errors(value), None)
    except RecursionError as error:
        raise InvalidInput("the output schema refers to itself without end; mend the schema") from error
    if problem is None:
        return None
    # The message may quote the whole answer, however long that is.
    said = problem.message if len(problem.message) <= _LONGEST_REASON else f"{problem.message[:_LONGEST_REASON]}…"
    return Unusable(f"the answer does not fit its schema at {problem.json_path}: {said}")
