"""Taking a turn: an agent's control loop, from the message it got to the answer it gives.

The model is asked; what it wants to know or do is done through tools, and told to it; so on until it answers. Each of
these is a step of the journal, written before the next begins, so that a turn that is cut off goes on after the last
one. A step whose end is not known is done again, unless it is a call of a tool with an effect that may not be repeated:
then a person is asked what happened. What the agent gets to see of all that, and what its words are worth then, is up to
`quarantine`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from stemma.core.clock import Clock
from stemma.core.errors import ModelError, TemplateError
from stemma.core.frames import framed
from stemma.core.trust import Integrity, TrustLabel, join_all
from stemma.guard.closed import closed_fields
from stemma.guard.endorsement import endorses, raised
from stemma.guard.handles import UnknownHandle
from stemma.guard.policy import Policy, facts_to_json
from stemma.guard.ruling import EndorseFacts, Ruling
from stemma.models import Spoken
from stemma.network.caller import ModelCaller
from stemma.network.claiming import Delivery
from stemma.network.conversation import Earlier, Exchange, conversation
from stemma.network.interception import Rejected, approved, interceptor_for
from stemma.network.journal import Charge, Event, Journal
from stemma.network.mediation import Mediator, Wanted, carried, wanted
from stemma.network.message import Inner, Message, PartKind
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Interceptor, Question
from stemma.network.quarantine import NOTE, Sight
from stemma.network.reader import ABOUT, EXTRACT, OPEN, PARAMETERS, Asked
from stemma.network.run import RunStatus
from stemma.network.spoken import charge_of, dollars, event_of, kept, read_back
from stemma.network.state.window import TooLong
from stemma.network.toolcaller import ToolCaller
from stemma.network.tools.tool import Tool, ToolFailed, TurnStopped
from stemma.network.turn import FROM_MODEL, Reply, Unusable, as_said, fitting, spelled, value_of

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.messages import ModelMessage, ModelRequest, ToolCallPart
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

    def policy(self, network: Network) -> Policy:
        """What decides about the network's calls."""

    async def actor(self, run: str) -> str:
        """Who asked for the task."""

    @property
    def clock(self) -> Clock: ...


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
    reply: Reply = field(default_factory=Reply)
    sight: Sight = field(init=False)
    _caller: ToolCaller = field(init=False)
    _mediator: Mediator = field(init=False)

    @property
    def message(self) -> Message:
        return self.delivery.message

    async def take(self) -> Reply:
        """The reply, written down. Raises Superseded when the message is taken out of this process's hands."""
        try:
            return await self._taken()
        except _NoAnswer as problem:
            self.reply = replace(self.reply, ends=problem.ends)
            return await self._end(problem=problem.reason)
        except TurnStopped as stopped:
            self.reply = replace(self.reply, ends=stopped.ends)
            return await self._end(problem=str(stopped))
        except Rejected as rejected:
            self.reply = replace(self.reply, ends=RunStatus.FAILED if rejected.fails else None)
            return await self._end(problem=rejected.reason)

    async def _taken(self) -> Reply:
        own = self.role.trust if self.role.prompt is None else self.role.trust.join(FROM_MODEL)
        self.sight = Sight.of(self.message, own, guarded=False)
        tools = await self._tools()
        acts = self.network.guarded and any(tool.acts for tool in tools.values())
        actor = await self.around.actor(self.message.run) if acts else ""
        self._mediator = Mediator(
            self.message,
            self.network,
            self.role,
            self.around.policy(self.network),
            self.around.clock,
            actor,
            self.around.decision,
        )
        self._caller = ToolCaller(
            self.message, self.network, self.role, self.journal, self._mediator, self.around.decision
        )
        if self.role.agent.calls is not None:
            return await self._call_only(tools[self.role.agent.calls])
        self.sight.guarded = acts
        if acts and self.role.trust.integrity is Integrity.UNTRUSTED:
            raise _NoAnswer(
                f"its instruction {self.role.source!r} has words in it that a stranger may have chosen, and its tools act"
            )
        return await self._converse(tools)

    async def _tools(self) -> Mapping[str, Tool]:
        try:
            found = await self.around.tools(self.network, self.role)
        except ToolFailed as failure:  # a server that does not start
            raise _NoAnswer(str(failure)) from failure
        held = {**found, **self.around.colleagues(self.network, self.role, self.message)}
        return {name: tool for name, tool in held.items() if self.role.may_use(name)}

    # --- an agent with a model ----------------------------------------------------------------------------------------

    async def _converse(self, tools: Mapping[str, Tool]) -> Reply:
        message = self.sight.message(self.message)
        history = self.sight.earlier(await self.around.history(self.role, self.message))
        exchanges: list[Exchange] = []
        limits, corrections = self.role.agent.limits, 0
        for number in range(1, limits.iterations + 1):
            said = await self._speak(number, message, history, exchanges, tools)
            spoken = said.spoken
            answer = None if spoken.calls else self._answer(spoken.text or "")
            if isinstance(answer, _Answer):
                return await self._say(number, answer, said)
            await self._keep(number, said)
            if answer is None:
                exchanges.append(Exchange(spoken.response, await self._use(number, spoken.calls, tools)))
                continue
            corrections += 1
            if corrections > limits.corrections:
                raise _NoAnswer(_told(answer.reason, limits.corrections))
            exchanges.append(Exchange(spoken.response, _correction(answer.reason)))
        raise _NoAnswer(f"it had no answer after {limits.iterations} rounds of its control loop")

    def _answer(self, text: str) -> "_Answer | Unusable":
        """What the agent's words come to, with the texts of its handles, and their labels."""
        written = spelled(self.role, text)
        if isinstance(written, Unusable):
            return written
        try:
            filled = self.sight.fill(written)
        except UnknownHandle as error:
            return Unusable(str(error))
        value = fitting(self.role, filled.value)
        if filled.label is None:
            return value if isinstance(value, Unusable) else _Answer(value, self.sight.label)
        if isinstance(value, Unusable):
            self.sight.sees(filled.label)  # that it does not fit says something of the text
            return Unusable("the answer does not fit its schema where it names texts that are kept from you")
        inner = None
        if isinstance(written, dict):
            own = self.sight.label
            inner = Inner(own, {key: self.sight.fill(item).label_from(own) for key, item in written.items()})
        return _Answer(value, filled.label_from(self.sight.label), inner)

    async def _speak(
        self,
        number: int,
        message: Message,
        history: Sequence[Earlier],
        exchanges: "Sequence[Exchange]",
        tools: Mapping[str, Tool],
    ) -> _Said:
        """What the model says next."""
        definitions = [_definition(tool) for tool in tools.values()]
        if self.sight.guarded:
            definitions += [_handling(name) for name in (EXTRACT, OPEN)]
        try:
            note = NOTE if self.sight.guarded else ""
            return await self._asked(
                f"m{number}",
                self.role,
                lambda: conversation(self.role, message, history, exchanges, note=note),
                definitions,
            )
        except (ModelError, TemplateError, TooLong) as error:
            raise _NoAnswer(str(error)) from error

    async def _asked(
        self,
        step: str,
        role: Role,
        messages: "Callable[[], Sequence[ModelMessage]]",
        tools: "Sequence[ToolDefinition]" = (),
    ) -> _Said:
        """What `role` says, or said when this step was taken before."""
        done = self.journal.done.get(step)
        if done is not None:
            return self._counted(_Said(read_back(done), done["attempts"], kept=True))
        met = self.journal.spent.met(self.network.bounds)
        if met is not None:
            raise _NoAnswer(met, ends=RunStatus.STOPPED)
        asked = await self.around.caller.ask(role, messages(), tools, seed=f"{self.message.id}.{step}")
        return self._counted(_Said(asked.spoken, asked.attempts, kept=False))

    async def _keep(self, number: int, said: _Said) -> None:
        await self._keep_as(f"m{number}", said)

    async def _keep_as(self, step: str, said: _Said) -> None:
        if not said.kept:
            spoken = said.spoken
            body, events = kept(spoken, said.attempts), [event_of(spoken, self.role)]
            await self.journal.keep(step, body, events=events, charge=charge_of(spoken))

    async def _say(self, number: int, answer: "_Answer", said: _Said) -> Reply:
        """Answers, in one step with the model's last words where nothing has to happen between the two."""
        agent, value = self.role.agent, answer.value
        asks = interceptor_for(
            self.network, "message", agent.name, agent.name, value if isinstance(value, dict) else {}
        )
        if said.kept or asks is not None or (agent.memory is not None and agent.memory.keeps):
            await self._keep(number, said)
            return await self._end(answer=await self._passed(answer, asks))
        return await self._end(answer=answer, events=[event_of(said.spoken, self.role)], charge=charge_of(said.spoken))

    async def _passed(self, answer: "_Answer", asks: Interceptor | None) -> "_Answer":
        """The answer as people let it go; what they write must fit the agent's schema, too. Raises Rejected."""
        if asks is None:
            return answer
        passed = await approved(
            asks,
            f"{self.message.id}.answer",
            "message",
            message=self.message,
            label=answer.label,
            facts={"agent": self.role.agent.name, "answer": answer.value},
            value=answer.value,
            decision=self.around.decision,
        )
        if passed is answer.value:
            return answer
        fits = value_of(self.role, as_said(passed))
        if isinstance(fits, Unusable):
            raise _NoAnswer(f"what a person wrote in its place can not be used: {fits.reason}")
        return _Answer(fits, answer.label)

    # --- tools --------------------------------------------------------------------------------------------------------

    async def _use(self, number: int, calls: "Sequence[ToolCallPart]", tools: Mapping[str, Tool]) -> "ModelRequest":
        """Does what the model asked for, one after another, and gives what it is told of that."""
        from pydantic_ai.messages import ModelRequest, ToolReturnPart

        told = []
        for position, call in enumerate(calls, start=1):
            step = f"t{number}-{position}"  # no dot: what is sent from here stands one level below this message
            try:
                result = await self._used(step, call, tools)
            except TurnStopped:
                raise
            except ToolFailed as failure:
                result = f"error: {failure}"
            told.append(ToolReturnPart(call.tool_name, result, tool_call_id=call.tool_call_id))
        return ModelRequest(parts=told)

    async def _used(self, step: str, call: "ToolCallPart", tools: Mapping[str, Tool]) -> Any:
        """What the agent is told of one call. Raises ToolFailed for one that was none."""
        name, arguments = call.tool_name, _arguments(call)
        if self.sight.guarded and name == EXTRACT:
            return await self._extract(step, Asked.read(arguments))
        if self.sight.guarded and name == OPEN:
            return await self._open(step, arguments)
        tool = tools.get(name)
        if tool is None:
            raise ToolFailed(f"there is no tool {name!r}; there are: {', '.join(tools) or 'none'}")
        sight = self.sight
        done = await self._call(step, tool, lambda: wanted(tool, arguments, sight), sight.label)
        label = TrustLabel.from_json(done["label"])
        if "failed" in done:
            return sight.text(f"error: {done['failed']}", label, f"a failure of {name}")
        fields = {path: TrustLabel.from_json(of) for path, of in done.get("fields", {}).items()}
        value = sight.shown(done["value"], label, fields, f"result of {name}")
        if sight.guarded or join_all([label, *fields.values()]).integrity is not Integrity.UNTRUSTED:
            return value
        return framed(as_said(value), name)

    async def _call(
        self, step: str, tool: Tool, wanting: Callable[[], Wanted], decided: TrustLabel
    ) -> Mapping[str, Any]:
        done = await self._caller.call(step, tool, wanting, decided)
        self.reply = replace(self.reply, tools=self.reply.tools + 1)
        return done

    async def _call_only(self, tool: Tool) -> Reply:
        """The turn of an agent without a model: what it reads is handed over, each piece with its own label."""
        reads = self.role.agent.reads
        parts = [part for part in self.message.parts if part.kind is PartKind.DATA and part.name in reads]
        try:
            done = await self._call("t1-1", tool, lambda: carried(tool, parts), self.sight.label)
        except TurnStopped:
            raise
        fields = {path: TrustLabel.from_json(of) for path, of in done.get("fields", {}).items()}
        label = join_all([self.message.label, TrustLabel.from_json(done["label"]), *fields.values()])
        self.sight.sees(label)
        if "failed" in done:
            raise _NoAnswer(done["failed"])
        value = done["value"]
        if self.role.output_schema is not None:
            fits = value_of(self.role, as_said(value))
            if isinstance(fits, Unusable):
                raise _NoAnswer(fits.reason)
            value = fits
        return await self._end(answer=_Answer(value, label))

    # --- handles ------------------------------------------------------------------------------------------------------

    async def _extract(self, step: str, asked: Asked) -> Any:
        """Fields that a reader made of a text: each behind a handle, but for those that policies endorse."""
        text, label = self._behind(asked.handle)
        done = self.journal.done.get(step)
        if done is None:
            values = asked.values(await self._read(step, asked, text))
            endorsed = [] if self.sight.label.integrity is Integrity.UNTRUSTED else self._endorsed(asked, label)
            done = {"values": values, "endorsed": endorsed}
            events = [
                Event("label.endorsed", facts_to_json(facts, ruling), subject=f"{self.message.id}.{step}")
                for facts, ruling in self._rulings(asked, label)
                if facts.field in endorsed
            ]
            await self.journal.keep(step, done, events=events)
        whole, raises = label.join(self.sight.label), set(done["endorsed"])
        labels = {one: raised(whole) if one in raises else whole for one in done["values"]}
        name = self.sight.handles.hide_fields(
            {one: (value, labels[one]) for one, value in done["values"].items()}, asked.handle
        )
        if raises:
            self.sight.sees(raised(whole))
        return {one: value if one in raises else f"{name}.{one}" for one, value in done["values"].items()}

    async def _read(self, step: str, asked: Asked, text: str) -> Any:
        """What the reader makes of the text; nothing, when it has no answer that is JSON."""
        reader = asked.reader(self.role, text)
        try:
            said = await self._asked(f"{step}.m1", reader, lambda: _messages_of(reader))
        except ModelError:
            return None
        await self._keep_as(f"{step}.m1", said)
        found = spelled(reader, said.spoken.text or "")
        return None if isinstance(found, Unusable) else found

    def _rulings(self, asked: Asked, label: TrustLabel) -> list[tuple[EndorseFacts, Ruling]]:
        policy = self.around.policy(self.network)
        every = asked.endorsable(self.network, self.role, self._mediator.actor, label)
        return [(facts, policy.endorse(facts)) for facts in every]

    def _endorsed(self, asked: Asked, label: TrustLabel) -> list[str]:
        return [facts.field for facts, ruling in self._rulings(asked, label) if endorses(facts, ruling)]

    async def _open(self, step: str, arguments: Mapping[str, Any]) -> Any:
        """A text that was kept from the agent. From here on its words are worth what the text is."""
        text, label = self._behind(str(arguments.get("handle", "")))
        if step not in self.journal.done:
            data = {"agent": self.role.agent.name, "label": label.to_json()}
            await self.journal.keep(step, {}, events=[Event("label.opened", data, subject=f"{self.message.id}.{step}")])
        self.sight.sees(label)
        return framed(text, "opened")

    def _behind(self, written: str) -> tuple[str, TrustLabel]:
        """The text behind the handles that are written there. Raises ToolFailed."""
        try:
            filled = self.sight.fill(written.replace(",", " ").split())
        except UnknownHandle as error:
            raise ToolFailed(str(error)) from error
        if filled.label is None:
            raise ToolFailed(f"{written!r} names no text that is kept from you")
        return "\n\n".join(map(as_said, filled.value)), filled.label

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _end(
        self,
        *,
        answer: "_Answer | None" = None,
        problem: str | None = None,
        events: Sequence[Event] = (),
        charge: Charge | None = None,
    ) -> Reply:
        found = answer or _Answer(None, self.sight.label.join(self.message.label))
        if answer is not None:
            found, endorsed = await self._endorsed_answer(answer)
            events = [*events, *endorsed]
        if problem is None:
            await self._remember(found.value, found.label)
        self.reply = replace(self.reply, value=found.value, problem=problem, label=found.label, inner=found.inner)
        answered = Event(
            "message.answered" if problem is None else "message.buried",
            {"agent": self.role.agent.name, "label": found.label.to_json()},
        )
        await self.journal.answer(self.message, self.reply, events=[*events, answered], charge=charge)
        return self.reply

    async def _endorsed_answer(self, answer: "_Answer") -> "tuple[_Answer, list[Event]]":
        """The answer of an agent that reads strangers' words and cannot act, with those of its fields raised whose type is
        closed by its schema, and which policies endorse by name.
        """
        schema = self.role.output_schema
        label = answer.label
        if self.sight.guarded or not self.network.guarded or schema is None:
            return answer, []
        if self.role.prompt is None or label.integrity is not Integrity.UNTRUSTED:
            return answer, []
        specs = closed_fields(schema, self.role.agent.writes, answer.value)
        if not specs:
            return answer, []
        actor, policy = await self.around.actor(self.message.run), self.around.policy(self.network)
        fields, events = dict[str, TrustLabel](), list[Event]()
        for path, spec in specs.items():
            facts = EndorseFacts(
                self.network.name, self.role.agent.name, actor, spec.name, spec.type.value, label, spec.bound
            )
            ruling = policy.endorse(facts)
            if endorses(facts, ruling):
                fields[path] = raised(label)
                events.append(Event("label.endorsed", facts_to_json(facts, ruling)))
        if not fields:
            return answer, []
        if "" in fields or fields.keys() >= set(answer.value):
            return _Answer(answer.value, raised(label)), events
        # The shape is the schema's; what is not endorsed stays what it is.
        inner = Inner(raised(label), {key: fields.get(key, label) for key in answer.value})
        return _Answer(answer.value, label, inner), events

    async def _remember(self, value: Any, label: TrustLabel) -> None:
        # Before the answer, which ends the turn: one that is cut off in between is taken up again, and remembers only once.
        recall = self.role.agent.memory
        if recall is None:
            return
        values = {part.name: (part.value, part.label.join(label)) for part in self.message.parts}
        values[self.role.agent.writes] = (value, label)
        for name in recall.keeps:
            said, of = values.get(name, ("", label))
            if text := as_said(said).strip():
                await self.around.remember(recall.scope, text, f"{self.message.id}/{name}", of)

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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an agent answers: the value, the label of all of it, and those of its pieces where some are worth more."""

    value: Any
    label: TrustLabel
    inner: Inner | None = None


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


def _messages_of(reader: Role) -> "Sequence[ModelMessage]":
    from stemma.models.conversation import conversation_of

    assert reader.prompt is not None
    return conversation_of(reader.prompt.instructions, reader.prompt.user or "")


def _handling(name: str) -> "ToolDefinition":
    from pydantic_ai.tools import ToolDefinition

    return ToolDefinition(name=name, parameters_json_schema=dict(PARAMETERS[name]), description=ABOUT[name])


def _definition(tool: Tool) -> "ToolDefinition":
    from pydantic_ai.tools import ToolDefinition

    return ToolDefinition(name=tool.name, parameters_json_schema=dict(tool.parameters), description=tool.description)
