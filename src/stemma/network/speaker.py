"""Having a model speak in a turn: each time a step of the journal, charged, and counted for the reply."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stemma.core.errors import InvalidInput, ModelError
from stemma.guard.text.finding import check_depth
from stemma.models import Spoken
from stemma.network.caller import ModelCaller
from stemma.network.journal import Charge, Event, Journal
from stemma.network.message import Message
from stemma.network.network import Network, Role
from stemma.network.run import RunStatus
from stemma.network.spoken import charge_of, dollars, event_of, kept, read_back
from stemma.network.turn import NoAnswer, Reply

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.tools import ToolDefinition


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said, how many requests that took, and whether it is kept already."""

    step: str
    role: Role
    spoken: Spoken
    attempts: int
    kept: bool

    @property
    def event(self) -> Event:
        return event_of(self.spoken, self.role)

    @property
    def charge(self) -> Charge:
        return charge_of(self.spoken)


@dataclass
class Speaker:
    """The models of one turn. `counts` is a reply that has nothing but what they took."""

    message: Message
    network: Network
    journal: Journal
    caller: ModelCaller
    counts: Reply = field(default_factory=Reply)

    async def ask(
        self,
        step: str,
        role: Role,
        messages: "Callable[[], Sequence[ModelMessage]]",
        tools: "Sequence[ToolDefinition]" = (),
    ) -> Said:
        """What `role` says, or said when this step was taken before. Raises NoAnswer when a bound is met, ModelError."""
        done = self.journal.done.get(step)
        if done is not None:
            return self._counted(Said(step, role, read_back(done), done["attempts"], kept=True))
        met = self.journal.spent.met(self.network.bounds)
        if met is not None:
            raise NoAnswer(met, ends=RunStatus.STOPPED)
        asked = await self.caller.ask(role, messages(), tools, seed=f"{self.message.id}.{step}")
        _check_writable(asked.spoken)
        return self._counted(Said(step, role, asked.spoken, asked.attempts, kept=False))

    async def keep(self, said: Said) -> None:
        """Writes down what was said, unless it is. Raises Superseded."""
        if not said.kept:
            body = kept(said.spoken, said.attempts)
            await self.journal.keep(said.step, body, events=[said.event], charge=said.charge)

    def _counted(self, said: Said) -> Said:
        usage, cost, before = said.spoken.response.usage, dollars(said.spoken), self.counts
        self.counts = replace(
            before,
            model=said.spoken.model,
            calls=before.calls + 1,
            attempts=before.attempts + said.attempts,
            input_tokens=before.input_tokens + usage.input_tokens,
            output_tokens=before.output_tokens + usage.output_tokens,
            cost=before.cost if cost is None else (before.cost or 0) + cost,
        )
        return said


def _check_writable(spoken: Spoken) -> None:
    """Raises ModelError for calls whose arguments could not be written down; those that are still text are parsed later."""
    for call in spoken.calls:
        if isinstance(call.args, dict):
            try:
                check_depth(call.args)
            except InvalidInput as error:
                raise ModelError(f"model {spoken.model!r} wrote arguments that cannot be used: {error}") from error
