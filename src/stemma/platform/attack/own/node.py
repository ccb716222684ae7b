"""The model in each node of an attacked network: it obeys what it reads, and plays its part in the task besides."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings

from stemma.core.digests import thaw
from stemma.core.errors import InvalidInput
from stemma.core.frames import unframed
from stemma.models.gullible import GullibleModel, Plan
from stemma.models.hearsay import Reading, filled
from stemma.models.inprocess import InProcessModel
from stemma.models.orders import explicit
from stemma.platform.attack.own.forging import fits, forged
from stemma.platform.attack.own.hinges import Hinge, as_schema_has_it

Script = Callable[[Sequence[str]], Plan | None]
"""What an honest agent does, by the texts that it was given."""


class Node(InProcessModel):
    """The gullible model, as one agent of a network. It answers in the shape that is asked for, and as its flow hangs on.

    `honest` is its answer where nobody tells it anything else. `planted` are an attacker's words, which it takes for its own as
    soon as it reads anything that strangers wrote.
    """

    def __init__(
        self,
        script: Script,
        *,
        schema: Mapping[str, Any] | None,
        hinge: Hinge | None = None,
        reads: Mapping[str, Reading] | None = None,
        honest: str | None = None,
        planted: str = "",
        curious: bool = False,
    ) -> None:
        super().__init__(profile=ModelProfile(supports_json_schema_output=True))
        self._script = script
        self._schema = None if schema is None else thaw(schema)
        self._hinge = hinge or Hinge()
        self._reads = reads or {}
        self._honest = honest
        self._planted = planted
        self._curious = curious

    @property
    def model_name(self) -> str:
        return "gullible"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """See `Model`."""
        given = list(_given(messages))
        asked = model_request_parameters.output_object
        if self._planted and any(unframed(text) != text for text in (*given, *_returned(messages))):
            messages = [*messages, ModelRequest(parts=[UserPromptPart(self._planted)])]
        plan = self._script(given)
        model = GullibleModel(lambda _: plan, reads=self._reads, curious=self._curious)
        if (
            asked is not None and thaw(asked.json_schema) != self._schema
        ):  # as a reader, which fills in what others ask for
            return await model.request(messages, model_settings, model_request_parameters)
        plain = replace(model_request_parameters, output_mode="text", output_object=None)
        response = await model.request(messages, model_settings, plain)
        if not response.tool_calls:
            response.parts = [TextPart(self._answer(response.text or "Done."))]
        return response

    def _answer(self, text: str) -> str:
        """What it says, for whoever wants it in another shape."""
        hinge, orders = self._hinge, list(explicit(text))
        if self._honest is not None and not orders:
            return self._honest
        if hinge.says is not None:
            return as_schema_has_it(hinge.says, self._schema)
        if hinge.plans:
            wanted = {use.tool for order in orders for use in order.calls}
            plan = next((plan for plan, tools in hinge.plans.items() if wanted & tools), next(iter(hinge.plans)))
            return as_schema_has_it(plan, self._schema)
        if hinge.workers or hinge.role_tools is not None:
            return self._assignments(text)
        if self._schema is None:
            return text
        return json.dumps(self._shaped(text, self._schema), ensure_ascii=False)

    def _assignments(self, text: str) -> str:
        work: list[dict[str, Any]] = [{"agent": worker, "brief": text} for worker in self._hinge.workers]
        if self._hinge.role_tools is not None:
            work.append({"role": "made-up", "brief": text, "tools": list(self._hinge.role_tools)})
        whole: Any = work
        if self._schema is not None and not fits(self._schema, work):
            whole = {"assignments": work}
        return json.dumps(whole, ensure_ascii=False)

    def _shaped(self, text: str, schema: Mapping[str, Any]) -> Any:
        """A value of the agent's schema: with its words in every text, and an attacker's values where they fit."""
        try:
            value = forged(schema, text)
        except InvalidInput:
            value = None
        if isinstance(value, dict):
            for name, one in filled(schema, text, list(explicit(text)), self._reads).items():
                better = {**value, name: one}
                if one is not None and value.get(name) != text and fits(schema, better):
                    value = better
        return value


def _given(messages: Iterable[ModelMessage]) -> Iterable[str]:
    for message in messages:
        if isinstance(message, ModelRequest):
            for part in message.parts:
                if isinstance(part, SystemPromptPart | UserPromptPart) and isinstance(part.content, str):
                    yield part.content


def _returned(messages: Iterable[ModelMessage]) -> Iterable[str]:
    for message in messages:
        if isinstance(message, ModelRequest):
            yield from (
                part.content
                for part in message.parts
                if isinstance(part, ToolReturnPart) and isinstance(part.content, str)
            )
