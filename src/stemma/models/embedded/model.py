"""The embedded model as a pydantic-ai model: any agent, tool or protocol that takes a model takes this one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from stemma.core.frames import unframed
from stemma.models.conversation import Conversation, read_conversation
from stemma.models.embedded.answering import Answer, Answerer
from stemma.models.embedded.fields import fill
from stemma.models.embedded.task import Refusal
from stemma.models.encoders import Encoder
from stemma.models.inprocess import SYSTEM, InProcessModel, wanted_output
from stemma.models.tokens import count_tokens

_BEHAVIOUR = "1"
"""Counts up whenever the same texts may get another answer than in the release before; results are remembered by it."""

_TOOL_PLAN = Refusal("tool_plan", "choosing tools and planning their use takes a language model")
_NOT_TEXT = Refusal("not_text", "the request holds images or files, and I read text alone")


class EmbeddedModel(InProcessModel):
    """A small deterministic model in this process that answers from the prompt alone. It is not a language model.

    It classifies and routes among labels the prompt names, answers and summarises by quoting the text it is
    given, and fills structured output where fields are closed or typed. Anything else it refuses: the
    response's text is then one sentence beginning ``I cannot do this:`` and its `provider_details` hold
    ``{"refusal": {"code", "reason"}}``. Every response's `provider_details` hold ``{"embedded": {"encoder",
    "confidence"}}``.

    >>> model = EmbeddedModel()
    >>> model.answer("Is it about money or about parcels? Answer money or parcel.", "Where is my parcel?").label
    'parcel'
    """

    # Text that looks like the framework's own marks is data here, and the note about it would be read as a
    # prompt.
    _announces_lookalike_notes = False
    # The model would give the same answer again, so the feedback must not take the place of the user's words.
    _renders_retry_feedback = True

    def __init__(self, encoder: Encoder | None = None) -> None:
        super().__init__(profile=ModelProfile(supports_json_schema_output=True))
        self._answerer = Answerer(encoder)

    @property
    def model_name(self) -> str:
        return "embedded"

    @property
    def encoder(self) -> Encoder:
        """What likeness is measured with."""
        return self._answerer.codebook.encoder

    @property
    def revision(self) -> str:
        """Changes whenever the model may answer otherwise: its behaviour's version and its encoder."""
        return f"{_BEHAVIOUR}-{self._answerer.encoder}"

    def answer(self, system: str, user: str) -> Answer:
        """The answer to `user` under `system`, without the framework around it; see `Answerer.answer`."""
        return self._answerer.answer(system, user)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        asked = _without_frames(read_conversation(messages, parameters))
        schema, tool = wanted_output(parameters)
        answer = self._answered(asked, schema, parameters)
        return _response(answer, asked, tool if answer.refusal is None else None)

    def _answered(
        self, asked: Conversation, schema: Mapping[str, Any] | None, parameters: ModelRequestParameters
    ) -> Answer:
        if asked.attachments:
            return self._answerer.refused(_NOT_TEXT)
        if schema is not None:
            answer = fill(self._answerer, schema, system=asked.system, user=asked.user, turns=asked.turns)
        else:
            answer = self._answerer.answer(asked.system, asked.user, turns=asked.turns)
        if answer.refusal is not None and parameters.function_tools:
            return self._answerer.refused(_TOOL_PLAN)
        return answer


def _without_frames(asked: Conversation) -> Conversation:
    """The conversation as words: what is around them to tell strangers' words from others means nothing here."""
    turns = tuple((unframed(user), unframed(answer)) for user, answer in asked.turns)
    return replace(asked, system=unframed(asked.system), turns=turns, user=unframed(asked.user))


def _response(answer: Answer, asked: Conversation, tool: str | None) -> ModelResponse:
    details: dict[str, Any] = {"embedded": {"encoder": answer.encoder, "confidence": answer.confidence}}
    if answer.refusal is not None:
        details["refusal"] = {"code": answer.refusal.code, "reason": answer.refusal.reason}
    read = count_tokens(asked.system) + count_tokens(asked.user)
    read += sum(count_tokens(text) for turn in asked.turns for text in turn)
    return ModelResponse(
        parts=[TextPart(answer.text) if tool is None else ToolCallPart(tool, answer.text)],
        usage=RequestUsage(input_tokens=read, output_tokens=count_tokens(answer.text)),
        model_name="embedded",
        provider_name=SYSTEM,
        provider_details=details,
        finish_reason="stop" if tool is None else "tool_call",
    )
