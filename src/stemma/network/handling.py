"""Working with handles: what an agent that can act may do with a text which is kept from it, but hand it on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stemma.core.errors import ModelError
from stemma.core.frames import framed
from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.endorsement import raised
from stemma.guard.handles import UnknownHandle
from stemma.network.endorser import Endorsed, Endorser
from stemma.network.journal import Event, Journal
from stemma.network.mediation import Mediator
from stemma.network.message import Message
from stemma.network.network import Role
from stemma.network.quarantine import Sight
from stemma.network.reader import ABOUT, EXTRACT, OPEN, PARAMETERS, Asked
from stemma.network.speaker import Speaker
from stemma.network.tools.tool import ToolFailed
from stemma.network.turn import Unusable, as_said, spelled

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.tools import ToolDefinition


@dataclass(frozen=True, slots=True)
class Handling:
    """What `extract` and `open` do in one turn."""

    message: Message
    role: Role
    sight: Sight
    journal: Journal
    speaker: Speaker
    endorser: Endorser
    mediator: Mediator

    @staticmethod
    def definitions() -> "Sequence[ToolDefinition]":
        """The two as tools for a model."""
        from pydantic_ai.tools import ToolDefinition

        return [
            ToolDefinition(name=name, parameters_json_schema=dict(PARAMETERS[name]), description=ABOUT[name])
            for name in (EXTRACT, OPEN)
        ]

    async def use(self, step: str, name: str, arguments: Mapping[str, Any]) -> Any:
        """What the agent is told. Raises ToolFailed for a call that makes no sense."""
        if name == OPEN:
            return await self._open(step, str(arguments.get("handle", "")), obey=arguments.get("obey") is True)
        return await self._extract(step, Asked.read(arguments))

    async def _extract(self, step: str, asked: Asked) -> Any:
        """Fields that a reader made of a text: each behind a handle, but for those that policies endorse."""
        text, label, source = self._behind(asked.handle)
        whole = label.join(self.sight.label)
        done = self.journal.done.get(step)
        if done is None:
            values = asked.values(await self._read(step, asked, text))
            found = self._endorsed(step, asked, whole)
            done = {"values": values, "endorsed": list(found.labels)}
            await self.journal.keep(step, done, events=found.events)
        values, endorsed = done["values"], set(done["endorsed"])
        labels = {one: raised(whole) if one in endorsed else whole for one in values}
        name = self.sight.handles.hide_fields({one: (values[one], labels[one]) for one in values}, source)
        if endorsed:
            self.sight.sees(raised(whole))
        return {one: value if one in endorsed else f"{name}.{one}" for one, value in values.items()}

    async def _read(self, step: str, asked: Asked, text: str) -> Any:
        """What the reader makes of the text; nothing, when it has no answer that is JSON."""
        reader = asked.reader(self.role, text)
        try:
            said = await self.speaker.ask(f"{step}.m1", reader, lambda: _messages_of(reader))
        except ModelError:
            return None
        await self.speaker.keep(said)
        found = spelled(reader, said.spoken.text or "")
        return None if isinstance(found, Unusable) else found

    def _endorsed(self, step: str, asked: Asked, label: TrustLabel) -> Endorsed:
        # Who has read a stranger's text may have been told which values to ask for.
        if self.sight.label.integrity is Integrity.UNTRUSTED:
            return Endorsed({}, ())
        specs = {spec.name: spec for spec in asked.fields}
        return self.endorser.endorsed(self.role.agent.name, specs, label, f"{self.message.id}.{step}")

    async def _open(self, step: str, handle: str, *, obey: bool) -> Any:
        """A text that was kept from the agent. From here on its words are worth what the text is.

        To `obey` it a person is asked first, who is shown all of it: with her leave its words count as our own.
        """
        text, label, _ = self._behind(handle)
        whole = label.join(self.sight.label)
        done = self.journal.done.get(step)
        if done is None:
            leave = await self.mediator.leave(step, text, whole) if obey else None
            kind = "label.opened" if leave is None else "label.endorsed"
            data: dict[str, Any] = {"agent": self.role.agent.name, "label": whole.to_json()}
            event = Event(kind, data | dict(leave or {}), subject=f"{self.message.id}.{step}")
            done = {"left": leave is not None}
            await self.journal.keep(step, done, events=[event])
        if done.get("left"):
            self.sight.sees(raised(label))
            return text
        self.sight.sees(label)
        return framed(text, "opened")

    def _behind(self, written: str) -> tuple[str, TrustLabel, str]:
        """The text behind the handles that are written there, its label, and where it is from. Raises ToolFailed."""
        try:
            filled = self.sight.fill(written.replace(",", " ").split())
        except UnknownHandle as error:
            raise ToolFailed(str(error)) from error
        if filled.label is None:
            raise ToolFailed(f"{written!r} names no text that is kept from you")
        source = "; ".join(dict.fromkeys(held.source for held in filled.used))
        return "\n\n".join(map(as_said, filled.value)), filled.label, source


def _messages_of(reader: Role) -> "Sequence[ModelMessage]":
    from stemma.models.conversation import conversation_of

    assert reader.prompt is not None
    return conversation_of(reader.prompt.instructions, reader.prompt.user or "")
