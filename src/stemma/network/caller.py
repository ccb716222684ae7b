"""Asking a model on an agent's behalf: never too many at once, again when the provider is away, never past the limits."""

import asyncio
from typing import TYPE_CHECKING, Protocol

from stemma.core.clock import Clock
from stemma.core.errors import ModelError, ModelUnavailable, TemplateError
from stemma.models import ProviderUnavailable, complete
from stemma.network.message import Message
from stemma.network.network import Role
from stemma.network.turn import Reply, render

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.models import Model

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds


class Models(Protocol):
    """Where an agent's model is found by its name. Raises NotConfigured or NotFound with the way out."""

    def get(self, name: str) -> "Model": ...


class ModelCaller:
    """Makes the calls of one process. `calls` counts them, each retry one."""

    def __init__(self, models: Models, clock: Clock, *, concurrency: int) -> None:
        self.calls = 0
        self._models = models
        self._clock = clock
        self._free = asyncio.Semaphore(concurrency)

    async def ask(self, role: Role, message: Message) -> Reply:
        """The model's reply to `message`. What the model or a limit makes impossible is a reply with a `problem`."""
        limits = role.agent.limits
        try:
            rendered = render(role, message)
        except TemplateError as error:
            return Reply(None, str(error))
        size = len(rendered.system) + len(rendered.user)
        if size > limits.max_input_chars:
            return Reply(None, f"its input is {size:,} characters long, over its limit of {limits.max_input_chars:,}")
        model = self._models.get(role.agent.model)
        attempts = 0
        while True:
            attempts += 1
            try:
                async with self._free:
                    self.calls += 1
                    done = await complete(
                        model,
                        system=rendered.system,
                        user=rendered.user,
                        settings=role.prompt.settings,
                        output_schema=role.output_schema,
                        timeout=limits.timeout,
                    )
            except ModelUnavailable as error:
                if attempts >= limits.attempts:
                    return Reply(None, f"{error} (after {attempts} attempts)", attempts)
                await self._clock.sleep(_wait(error, attempts))
            except ModelError as error:
                return Reply(None, str(error), attempts)
            else:
                cost = None if done.cost is None else str(done.cost)
                return Reply(done.text, None, attempts, done.input_tokens, done.output_tokens, cost)


def _wait(error: ModelUnavailable, attempts: int) -> float:
    """Seconds until the next try: what the provider asked for, else twice as long each time."""
    asked = error.retry_after if isinstance(error, ProviderUnavailable) else None
    return min(_FIRST_WAIT * 2 ** (attempts - 1) if asked is None else asked, _LONGEST_WAIT)
