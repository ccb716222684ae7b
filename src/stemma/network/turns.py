"""Taking a turn: an agent's control loop, from the message it got to the answer it gives.

The model is asked; what it wants to know or do is done through tools, and told to it; so on until it answers. Each of
these is a step of the journal, written before the next begins, so that a turn that is cut off goes on after the last
one. A step whose end is not known is done again, unless it is a call of a tool with an effect that may not be repeated:
then a person is asked what happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from stemma.core.digests import digest
from stemma.core.errors import ModelError, TemplateError
from stemma.core.trust import TrustLabel
from stemma.models import Spoken
from stemma.network.caller import ModelCaller
from stemma.network.conversation import Earlier, Exchange, conversation
from stemma.network.inbox import Delivery
from stemma.network.journal import Charge, Event, Journal
from stemma.network.message import Message
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Interceptor, Question, Verdict
from stemma.network.state.window import TooLong
from stemma.network.tools.invoking import check_arguments, invoke
from stemma.network.tools.tool import Call, Effect, Labelled, Tool, ToolFailed
from stemma.network.turn import FROM_MODEL, Reply, Unusable, as_said, value_of

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart
    from pydantic_ai.tools import ToolDefinition


class Surroundings(Protocol):
    """What a turn needs of the process that it is taken in."""

    caller: ModelCaller

    async def tools(self, network: Network, role: Role) -> Mapping[str, Tool]: ...

    async def history(self, role: Role, message: Message) -> Sequence[Earlier]:
        """The agent's own earlier turns in the task that it sees again, the oldest first, each answered."""

    async def decision(self, question: Question) -> Decision: ...


@dataclass
class Turn:
    """One turn. `take` brings it to its end; what it has read labels what it says."""

    delivery: Delivery
    network: Network
    role: Role
    journal: Journal
    around: Surroundings
    label: TrustLabel = field(init=False)
    reply: Reply = field(default_factory=Reply)

    def __post_init__(self) -> None:
        self.label = self.message.label

    @property
    def message(self) -> Message:
        return self.delivery.message

    async def take(self) -> Reply:
        """The reply, written down. Raises Superseded when the message is taken out of this process's hands."""
        try:
            tools = await self._tools()
            if self.role.agent.calls is not None:
                return await self._call_only(tools[self.role.agent.calls])
            return await self._converse(tools)
        except _NoAnswer as problem:
            self.reply = replace(self.reply, stopped=problem.stopped)
            return await self._end(problem=problem.reason)

    async def _tools(self) -> Mapping[str, Tool]:
        try:
            return await self.around.tools(self.network, self.role)
        except ToolFailed as failure:  # a server that does not start
            raise _NoAnswer(str(failure)) from failure

    # --- an agent with a model ----------------------------------------------------------------------------------------

    async def _converse(self, tools: Mapping[str, Tool]) -> Reply:
        history = await self.around.history(self.role, self.message)
        exchanges: list[Exchange] = []
        limits, corrections = self.role.agent.limits, 0
        for number in range(1, limits.iterations + 1):
            spoken, kept = await self._speak(number, history, exchanges, tools)
            if spoken.calls:
                if not kept:
                    await self._keep(f"m{number}", spoken)
                exchanges.append(Exchange(spoken.response, await self._use(number, spoken.calls, tools)))
                continue
            value = value_of(self.role, spoken.text or "")
            if not isinstance(value, Unusable):
                return await self._say(number, value, None if kept else spoken)
            if not kept:
                await self._keep(f"m{number}", spoken)
            corrections += 1
            if corrections > limits.corrections:
                raise _NoAnswer(_told(value.reason, limits.corrections))
            exchanges.append(Exchange(spoken.response, _correction(value.reason)))
        raise _NoAnswer(f"it had no answer after {limits.iterations} rounds of its control loop")

    async def _speak(
        self, number: int, history: Sequence[Earlier], exchanges: "Sequence[Exchange]", tools: Mapping[str, Tool]
    ) -> tuple[Spoken, bool]:
        """What the model says next, and whether that is kept already."""
        done = self.journal.done.get(f"m{number}")
        if done is not None:
            spoken = _spoken(done)
            self._count(spoken, done["attempts"])
            return spoken, True
        met = self.journal.spent.met(self.network.bounds)
        if met is not None:
            raise _NoAnswer(met, stopped=True)
        try:
            messages = conversation(self.role, self.message, history, exchanges)
            asked = await self.around.caller.ask(
                self.role, messages, [_definition(tool) for tool in tools.values()], seed=f"{self.message.id}.m{number}"
            )
        except (ModelError, TemplateError, TooLong) as error:
            raise _NoAnswer(str(error)) from error
        self._count(asked.spoken, asked.attempts)
        return asked.spoken, False

    async def _keep(self, step: str, spoken: Spoken) -> None:
        body = {
            "response": _response_json(spoken.response),
            "cost": _dollars(spoken.cost),
            "attempts": self.reply.attempts,
        }
        await self.journal.keep(step, body, events=[self._spoke(spoken)], charge=_charge(spoken))

    async def _say(self, number: int, value: Any, spoken: Spoken | None) -> Reply:
        """Answers with `value`, the last words of the model kept with it, unless a person is to look at it first."""
        asks = self._interceptor("message", self.role.agent.name, value if isinstance(value, dict) else {})
        if asks is not None:
            if spoken is not None:
                await self._keep(f"m{number}", spoken)
                spoken = None
            facts = {"agent": self.role.agent.name, "answer": value}
            value = await self._approved(asks, f"{self.message.id}.answer", "message", facts, value)
        events = [self._spoke(spoken)] if spoken is not None else []
        return await self._end(value=value, events=events, charge=_charge(spoken) if spoken else None)

    # --- tools --------------------------------------------------------------------------------------------------------

    async def _use(self, number: int, calls: "Sequence[ToolCallPart]", tools: Mapping[str, Tool]) -> "ModelRequest":
        """Does what the model asked for, one after another, and gives what it is told of that."""
        from pydantic_ai.messages import ModelRequest, ToolReturnPart

        told = []
        for position, call in enumerate(calls, start=1):
            step = f"t{number}.{position}"
            try:
                tool = tools.get(call.tool_name)
                if tool is None:
                    raise ToolFailed(f"there is no tool {call.tool_name!r}; there are: {', '.join(tools) or 'none'}")
                result = await self._tool(step, tool, _arguments(call))
            except ToolFailed as failure:
                result = f"error: {failure}"
            told.append(ToolReturnPart(call.tool_name, result, tool_call_id=call.tool_call_id))
        return ModelRequest(parts=told)

    async def _call_only(self, tool: Tool) -> Reply:
        """The turn of an agent without a model."""
        arguments = {name: self.message.data[name] for name in self.role.agent.reads if name in self.message.data}
        try:
            value = await self._tool("t1.1", tool, arguments)
        except ToolFailed as failure:
            raise _NoAnswer(str(failure)) from failure
        if self.role.output_schema is not None:
            fitting = value_of(self.role, as_said(value))
            if isinstance(fitting, Unusable):
                raise _NoAnswer(fitting.reason)
        return await self._end(value=value)

    async def _tool(self, step: str, tool: Tool, arguments: Mapping[str, Any]) -> Any:
        """What the call comes to; kept, and never made twice where that matters."""
        done = self.journal.done.get(step)
        if done is None:
            done = await self._call(step, tool, arguments)
        self.reply = replace(self.reply, tools=self.reply.tools + 1)
        self.label = self.label.join(TrustLabel.from_json(done["label"]))
        if "failed" in done:
            raise ToolFailed(done["failed"])
        return done["value"]

    async def _call(self, step: str, tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
        limits, name = self.role.agent.limits, tool.name
        try:
            check_arguments(tool, arguments)
            asks = self._interceptor("tool", name, arguments)
            if asks is not None:
                facts = {
                    "agent": self.role.agent.name,
                    "tool": name,
                    "effect": tool.effect.value,
                    "arguments": dict(arguments),
                }
                approved = await self._approved(asks, f"{self.message.id}.{step}", "tool", facts, dict(arguments))
                if not isinstance(approved, dict):
                    raise ToolFailed(f"a person wrote {approved!r} in place of the arguments, which are a JSON object")
                arguments = approved
            called = Event(
                "tool.called",
                {
                    "agent": self.role.agent.name,
                    "tool": name,
                    "effect": tool.effect.value,
                    "arguments": digest(dict(arguments)),
                    "label": self.label.to_json(),
                },
                subject=f"{self.message.id}.{step}",
            )
            begun = f"{step}.begun"
            if tool.effect is not Effect.READ:
                if begun in self.journal.done and not tool.may_repeat:
                    return await self._uncertain(step, tool, arguments)
                if begun not in self.journal.done:
                    await self.journal.keep(begun, {}, events=[called])
            call = Call(
                key=f"{self.message.id}.{step}",
                run=self.message.run,
                agent=self.role.agent.name,
                folder=self.network.folder,
                label=self.label,
            )
            value: Any = await invoke(tool, arguments, call, max_chars=limits.max_result_chars)
            label = tool.label
            if isinstance(value, Labelled):
                value, label = value.value, value.label
            done = {"value": value, "label": label.to_json()}
        except ToolFailed as failure:
            done = {"failed": str(failure), "label": tool.label.to_json()}
            called = None
        await self.journal.keep(step, done, events=[called] if called and tool.effect is Effect.READ else [])
        return done

    async def _uncertain(self, step: str, tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The process died while it called a tool that must not be called twice: a person finds out."""
        question = Question(
            f"{self.message.id}.{step}.uncertain",
            self.message.run,
            self.message.id,
            "uncertain",
            f"The process died while agent {self.role.agent.name!r} called {tool.name!r}. Did it happen?",
            {"tool": tool.name, "arguments": dict(arguments), "key": f"{self.message.id}.{step}"},
            self.label,
            choices=("it happened", "it did not"),
        )
        decision = await self.around.decision(question)
        if decision.goes_on and decision.value == "it did not":
            del self.journal.done[f"{step}.begun"]
            return await self._call(step, tool, arguments)
        if decision.goes_on:
            done = {"value": f"{tool.name} was carried out, as {decision.by} found", "label": tool.label.to_json()}
        else:
            done = {"failed": f"nobody knows whether {tool.name!r} was carried out", "label": tool.label.to_json()}
        await self.journal.keep(step, done)
        return done

    # --- people -------------------------------------------------------------------------------------------------------

    def _interceptor(self, before: str, name: str, values: Mapping[str, Any]) -> Interceptor | None:
        names = (name, f"{self.role.agent.name}/{name}")
        for found in self.network.interceptors:
            if (
                found.before == before
                and found.name in names
                and all(as_said(values.get(key)) == wanted for key, wanted in found.when.items())
            ):
                return found
        return None

    async def _approved(self, asks: Interceptor, id: str, kind: Any, facts: Mapping[str, Any], value: Any) -> Any:
        """The value that may go ahead. Raises ToolFailed for a call, and ends the turn for an answer, that a person rejects."""
        name = self.role.agent.name
        text = asks.prompt or (
            f"May {name!r} call {facts['tool']!r}?" if kind == "tool" else f"May {name!r} answer this?"
        )
        question = Question(
            id,
            self.message.run,
            self.message.id,
            kind,
            text,
            facts,
            self.label,
            timeout=asks.timeout,
            on_timeout=asks.on_timeout,
        )
        decision = await self.around.decision(question)
        if decision.verdict is Verdict.REJECTED:
            reason = f"{decision.by} rejected it" + (f": {decision.reason}" if decision.reason else "")
            raise ToolFailed(reason) if kind == "tool" else _NoAnswer(reason)
        return decision.value if decision.verdict is Verdict.EDITED else value

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _end(
        self,
        *,
        value: Any = None,
        problem: str | None = None,
        events: Sequence[Event] = (),
        charge: Charge | None = None,
    ) -> Reply:
        label = self.label if self.role.prompt is None else self.label.join(FROM_MODEL)
        self.reply = replace(self.reply, value=value, problem=problem, label=None if problem else label)
        answered = Event(
            "message.answered" if problem is None else "message.buried",
            {"agent": self.role.agent.name, "label": label.to_json()},
        )
        await self.journal.answer(self.message, self.reply, events=[*events, answered], charge=charge)
        return self.reply

    def _count(self, spoken: Spoken, attempts: int) -> None:
        usage, cost = spoken.response.usage, _dollars(spoken.cost)
        self.reply = replace(
            self.reply,
            model=spoken.model,
            calls=self.reply.calls + 1,
            attempts=self.reply.attempts + attempts,
            input_tokens=self.reply.input_tokens + usage.input_tokens,
            output_tokens=self.reply.output_tokens + usage.output_tokens,
            cost=self.reply.cost if cost is None else (self.reply.cost or 0) + cost,
        )

    def _spoke(self, spoken: Spoken) -> Event:
        usage = spoken.response.usage
        prompt = self.role.prompt
        data = {
            "agent": self.role.agent.name,
            "model": spoken.model,
            "prompt": prompt.digest if prompt else None,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "tools": [call.tool_name for call in spoken.calls],
        }
        return Event("model.called", data)


class _NoAnswer(Exception):
    """Ends a turn without an answer."""

    def __init__(self, reason: str, *, stopped: bool = False) -> None:
        self.reason, self.stopped = reason, stopped
        super().__init__(reason)


def _arguments(call: "ToolCallPart") -> dict[str, Any]:
    try:
        return call.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError) as error:
        raise ToolFailed(f"the arguments of {call.tool_name!r} are not a JSON object: {error}") from error


def _told(reason: str, times: int) -> str:
    return f"{reason} (it was told so {times} time{'' if times == 1 else 's'})" if times else reason


def _correction(reason: str) -> "ModelRequest":
    from pydantic_ai.messages import ModelRequest, RetryFeedbackPart, RetryInfo

    return ModelRequest(parts=[RetryFeedbackPart(reason, retry=RetryInfo("validation_error"))])


def _definition(tool: Tool) -> "ToolDefinition":
    from pydantic_ai.tools import ToolDefinition

    return ToolDefinition(name=tool.name, parameters_json_schema=dict(tool.parameters), description=tool.description)


def _charge(spoken: Spoken) -> Charge:
    usage = spoken.response.usage
    return Charge(1, usage.input_tokens + usage.output_tokens, round((_dollars(spoken.cost) or 0) * 1_000_000))


def _dollars(cost: Decimal | None) -> float | None:
    return None if cost is None else float(cost)


def _spoken(done: Mapping[str, Any]) -> Spoken:
    response = _responses().validate_python(done["response"])
    return Spoken(response, response.text, 0.0, None if done["cost"] is None else Decimal(str(done["cost"])))


def _response_json(response: "ModelResponse") -> Any:
    return _responses().dump_python(response, mode="json", exclude_defaults=True)


@cache
def _responses() -> Any:
    from pydantic import TypeAdapter
    from pydantic_ai.messages import ModelResponse

    return TypeAdapter(ModelResponse)
