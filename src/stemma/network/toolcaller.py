"""Calling tools on an agent's behalf: each call a step, looked at by people where they want to, and never made twice where
that matters.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stemma.core.digests import digest
from stemma.core.trust import TrustLabel
from stemma.network.interception import Rejected, approved, interceptor_for
from stemma.network.journal import Event, Journal
from stemma.network.message import Message
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Question
from stemma.network.tools.invoking import check_arguments, invoke
from stemma.network.tools.tool import Call, Effect, Labelled, Tool, ToolFailed, TurnStopped

_HAPPENED, _DID_NOT = "it happened", "it did not"


@dataclass(frozen=True, slots=True)
class ToolCaller:
    """Makes the calls of one turn."""

    message: Message
    network: Network
    role: Role
    journal: Journal
    decision: Callable[[Question], Awaitable[Decision]]

    async def call(self, step: str, tool: Tool, arguments: Mapping[str, Any], label: TrustLabel) -> Mapping[str, Any]:
        """What the call comes to, as it is kept: a `value`, or why it `failed`, with its `label`.

        `label` is the join of what the agent has read. Raises Rejected when a person's silence ends the task, TurnStopped when
        a bound of it is met, Superseded.
        """
        done: Mapping[str, Any] | None = self.journal.done.get(step)
        if done is not None:
            return done
        try:
            allowed = await self._allowed(step, tool, arguments, label)
        except ToolFailed as failure:
            return await self._ended(step, _failed(failure, tool))
        called = self._called(step, tool, allowed, label)
        if tool.effect is Effect.READ:
            return await self._ended(step, await self._outcome(step, tool, allowed, label), called)
        begun = [name for name in self.journal.done if name.startswith(f"{step}.begun")]
        if begun and not tool.may_repeat:
            known = await self._found_out(step, tool, allowed, label, times=len(begun))
            if known is not None:
                return await self._ended(step, known)
        if not begun or not tool.may_repeat:
            # On record before it is done: each of these is one effect, and one event.
            number = f".{len(begun) + 1}" if begun else ""
            await self.journal.keep(f"{step}.begun{number}", {}, events=[called])
        return await self._ended(step, await self._outcome(step, tool, allowed, label))

    async def _ended(self, step: str, done: Mapping[str, Any], *events: Event) -> Mapping[str, Any]:
        await self.journal.keep(step, done, events=events)
        return done

    async def _allowed(
        self, step: str, tool: Tool, arguments: Mapping[str, Any], label: TrustLabel
    ) -> Mapping[str, Any]:
        """The arguments with which the call may go ahead. Raises ToolFailed for a call that may not be made."""
        check_arguments(tool, arguments)
        agent = self.role.agent.name
        asks = interceptor_for(self.network, "tool", agent, tool.name, arguments)
        if asks is None:
            return arguments
        facts = {"agent": agent, "tool": tool.name, "effect": tool.effect.value, "arguments": dict(arguments)}
        try:
            found = await approved(
                asks,
                f"{self.message.id}.{step}",
                "tool",
                message=self.message,
                label=label,
                facts=facts,
                value=dict(arguments),
                decision=self.decision,
            )
        except Rejected as rejected:
            if rejected.fails:
                raise
            raise ToolFailed(rejected.reason) from rejected
        if not isinstance(found, dict):
            raise ToolFailed(f"a person wrote {found!r} in place of the arguments, which are a JSON object")
        check_arguments(tool, found)
        return found

    async def _outcome(
        self, step: str, tool: Tool, arguments: Mapping[str, Any], label: TrustLabel
    ) -> Mapping[str, Any]:
        call = Call(
            key=f"{self.message.id}.{step}",
            run=self.message.run,
            agent=self.role.agent.name,
            folder=self.network.folder,
            label=label,
        )
        try:
            value: Any = await invoke(tool, arguments, call, max_chars=self.role.agent.limits.max_result_chars)
        except TurnStopped:
            raise
        except ToolFailed as failure:
            return _failed(failure, tool)
        if isinstance(value, Labelled):
            return {"value": value.value, "label": value.label.to_json()}
        return {"value": value, "label": tool.label.to_json()}

    async def _found_out(
        self, step: str, tool: Tool, arguments: Mapping[str, Any], label: TrustLabel, *, times: int
    ) -> Mapping[str, Any] | None:
        """What a person knows of a call during which the process died, as so often before; None when it is to be made again."""
        number = f".{times}" if times > 1 else ""
        agent = self.role.agent.name
        question = Question(
            f"{self.message.id}.{step}.uncertain{number}",
            self.message.run,
            self.message.id,
            "uncertain",
            f"The process died while agent {agent!r} called {tool.name!r}. Did it happen?",
            {"tool": tool.name, "arguments": dict(arguments), "key": f"{self.message.id}.{step}"},
            label,
            choices=(_HAPPENED, _DID_NOT),
        )
        decided = await self.decision(question)
        if not decided.goes_on:
            return {"failed": f"nobody knows whether {tool.name!r} was carried out", "label": tool.label.to_json()}
        if decided.value == _DID_NOT:
            return None
        return {"value": f"{tool.name} was carried out, as {decided.by} found", "label": tool.label.to_json()}

    def _called(self, step: str, tool: Tool, arguments: Mapping[str, Any], label: TrustLabel) -> Event:
        data = {
            "agent": self.role.agent.name,
            "tool": tool.name,
            "effect": tool.effect.value,
            "arguments": digest(dict(arguments)),
            "label": label.to_json(),
        }
        return Event("tool.called", data, subject=f"{self.message.id}.{step}")


def _failed(failure: ToolFailed, tool: Tool) -> dict[str, Any]:
    return {"failed": str(failure), "label": (failure.label or tool.label).to_json()}
