"""The prompt: structured content, named by the digest of its canonical JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

from stemma.core.digests import canonical_json, digest_bytes, thaw
from stemma.core.errors import InvalidInput, MissingVariable
from stemma.core.shown import shown
from stemma.registry.templates import TemplateFormat, check, render, variables_of

Role: TypeAlias = Literal["system", "user"]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One worked example shown to the model: an input and the output that it should have given."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is sent to a model: the instruction text and the turn that carries the data. Either may be empty."""

    system: str
    user: str


@dataclass(frozen=True)
class Prompt:
    """Instructions, demonstrations, schemas and settings. Immutable; `with_` returns a new one.

    `instructions` and `user` are templates in `template_format`. Without a `user` template the inputs that the
    instructions do not mention make up the user's turn: the value itself when there is one, `name: value` lines otherwise.
    Demonstrations are data, never templates, and are rendered behind the instructions under ``Examples:``.

    >>> prompt = Prompt("Name the colour in {{language}}.", demonstrations=(Demonstration("sky", "blue"),))
    >>> prompt.render({"language": "English", "input": "grass"})
    Rendered(system='Name the colour in English.\\n\\nExamples:\\n\\nInput: sky\\nOutput: blue', user='grass')
    """

    instructions: str
    demonstrations: tuple[Demonstration, ...] = ()
    user: str | None = None
    template_format: TemplateFormat = "jinja2"
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """By digest: `True` and `1` are equal in Python, and two prompts."""
        return self.digest == other.digest if isinstance(other, Prompt) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def canonical(self) -> bytes:
        """The canonical JSON of the content; absent parts are left out, so new parts never change old digests."""
        return canonical_json(dict(sorted(self.to_json().items())))  # in order it is written three times as fast

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `canonical`, 64 hexadecimal digits."""
        return digest_bytes(self.canonical)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The variables its templates need, in order of first use."""
        found = list(variables_of(self.instructions, self.template_format))
        if self.user is not None:
            found += [name for name in variables_of(self.user, self.template_format) if name not in found]
        return tuple(found)

    @property
    def is_empty(self) -> bool:
        """Whether it tells a model nothing at all."""
        return not (self.instructions.strip() or (self.user or "").strip() or self.demonstrations)

    def check(self) -> None:
        """Holds the templates against their format's rules. Raises TemplateError, UnsafeTemplate among them."""
        check(self.instructions, self.template_format)
        if self.user is not None:
            check(self.user, self.template_format)

    def with_(self, **changes: Any) -> "Prompt":
        """A copy with the named fields changed."""
        return replace(self, **changes)

    def render(self, values: Mapping[str, Any]) -> Rendered:
        """What the model is sent for these inputs.

        Raises MissingVariable, naming every missing variable, and UnsafeTemplate.
        """
        rendered: list[str] = []
        missing: dict[str, None] = {}
        for template in (self.instructions, self.user or ""):
            try:
                rendered.append(render(template, self.template_format, values))
            except MissingVariable as error:
                missing |= dict.fromkeys(error.names)
        if missing:
            raise MissingVariable(tuple(missing), tuple(values))
        instructions, user = rendered
        if self.user is None:
            user = _as_turn({name: value for name, value in values.items() if name not in self.variables})
        return Rendered("\n\n".join(part for part in (instructions, self.examples) if part), user)

    @cached_property
    def examples(self) -> str:
        """The demonstrations as text, or nothing when there are none."""
        if not self.demonstrations:
            return ""
        pairs = [f"Input: {shown.input}\nOutput: {shown.output}" for shown in self.demonstrations]
        return "\n\n".join(["Examples:", *pairs])

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = {"instructions": self.instructions, "template_format": self.template_format}
        if self.demonstrations:
            content["demonstrations"] = [{"input": d.input, "output": d.output} for d in self.demonstrations]
        if self.user is not None:
            content["user"] = self.user
        if self.input_schema is not None:
            content["input_schema"] = thaw(self.input_schema)
        if self.output_schema is not None:
            content["output_schema"] = thaw(self.output_schema)
        if self.settings:
            content["settings"] = thaw(self.settings)
        return content

    @classmethod
    def from_json(cls, content: Any) -> "Prompt":
        """The prompt that `to_json` wrote. Raises InvalidInput naming the part that does not fit."""
        if not isinstance(content, Mapping):
            raise InvalidInput(f"a prompt is a JSON object, not {type(content).__name__}")
        unknown = sorted(content.keys() - _FIELDS)
        if unknown:
            raise InvalidInput(f"a prompt has no field {shown(unknown[0])}; it has {', '.join(sorted(_FIELDS))}")
        if not isinstance(content.get("instructions"), str):
            raise InvalidInput("a prompt needs 'instructions', a text")
        if not isinstance(content.get("user"), str | None):
            raise InvalidInput("'user' of a prompt is a template text")
        if content.get("template_format", "jinja2") not in get_args(TemplateFormat):
            raise InvalidInput(
                f"template format {shown(content['template_format'])} is not known; use {', '.join(get_args(TemplateFormat))}"
            )
        for part in ("input_schema", "output_schema", "settings"):
            if not isinstance(content.get(part), Mapping | None):
                raise InvalidInput(f"{part!r} of a prompt is a JSON object")
        try:
            examples = tuple(Demonstration(d["input"], d["output"]) for d in content.get("demonstrations", ()))
        except (KeyError, TypeError) as error:
            raise InvalidInput("each demonstration of a prompt has a text 'input' and a text 'output'") from error
        if any(type(text) is not str for d in examples for text in (d.input, d.output)):
            raise InvalidInput("each demonstration of a prompt has a text 'input' and a text 'output'")
        return cls(
            instructions=content["instructions"],
            demonstrations=examples,
            user=content.get("user"),
            template_format=content.get("template_format", "jinja2"),
            input_schema=content.get("input_schema"),
            output_schema=content.get("output_schema"),
            settings=content.get("settings") or {},
        )


_FIELDS = {"instructions", "demonstrations", "user", "template_format", "input_schema", "output_schema", "settings"}


def _as_turn(values: Mapping[str, Any]) -> str:
    if len(values) == 1:
        return str(next(iter(values.values())))
    return "\n".join(f"{name}: {value}" for name, value in values.items())
