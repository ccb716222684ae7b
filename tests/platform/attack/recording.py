"""A model between an agent and its own: it writes down what the agent was shown, and what it said, case by case."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

_REFERENCE = re.compile(r"Reference: (\S+)")
_HANDLE = re.compile(r"\$h[0-9]+(\.\w+)?")


@dataclass
class Heard:
    """The texts that an agent was shown, and its own words, each with the number of texts before it."""

    seen: list[str] = field(default_factory=list)
    said: list[tuple[str, int]] = field(default_factory=list)

    def unheard(self) -> list[str]:
        """Its own words that stood in nothing that it had been shown."""
        return [word for word, number in self.said if not any(word in text for text in self.seen[:number])]


class RecordingModel(WrapperModel):
    """Another model; `heard` has a record for every case whose agent asked it. What readers ask is left out."""

    def __init__(self, wrapped: Model) -> None:
        super().__init__(wrapped)
        self.heard: dict[str, Heard] = {}

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        response = await self.wrapped.request(messages, model_settings, model_request_parameters)
        if model_request_parameters.function_tools:
            shown = list(_shown(messages))
            case = next(found[1] for text in shown if (found := _REFERENCE.search(str(text))))
            heard = self.heard.setdefault(case, Heard())
            heard.seen += [str(value).casefold() for value in shown]
            heard.said += [(word, len(heard.seen)) for value in _said(response) for word in telling(value)]
        return response


def words(value: Any) -> Iterator[str]:
    """The words in a text, or anywhere in JSON."""
    return map(_plain, _bare(value))


def telling(value: Any) -> Iterator[str]:
    """Those of the words that may be somebody's name, address or number: with a digit, an @ or a capital letter in them."""
    return (_plain(word) for word in _bare(value) if re.search(r"[0-9@A-Z]", word))


def _bare(value: Any) -> Iterator[str]:
    match value:
        case Mapping():
            for key, item in value.items():
                yield from _bare(key)
                yield from _bare(item)
        case list() | tuple():
            for item in value:
                yield from _bare(item)
        case _:
            yield from (word.strip(".:-/") for word in re.findall(r"[\w@:/+.-]+", _HANDLE.sub(" ", str(value))))


def _plain(word: str) -> str:
    try:
        return f"{float(word):g}"
    except ValueError:
        return word.casefold()


def _shown(messages: list[ModelMessage]) -> Iterator[Any]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, UserPromptPart | ToolReturnPart):
                yield part.content


def _said(response: ModelResponse) -> Iterator[Any]:
    """What the agent wrote itself: the arguments of its calls, and its answer."""
    for part in response.parts:
        if isinstance(part, ToolCallPart):
            yield {} if part.tool_name in ("extract", "open") else part.args_as_dict()
        elif isinstance(part, TextPart):
            yield part.content
