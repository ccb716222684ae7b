"""Calling tools on an agent's behalf: each call a step, looked at by people where they want to, and never made twice where
that matters.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stemma.core.errors import InvalidInput, Refused
from stemma.core.trust import TrustLabel, join_all
from stemma.network.disclosure import Handed, disclosed, reveals
from stemma.network.journal import Event, Journal
from stemma.network.mediation import Allowed, Denied, Mediator
from stemma.network.message import Message
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Question
from stemma.network.protection import Shield
from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Call, Effect, Labelled, Tool, ToolFailed, TurnStopped
from stemma.network.wanted import Wanted, handed_over

_HAPPENED, _DID_NOT = "yes", "no"


@dataclass(frozen=True, slots=True)
class ToolCaller:
    """Makes the calls of one turn."""

    message: Message
    network: Network
    role: Role
    journal: Journal
    mediator: Mediator
    shield: Shield
    decision: Callable[[Question], Awaitable[Decision]]
    in_thread: Callable[..., Awaitable[Any]]
    """Calls what blocks."""

    async def call(
        self, step: str, tool: Tool, wanting: Callable[[], Wanted], decided: TrustLabel
    ) -> Mapping[str, Any]:
        """What the call comes to, as it is kept: a `value`, or why it `failed`, with its `label` and those of its `fields`.

        `wanting` gives the call, or raises ToolFailed; `decided` is the label of all that decided that it is made. Raises
        Rejected when a person's silence ends the task, TurnStopped when a bound of it is met, Superseded.
        """
        done: Mapping[str, Any] | None = self.journal.done.get(step)
        if done is not None:
            return done
        try:
            return await self._called(step, wanting(), decided)
        except Denied as denied:
            return await self._ended(step, _failed(denied, tool), denied.event)
        except TurnStopped:
            raise
        except ToolFailed as failure:
            return await self._ended(step, _failed(failure, tool))

    async def _called(self, step: str, call: Wanted, decided: TrustLabel) -> Mapping[str, Any]:
        tool = call.tool
        allowed = await self.mediator.allowed(step, call, decided)
        if tool.effect is Effect.READ and not tool.acts:
            handed = await self._handed(step, allowed, decided)
            return await self._ended(step, await self._outcome(step, allowed, handed, decided), *allowed.events)
        begun = [name for name in self.journal.done if name.startswith(f"{step}.begun")]
        if begun and not tool.may_repeat:
            known = await self._found_out(step, tool, allowed, times=len(begun))
            if known is not None:
                return await self._ended(step, known)
        handed = await self._handed(step, allowed, decided)
        if not begun or not tool.may_repeat:
            # On record before it is done: each of these is one effect, and one event.
            number = f".{len(begun) + 1}" if begun else ""
            await self.journal.keep(f"{step}.begun{number}", {}, events=allowed.events)
        return await self._ended(step, await self._outcome(step, allowed, handed, decided))

    async def _ended(self, step: str, done: Mapping[str, Any], *events: Event) -> Mapping[str, Any]:
        await self.journal.keep(step, done, events=events)
        return done

    async def _handed(self, step: str, allowed: Allowed, decided: TrustLabel) -> Handed:
        """What the tool gets, which is never kept. Raises Denied."""
        call, subject = allowed.call, f"{self.message.id}.{step}"
        telling = partial(disclosed, call, self.shield, {"agent": self.role.agent.name, "call": subject})
        try:
            handed: Handed = await self.in_thread(telling) if reveals(call, self.shield) else telling()
        except ToolFailed as failure:
            raise self.mediator.refused(step, call, decided, str(failure)) from failure
        if not self.network.guarded:
            return handed
        # Only now: what stands behind a token is a stranger's as much as the text around it.
        return replace(handed, arguments=handed_over(replace(call, arguments=handed.arguments)))

    async def _outcome(self, step: str, allowed: Allowed, handed: Handed, decided: TrustLabel) -> Mapping[str, Any]:
        tool = allowed.call.tool
        call = Call(
            key=f"{self.message.id}.{step}",
            run=self.message.run,
            agent=self.role.agent.name,
            folder=self.network.folder,
            label=decided.join(handed.label),
            decided=decided.join(allowed.decisive),
        )
        try:
            value: Any = await invoke(tool, handed.arguments, call, max_chars=self.role.agent.limits.max_result_chars)
        except TurnStopped:
            raise
        except ToolFailed as failure:
            # Whether it failed, and how, depends on what it was handed.
            return self._said(_failed(failure, tool, handed.label), handed)
        label, fields = tool.label, tool.fields
        if isinstance(value, Labelled):
            value, label, fields = value.value, value.label, value.fields
        if tool.labelled:  # it knows what its result depends on
            return {"value": value, "label": label.to_json(), "fields": {}}
        try:
            value = handed.hidden(self.shield.result(value, join_all([label, *fields.values()])))
        except (InvalidInput, Refused) as error:
            return _failed(ToolFailed(f"what {tool.name!r} returned is not let in: {error}"), tool, handed.label)
        return {
            "value": value,
            "label": label.join(handed.label).to_json(),
            "fields": {path: of.join(handed.label).to_json() for path, of in fields.items()},
        }

    def _said(self, failed: Mapping[str, Any], handed: Handed) -> Mapping[str, Any]:
        """A failure as it is kept: it may quote what the tool was handed, and what it was told from outside."""
        try:
            said = handed.hidden(self.shield.result(failed["failed"], TrustLabel.from_json(failed["label"])))
        except Refused:
            said = "why it failed is not let in"
        return {**failed, "failed": said}

    async def _found_out(self, step: str, tool: Tool, allowed: Allowed, *, times: int) -> Mapping[str, Any] | None:
        """What a person knows of a call during which the process died, as so often before; None when it is to be made again."""
        number = f".{times}" if times > 1 else ""
        agent, label = self.role.agent.name, tool.label.join(allowed.call.label).to_json()
        question = Question(
            f"{self.message.id}.{step}.uncertain{number}",
            self.message.run,
            self.message.id,
            "uncertain",
            f"The process died while agent {agent!r} called {tool.name!r}. Did it happen?",
            {"tool": tool.name, **allowed.call.facts(), "key": f"{self.message.id}.{step}"},
            allowed.call.label,
            choices=(_HAPPENED, _DID_NOT),
        )
        decided = await self.decision(question)
        if not decided.goes_on:
            return {"failed": f"nobody knows whether {tool.name!r} was carried out", "label": label}
        if decided.value == _DID_NOT:
            return None
        return {"value": f"{tool.name} was carried out, as {decided.by} found", "label": label}


def _failed(failure: ToolFailed, tool: Tool, handed: TrustLabel | None = None) -> dict[str, Any]:
    label = failure.label or join_all([tool.label, *tool.fields.values()])  # it may quote any part of what came back
    return {"failed": str(failure), "label": (label if handed is None else label.join(handed)).to_json()}
