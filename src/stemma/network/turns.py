"""Taking a turn: an agent's control loop, from the message it got to the answer it gives.

The model is asked; what it wants to know or do is done through tools, and told to it; so on until it answers. Each of
these is a step of the journal, written before the next begins, so that a turn that is cut off goes on after the last
one. A step whose end is not known is done again, unless it is a call of a tool with an effect that may not be repeated:
then a person is asked what happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from stemma.core.errors import ModelError, TemplateError
from stemma.core.trust import TrustLabel, join_all
from stemma.models import Spoken
from stemma.network.caller import ModelCaller
from stemma.network.claiming import Delivery
from stemma.network.conversation import Earlier, Exchange, conversation
from stemma.network.interception import Rejected, approved, interceptor_for
from stemma.network.journal import Charge, Event, Journal
from stemma.network.message import Message
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Interceptor, Question
from stemma.network.run import RunStatus
from stemma.network.spoken import charge_of, dollars, event_of, kept, read_back
from stemma.network.state.window import TooLong
from stemma.network.toolcaller import ToolCaller
from stemma.network.tools.tool import Tool, ToolFailed, TurnStopped
from stemma.network.turn import FROM_MODEL, Reply, Unusable, as_said, value_of

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.messages import ModelRequest, ToolCallPart
    from pydantic_ai.tools import ToolDefinition


class Surroundings(Protocol):
    """What a turn needs of the process that it is taken in."""

    caller: ModelCaller

    async def tools(self, network: Network, role: Role) -> Mapping[str, Tool]:
        """The tools that the agent holds, of which the role may allow fewer."""

    def colleagues(self, network: Network, role: Role, message: Message) -> Mapping[str, Tool]:
        """The tools with which it sends messages of its own while it answers `message`."""

    async def history(self, role: Role, message: Message) -> Sequence[Earlier]:
        """The agent's own earlier turns in the task that it sees again, the oldest first, each answered."""

    async def decision(self, question: Question) -> Decision:
        """What a person, or the clock, decided; waits as long as it takes."""

    async def remember(self, scope: str, text: str, source: str, label: TrustLabel) -> None:
        """Keeps a text across tasks; once for each source."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the model said, how many requests that took, and whether it is kept already."""

    spoken: Spoken
    attempts: int
    kept: bool


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
    _caller: ToolCaller = field(init=False)

    def __post_init__(self) -> None:
        self.label = self.message.label
        self._caller = ToolCaller(self.message, self.network, self.role, self.journal, self.around.decision)

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
            self.reply = replace(self.reply, ends=problem.ends)
            return await self._end(problem=problem.reason)
        except TurnStopped as stopped:
            self.reply = replace(self.reply, ends=stopped.ends)
            return await self._end(problem=str(stopped))
        except Rejected as rejected:
            self.reply = replace(self.reply, ends=RunStatus.FAILED if rejected.fails else None)
            return await self._end(problem=rejected.reason)

    async def _tools(self) -> Mapping[str, Tool]:
        try:
            found = await self.around.tools(self.network, self.role)
        except ToolFailed as failure:  # a server that does not start
            raise _NoAnswer(str(failure)) from failure
        held = {**found, **self.around.colleagues(self.network, self.role, self.message)}
        return {name: tool for name, tool in held.items() if self.role.may_use(name)}

    # --- an agent with a model ----------------------------------------------------------------------------------------

    async def _converse(self, tools: Mapping[str, Tool]) -> Reply:
        history = await self.around.history(self.role, self.message)
        self.label = join_all([self.label, *(turn.label for turn in history)])
        exchanges: list[Exchange] = []
        limits, corrections = self.role.agent.limits, 0
        for number in range(1, limits.iterations + 1):
            said = await self._speak(number, history, exchanges, tools)
            spoken = said.spoken
            value = None if spoken.calls else value_of(self.role, spoken.text or "")
            if not spoken.calls and not isinstance(value, Unusable):
                return await self._say(number, value, said)
            await self._keep(number, said)
            if not isinstance(value, Unusable):
                exchanges.append(Exchange(spoken.response, await self._use(number, spoken.calls, tools)))
                continue
            corrections += 1
            if corrections > limits.corrections:
                raise _NoAnswer(_told(value.reason, limits.corrections))
            exchanges.append(Exchange(spoken.response, _correction(value.reason)))
        raise _NoAnswer(f"it had no answer after {limits.iterations} rounds of its control loop")

    async def _speak(
        self, number: int, history: Sequence[Earlier], exchanges: "Sequence[Exchange]", tools: Mapping[str, Tool]
    ) -> _Said:
        """What the model says next."""
        done = self.journal.done.get(f"m{number}")
        if done is not None:
            return self._counted(_Said(read_back(done), done["attempts"], kept=True))
        met = self.journal.spent.met(self.network.bounds)
        if met is not None:
            raise _NoAnswer(met, ends=RunStatus.STOPPED)
        try:
            messages = conversation(self.role, self.message, history, exchanges)
            asked = await self.around.caller.ask(
                self.role, messages, [_definition(tool) for tool in tools.values()], seed=f"{self.message.id}.m{number}"
            )
        except (ModelError, TemplateError, TooLong) as error:
            raise _NoAnswer(str(error)) from error
        return self._counted(_Said(asked.spoken, asked.attempts, kept=False))

    async def _keep(self, number: int, said: _Said) -> None:
        if not said.kept:
            spoken = said.spoken
            body, events = kept(spoken, said.attempts), [event_of(spoken, self.role)]
            await self.journal.keep(f"m{number}", body, events=events, charge=charge_of(spoken))

    async def _say(self, number: int, value: Any, said: _Said) -> Reply:
        """Answers with `value`, in one step with the model's last words where nothing has to happen between the two."""
        agent = self.role.agent
        asks = interceptor_for(
            self.network, "message", agent.name, agent.name, value if isinstance(value, dict) else {}
        )
        if said.kept or asks is not None or (agent.memory is not None and agent.memory.keeps):
            await self._keep(number, said)
            return await self._end(value=await self._passed(value, asks))
        return await self._end(value=value, events=[event_of(said.spoken, self.role)], charge=charge_of(said.spoken))

    async def _passed(self, value: Any, asks: Interceptor | None) -> Any:
        """The answer as people let it go; what they write must fit the agent's schema, too. Raises Rejected."""
        if asks is None:
            return value
        passed = await approved(
            asks,
            f"{self.message.id}.answer",
            "message",
            message=self.message,
            label=self.label,
            facts={"agent": self.role.agent.name, "answer": value},
            value=value,
            decision=self.around.decision,
        )
        fitting = value if passed is value else value_of(self.role, as_said(passed))
        if isinstance(fitting, Unusable):
            raise _NoAnswer(f"what a person wrote in its place can not be used: {fitting.reason}")
        return fitting

    # --- tools --------------------------------------------------------------------------------------------------------

    async def _use(self, number: int, calls: "Sequence[ToolCallPart]", tools: Mapping[str, Tool]) -> "ModelRequest":
        """Does what the model asked for, one after another, and gives what it is told of that."""
        from pydantic_ai.messages import ModelRequest, ToolReturnPart

        told = []
        for position, call in enumerate(calls, start=1):
            step = f"t{number}-{position}"  # no dot: what is sent from here stands one level below this message
            try:
                tool = tools.get(call.tool_name)
                if tool is None:
                    raise ToolFailed(f"there is no tool {call.tool_name!r}; there are: {', '.join(tools) or 'none'}")
                result = await self._tool(step, tool, _arguments(call))
            except TurnStopped:
                raise
            except ToolFailed as failure:
                result = f"error: {failure}"
            told.append(ToolReturnPart(call.tool_name, result, tool_call_id=call.tool_call_id))
        return ModelRequest(parts=told)

    async def _call_only(self, tool: Tool) -> Reply:
        """The turn of an agent without a model."""
        arguments = {name: self.message.data[name] for name in self.role.agent.reads if name in self.message.data}
        try:
            value = await self._tool("t1-1", tool, arguments)
        except TurnStopped:
            raise
        except ToolFailed as failure:
            raise _NoAnswer(str(failure)) from failure
        if self.role.output_schema is not None:
            fitting = value_of(self.role, as_said(value))
            if isinstance(fitting, Unusable):
                raise _NoAnswer(fitting.reason)
            value = fitting
        return await self._end(value=value)

    async def _tool(self, step: str, tool: Tool, arguments: Mapping[str, Any]) -> Any:
        """What the call comes to; what it returned labels what follows, and so does its failure. Raises ToolFailed."""
        done = await self._caller.call(step, tool, arguments, self.label)
        self.reply = replace(self.reply, tools=self.reply.tools + 1)
        self.label = self.label.join(TrustLabel.from_json(done["label"]))
        if "failed" in done:
            raise ToolFailed(done["failed"])
        return done["value"]

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
        if problem is None:
            await self._remember(value, label)
        self.reply = replace(self.reply, value=value, problem=problem, label=label)
        answered = Event(
            "message.answered" if problem is None else "message.buried",
            {"agent": self.role.agent.name, "label": label.to_json()},
        )
        await self.journal.answer(self.message, self.reply, events=[*events, answered], charge=charge)
        return self.reply

    async def _remember(self, value: Any, label: TrustLabel) -> None:
        # Before the answer, which ends the turn: one that is cut off in between is taken up again, and remembers only once.
        recall = self.role.agent.memory
        if recall is None:
            return
        values = {**self.message.data, self.role.agent.writes: value}
        for name in recall.keeps:
            if text := as_said(values.get(name, "")).strip():
                await self.around.remember(recall.scope, text, f"{self.message.id}/{name}", label)

    def _counted(self, said: _Said) -> _Said:
        usage, cost = said.spoken.response.usage, dollars(said.spoken)
        self.reply = replace(
            self.reply,
            model=said.spoken.model,
            calls=self.reply.calls + 1,
            attempts=self.reply.attempts + said.attempts,
            input_tokens=self.reply.input_tokens + usage.input_tokens,
            output_tokens=self.reply.output_tokens + usage.output_tokens,
            cost=self.reply.cost if cost is None else (self.reply.cost or 0) + cost,
        )
        return said


class _NoAnswer(Exception):
    """Ends a turn without an answer; with `ends`, the whole task, too."""

    def __init__(self, reason: str, *, ends: RunStatus | None = None) -> None:
        self.reason, self.ends = reason, ends
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
