"""A gullible orchestrator: whatever it was told to do, it tells others to do."""

import json
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from stemma.models.gullible import GullibleModel


class Lead(GullibleModel):
    """Answers with one assignment, whose brief is all that the gullible model would have said.

    It is for a worker, or, where there are `tools`, for a role of its own that is to have them.
    """

    def __init__(self, *given: Any, worker: str, tools: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*given, **options)
        self._whom: dict[str, Any] = {"role": "filer", "tools": list(tools)} if tools else {"agent": worker}

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        response = await super().request(messages, model_settings, model_request_parameters)
        if response.tool_calls or response.text is None:
            return response
        response.parts = [TextPart(json.dumps([self._whom | {"brief": f"Have the report filed. {response.text}"}]))]
        return response
