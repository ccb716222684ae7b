"""A model whose behaviour is arbitrary and fixed: a function of every character that it is shown, and of nothing else.

It calls any tool that it holds, with arguments made of anything that it saw or of handles; it has texts read out, opens
them, asks its colleagues, posts, writes into the workspace, and answers. Shown anything else, it does something else
entirely: whatever two worlds let it see differently shows in what it does.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.interference.strangers import chance
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

_HANDLE = re.compile(r"\$h[0-9]+(?:\.[a-z_]+)?")
_ANSWERS = re.compile(r"^answers: (\{.*\})$", re.MULTILINE)
_OWN = ("ada", "DE00OURS", "yes", "no", "7", "https://our.example/")
_FIELDS = (
    "boolean",
    "email",
    "text",
    {"type": "enum", "values": ["yes", "no"]},
    {"type": "integer", "minimum": 0, "maximum": 9},
)
_CLOSED = {"enum", "minimum"}
_MOST_ROUNDS = 5
_ASKING = {"ask": 0.35, "publish": 0.5}
"""How often these are called, beside other tools: who asks is asked back, and everybody would end at a bound."""


class Wits(Model[None]):
    """The model. `seed` decides how it behaves; `runs` is a pattern for the names of runs, to which it pays no heed.

    One that `agrees` makes the same choice, where it has one among a few, whatever else it saw: what policies endorse is the
    stranger's to choose, and two worlds that are compared must agree on it.
    """

    def __init__(self, seed: int, runs: re.Pattern[str], *, agrees: bool = False) -> None:
        super().__init__(profile=ModelProfile(supports_json_schema_output=True))
        self._seed = seed
        self._runs = runs
        self._agrees = agrees

    @property
    def model_name(self) -> str:
        return "wits"

    @property
    def system(self) -> str:
        return "stemma"

    async def request(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelResponse:
        _, parameters = self.prepare_request(settings, parameters)
        seen = [self._runs.sub("run", text) for text in _texts(messages)]
        rounds = sum(isinstance(message, ModelResponse) and bool(message.tool_calls) for message in messages)
        tools = {tool.name: tool for tool in parameters.function_tools}
        told = [f"{name}: {json.dumps(dict(tool.parameters_json_schema))}" for name, tool in tools.items()]
        drawn = chance(self._seed, seen, told)
        pool = _Pool(drawn, seen)
        if tools and rounds < _MOST_ROUNDS and drawn.random() < 0.85:
            often = [_ASKING.get(name, 1.0) for name in tools]
            names = drawn.choices(list(tools), often, k=drawn.choice((1, 1, 2)))
            calls = [_called(tools[name], pool, f"call-{rounds}-{number}") for number, name in enumerate(names)]
            return _response(*calls)
        schema = None if parameters.output_object is None else parameters.output_object.json_schema
        if schema is None and parameters.output_tools:
            schema = parameters.output_tools[0].parameters_json_schema
        prompt = "\n".join(seen[:1])
        said = _agreed(pool, prompt, schema) if self._agrees else _answer(pool, prompt, schema)
        if parameters.output_tools and not parameters.allow_text_output:
            return _response(ToolCallPart(parameters.output_tools[0].name, said))
        return _response(TextPart(said))


class _Pool:
    """What there is to make arguments of: handles, pieces of what was seen, and words of its own."""

    def __init__(self, drawn: random.Random, seen: Sequence[str]) -> None:
        self.drawn = drawn
        who = seen[0].partition("\n")[0] if seen else ""
        self.curious = chance("curious", who).random() < 0.25
        """Whether it opens what is kept from it."""
        self.handles = sorted({handle for text in seen for handle in _HANDLE.findall(text)})
        self._words = [word for text in seen for word in text.split()]

    @property
    def own(self) -> "_Pool":
        """What there is without anything that was seen."""
        return _Pool(self.drawn, [])

    def word(self) -> str:
        drawn = self.drawn
        if self.handles and drawn.random() < 0.3:
            return str(drawn.choice(self.handles))
        if self._words and drawn.random() < 0.5:
            return self._words[drawn.randrange(len(self._words))][:200]
        return drawn.choice(_OWN)

    def text(self) -> str:
        return " ".join(self.word() for _ in range(self.drawn.choice((1, 1, 2, 3))))

    def of(self, schema: Mapping[str, Any]) -> Any:
        """A value for a JSON schema; now and then one that does not fit, which a handle may."""
        drawn = self.drawn
        if self.handles and drawn.random() < 0.2:
            return drawn.choice(self.handles)
        if "enum" in schema:
            return drawn.choice([*schema["enum"], "none of them"] if drawn.random() < 0.1 else list(schema["enum"]))
        if "anyOf" in schema:
            return self.of(drawn.choice(schema["anyOf"]))
        kind = schema.get("type")
        match drawn.choice(kind) if isinstance(kind, list) else kind:
            case "integer" | "number":
                return drawn.randint(0, 9)
            case "boolean":
                return drawn.random() < 0.5
            case "null":
                return None
            case "array":
                return [self.of(schema.get("items", {})) for _ in range(drawn.randrange(3))]
            case "object":
                return self.object(schema)
            case _:
                return self.text()

    def object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required = schema.get("required", list(properties))
        made = {name: self.of(of) for name, of in properties.items() if name in required or self.drawn.random() < 0.5}
        if schema.get("additionalProperties", False) and self.drawn.random() < 0.5:
            made[self.drawn.choice(("a.b", "", "[]", *self.handles, "more"))] = self.text()
        return made


def _called(tool: ToolDefinition, pool: _Pool, id: str) -> ToolCallPart:
    drawn = pool.drawn
    match tool.name:
        case "extract":
            fields = {name: drawn.choice(_FIELDS) for name in drawn.sample(("a", "b", "c"), k=drawn.randint(1, 2))}
            arguments: dict[str, Any] = {"handle": drawn.choice(pool.handles or ["$h1"]), "fields": fields}
        case "open" if drawn.random() < (0.1 if pool.curious else 0.7):
            # Opened at once, everything would have to be approved from then on.
            arguments = {"handle": "$h999"}
        case "open":
            arguments = {"handle": drawn.choice(pool.handles or ["$h1"])}
        case "workspace_put":
            arguments = {"key": drawn.choice("kkl"), "value": pool.text(), "revision": drawn.choice((0, 0, 1, 2))}
        case "workspace_get":
            arguments = {"key": drawn.choice("kkl")}
        case _:
            arguments = (pool if drawn.random() < 0.5 else pool.own).object(tool.parameters_json_schema)
    return ToolCallPart(tool.name, arguments, tool_call_id=id)


def _answer(pool: _Pool, prompt: str, schema: Mapping[str, Any] | None) -> str:
    """What it answers: by what its prompt says that it answers, or else by the schema."""
    found = _ANSWERS.search(prompt)
    wanted: Mapping[str, Any] = json.loads(found[1]) if found and schema is None else {}
    drawn = pool.drawn
    if schema is not None:
        return json.dumps(pool.object(schema) if drawn.random() < 0.97 else pool.text())
    if "one_of" in wanted:
        return pool.word() if drawn.random() < 0.04 else str(drawn.choice(wanted["one_of"]))
    if "workers" in wanted or "roles" in wanted:
        return json.dumps(list(_assigned(pool, wanted)))
    return pool.text()


def _agreed(pool: _Pool, prompt: str, schema: Mapping[str, Any] | None) -> str:
    """What it answers where its choices are those that every world agrees on: they hang on who chooses, and on what."""
    found, who = _ANSWERS.search(prompt), prompt.partition("\n")[0]
    wanted: Mapping[str, Any] = json.loads(found[1]) if found else {}
    if schema is not None:
        made = pool.own.object(schema)
        for name, of in schema["properties"].items():
            if _CLOSED & of.keys() or "boolean" in of.get("type", ()):
                made[name] = _Pool(chance("agreed", who, name, dict(of)), []).of(of)
        return json.dumps(made)
    if "one_of" in wanted:
        return str(chance("agreed", who).choice(wanted["one_of"]))
    return _answer(pool, prompt, schema)


def _assigned(pool: _Pool, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    workers, tools = wanted.get("workers", []), wanted.get("roles", None)
    number = pool.drawn.randint(1, 3)
    for one in range(number):
        if workers and (tools is None or pool.drawn.random() < 0.5):
            yield {"agent": pool.drawn.choice(workers), "brief": pool.text()}
        elif tools is not None:
            held = pool.drawn.sample(tools, k=pool.drawn.randint(0, len(tools)))
            yield {"role": f"role-{one}", "brief": pool.text(), "tools": held}


def _texts(messages: Sequence[ModelMessage]) -> Iterator[str]:
    """Everything that was said in the conversation, by whomever."""
    for message in messages:
        if isinstance(message, ModelRequest):
            for part in message.parts:
                match part:
                    case SystemPromptPart() | UserPromptPart() | ToolReturnPart():
                        yield part.content if isinstance(part.content, str) else json.dumps(part.content)
                    case RetryFeedbackPart():
                        yield str(part.content)
        else:
            for said in message.parts:
                if isinstance(said, TextPart):
                    yield said.content
                elif isinstance(said, ToolCallPart):
                    yield said.tool_name + said.args_as_json_str()


def _response(*parts: TextPart | ToolCallPart) -> ModelResponse:
    return ModelResponse(parts=list(parts), usage=RequestUsage(input_tokens=1, output_tokens=1), model_name="wits")
