"""Asking a model on an agent's behalf: never too many at once, and again when the provider is away."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stemma.core.clock import Clock
from stemma.core.errors import ModelUnavailable
from stemma.evaluate.retry import RetryPolicy, retried
from stemma.models import Spoken, converse
from stemma.models.settings import settings_for
from stemma.network.network import Role

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models import Model
    from pydantic_ai.tools import ToolDefinition

_BASE, _CAP, _TOTAL = 0.5, 30.0, 600.0  # seconds of the back-off


class Models(Protocol):
    """Where an agent's model is found by its name. Raises NotConfigured or NotFound with the way out."""

    def get(self, name: str) -> "Model": ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What the model said, and how many requests that took."""

    spoken: Spoken
    attempts: int


class ModelCaller:
    """Makes the calls of one process. `calls` counts them, each retry one."""

    def __init__(self, models: Models, clock: Clock, *, concurrency: int) -> None:
        self.calls = 0
        self._models = models
        self._clock = clock
        self._free = asyncio.Semaphore(concurrency)

    async def ask(
        self, role: Role, messages: "Sequence[ModelMessage]", tools: "Sequence[ToolDefinition]", *, seed: str
    ) -> Asked:
        """The model's next words. Raises ModelError when there are none, after the attempts that the agent's limits allow."""
        assert role.prompt is not None
        limits, model = role.agent.limits, self._models.get(role.agent.model)
        settings = settings_for(role.prompt.settings, role.agent.model, over=role.agent.settings)
        attempts = 0

        async def attempt() -> Spoken:
            nonlocal attempts
            async with self._free:
                attempts += 1
                self.calls += 1
                return await converse(
                    model,
                    messages,
                    settings=settings,
                    tools=tools,
                    output_schema=role.output_schema,
                    timeout=limits.timeout,
                )

        policy = RetryPolicy(limits.attempts, _BASE, _CAP, max(_TOTAL, limits.timeout * limits.attempts))
        try:
            return Asked(await retried(attempt, policy=policy, clock=self._clock, seed=seed), attempts)
        except ModelUnavailable as error:
            raise ModelUnavailable(f"{error} (after {attempts} attempts)") from error
