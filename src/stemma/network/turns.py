"""Taking a turn: an agent's control loop, from the message it got to the answer it gives.

The model is asked; what it wants to know or do is done through tools, and told to it; so on until it answers. Each of
these is a step of the journal, written before the next begins, so that a turn that is cut off goes on after the last
one. A step whose end is not known is done again, unless it is a call of a tool with an effect that may not be repeated:
then a person is asked what happened. What the agent gets to see of all that, and what its words are worth then, is up to
`quarantine`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stemma.core.errors import ModelError, TemplateError
from stemma.core.frames import framed
from stemma.core.trust import Integrity, TrustLabel, join_all
from stemma.guard.access import agent_id
from stemma.network.answers import Answer, answer_of, endorsed_answer
from stemma.network.claiming import Delivery
from stemma.network.conversation import Earlier, Exchange, arguments_of, conversation, correction, definition
from stemma.network.endorser import Endorser
from stemma.network.handling import Handling
from stemma.network.interception import Rejected, approved, interceptor_for
from stemma.network.journal import Charge, Event, Journal
from stemma.network.mediation import Mediator
from stemma.network.message import Message, PartKind
from stemma.network.network import Network, Role
from stemma.network.people import Interceptor
from stemma.network.quarantine import NOTE, Sight
from stemma.network.reader import EXTRACT, OPEN
from stemma.network.run import RunStatus
from stemma.network.speaker import Said, Speaker
from stemma.network.state.window import TooLong
from stemma.network.surroundings import Surroundings
from stemma.network.toolcaller import ToolCaller
from stemma.network.tools.tool import Tool, ToolFailed, TurnStopped
from stemma.network.turn import FROM_MODEL, NoAnswer, Reply, Unusable, as_said, fitting, value_of
from stemma.network.wanted import Wanted, carried, wanted

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.messages import ModelRequest, ToolCallPart
    from pydantic_ai.tools import ToolDefinition

_A_TEXT = {"pattern": r"\S"}
"""What a person may write in the place of an answer without a schema: anything but nothing."""


@dataclass
class Turn:
    """One turn. `take` brings it to its end; what it has read labels what it says."""

    delivery: Delivery
    network: Network
    role: Role
    journal: Journal
    around: Surroundings
    sight: Sight = field(init=False)
    _speaker: Speaker = field(init=False)
    _caller: ToolCaller = field(init=False)
    _endorser: Endorser = field(init=False)
    _calls: int = 0

    def __post_init__(self) -> None:
        own = self.role.trust if self.role.prompt is None else self.role.trust.join(FROM_MODEL)
        self.sight = Sight.of(self.message, own, guarded=False)
        self._speaker = Speaker(self.message, self.network, self.journal, self.around.caller)

    @property
    def message(self) -> Message:
        return self.delivery.message

    async def take(self) -> Reply:
        """The reply, written down. Raises Superseded when the message is taken out of this process's hands."""
        try:
            return await self._taken()
        except NoAnswer as problem:
            return await self._fail(problem.reason, ends=problem.ends)
        except TurnStopped as stopped:
            return await self._fail(str(stopped), ends=stopped.ends)
        except Rejected as rejected:
            return await self._fail(rejected.reason, ends=RunStatus.FAILED if rejected.fails else None)

    async def _taken(self) -> Reply:
        tools = await self._tools()
        acts = self.network.guarded and any(tool.acts for tool in tools.values())
        self._endorser = await self._who_asks(tools)
        around, shield = self.around, self.around.shield(self.network)
        mediator = Mediator(
            self.message, self.network, self.role, self._endorser, around.clock, shield, around.decision, self._permit
        )
        self._caller = ToolCaller(
            self.message, self.network, self.role, self.journal, mediator, shield, around.decision, around.in_thread
        )
        if self.role.agent.calls is not None:
            return await self._call_only(tools[self.role.agent.calls])
        self.sight.guarded = acts
        if acts and self.role.trust.integrity is Integrity.UNTRUSTED:
            if "refused" not in self.journal.done:
                data = {"agent": self.role.agent.name, "label": self.role.trust.to_json()}
                await self.journal.keep("refused", {}, events=[Event("instruction.refused", data)])
            raise NoAnswer(
                f"its instruction {self.role.source!r} has words in it that a stranger may have chosen, and its tools act"
            )
        return await self._converse(tools)

    @property
    def _id(self) -> str:
        return agent_id(self.network.name, self.role.agent.name)

    async def _permit(self, tool: Tool) -> None:
        await self.around.permit(self._id, f"tools:/{self.network.name}/{tool.name}")

    async def _who_asks(self, tools: Mapping[str, Tool]) -> Endorser:
        """Who asks the policies in this turn. Only where they are asked it has to be known for whom."""
        asks = self.network.guarded and (bool(tools) or self.role.output_schema is not None)
        actor = await self.around.actor(self.message.run) if asks else ""
        return Endorser(self.network.name, self.around.policy(self.network), actor)

    async def _tools(self) -> Mapping[str, Tool]:
        try:
            found = await self.around.tools(self.network, self.role)
        except ToolFailed as failure:  # a server that does not start
            raise NoAnswer(str(failure)) from failure
        held = {**found, **self.around.colleagues(self.network, self.role, self.message)}
        return {name: tool for name, tool in held.items() if self.role.may_use(name)}

    # --- an agent with a model ----------------------------------------------------------------------------------------

    async def _converse(self, tools: Mapping[str, Tool]) -> Reply:
        message = self.sight.message(self.message)
        history = self.sight.earlier(await self.around.history(self.role, self.message))
        handling = Handling(
            self.message, self.role, self.sight, self.journal, self._speaker, self._endorser, self._caller.mediator
        )
        definitions = [definition(tool) for tool in tools.values()]
        if self.sight.guarded:
            definitions += handling.definitions()
        exchanges: list[Exchange] = []
        limits, corrections = self.role.agent.limits, 0
        for number in range(1, limits.iterations + 1):
            said = await self._speak(number, message, history, exchanges, definitions)
            spoken = said.spoken
            answer = None if spoken.calls else answer_of(self.role, self.sight, spoken.text or "")
            if isinstance(answer, Answer):
                return await self._say(answer, said)
            await self._speaker.keep(said)
            if answer is None:
                told = await self._use(number, spoken.calls, tools, handling)
                exchanges.append(Exchange(spoken.response, told))
                continue
            corrections += 1
            if corrections > limits.corrections:
                raise NoAnswer(_told(answer.reason, limits.corrections))
            exchanges.append(Exchange(spoken.response, correction(answer.reason)))
        raise NoAnswer(f"it had no answer after {limits.iterations} rounds of its control loop")

    async def _speak(
        self,
        number: int,
        message: Message,
        history: Sequence[Earlier],
        exchanges: "Sequence[Exchange]",
        tools: "Sequence[ToolDefinition]",
    ) -> Said:
        """What the model says next."""
        note = NOTE if self.sight.guarded else ""
        try:
            return await self._speaker.ask(
                f"m{number}",
                self.role,
                lambda: conversation(self.role, message, history, exchanges, note=note),
                tools,
            )
        except (ModelError, TemplateError, TooLong) as error:
            raise NoAnswer(str(error)) from error

    async def _say(self, answer: Answer, said: Said) -> Reply:
        """Answers, in one step with the model's last words where nothing has to happen between the two."""
        agent, value = self.role.agent, answer.value
        asks = interceptor_for(
            self.network, "message", agent.name, agent.name, value if isinstance(value, dict) else {}
        )
        if said.kept or asks is not None or (agent.memory is not None and agent.memory.keeps):
            await self._speaker.keep(said)
            return await self._answer(await self._passed(answer, asks))
        return await self._answer(answer, events=[said.event], charge=said.charge)

    async def _passed(self, answer: Answer, asks: Interceptor | None) -> Answer:
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
            takes=_A_TEXT if self.role.output_schema is None else self.role.output_schema,
            decision=self.around.decision,
        )
        if passed is answer.value:
            return answer
        # Its JSON is the value, whatever that is: of a text that the schema asks for, too.
        fits = value_of(self.role, as_said(passed)) if self.role.output_schema is None else fitting(self.role, passed)
        if isinstance(fits, Unusable):
            raise NoAnswer(f"what a person wrote in its place can not be used: {fits.reason}")
        return Answer(fits, answer.label)

    # --- tools --------------------------------------------------------------------------------------------------------

    async def _use(
        self, number: int, calls: "Sequence[ToolCallPart]", tools: Mapping[str, Tool], handling: Handling
    ) -> "ModelRequest":
        """Does what the model asked for, one after another, and gives what it is told of that."""
        from pydantic_ai.messages import ModelRequest, ToolReturnPart

        told = []
        for position, call in enumerate(calls, start=1):
            step = f"t{number}-{position}"  # no dot: what is sent from here stands one level below this message
            try:
                result = await self._used(step, call, tools, handling)
            except TurnStopped:
                raise
            except ToolFailed as failure:
                result = f"error: {failure}"
            told.append(ToolReturnPart(call.tool_name, result, tool_call_id=call.tool_call_id))
        return ModelRequest(parts=told)

    async def _used(self, step: str, call: "ToolCallPart", tools: Mapping[str, Tool], handling: Handling) -> Any:
        """What the agent is told of one call. Raises ToolFailed for one that was none."""
        name, arguments = call.tool_name, arguments_of(call)
        if self.sight.guarded and name in (EXTRACT, OPEN):
            return await handling.use(step, name, arguments)
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
        if self.network.guarded and tool.acts and not tool.labelled and await self.around.late(self.message.run):
            # A stranger who keeps one agent waiting chooses what the others see: an answer, or that there is none.
            decided = replace(decided, integrity=Integrity.UNTRUSTED)
        done = await self._caller.call(step, tool, wanting, decided)
        self._calls += 1
        return done

    async def _call_only(self, tool: Tool) -> Reply:
        """The turn of an agent without a model: what it reads is handed over, each piece with its own label."""
        reads = self.role.agent.reads
        parts = [part for part in self.message.parts if part.kind is PartKind.DATA and part.name in reads]
        done = await self._call("t1-1", tool, lambda: carried(tool, parts), self.sight.label)
        fields = {path: TrustLabel.from_json(of) for path, of in done.get("fields", {}).items()}
        label = join_all([self.message.label, TrustLabel.from_json(done["label"]), *fields.values()])
        self.sight.sees(label)
        if "failed" in done:
            raise NoAnswer(done["failed"])
        value = done["value"]
        if self.role.output_schema is not None:
            fits = value_of(self.role, as_said(value))
            if isinstance(fits, Unusable):
                raise NoAnswer(fits.reason)
            value = fits
        return await self._answer(Answer(value, label))

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _answer(self, answer: Answer, *, events: Sequence[Event] = (), charge: Charge | None = None) -> Reply:
        schema, subject = self.role.output_schema, self.message.id
        if schema is not None and self.role.prompt is not None and self.network.guarded and not self.sight.guarded:
            agent = self.role.agent
            answer, endorsed = endorsed_answer(answer, agent.name, schema, agent.writes, self._endorser, subject)
            events = [*events, *endorsed]
        await self._remember(answer.value, answer.label)
        reply = replace(self._counts, value=answer.value, label=answer.label, inner=answer.inner)
        return await self._end(reply, "message.answered", events=events, charge=charge)

    async def _fail(self, reason: str, *, ends: RunStatus | None) -> Reply:
        label = self.sight.label.join(self.message.label)
        return await self._end(replace(self._counts, problem=reason, ends=ends, label=label), "message.buried")

    @property
    def _counts(self) -> Reply:
        return replace(self._speaker.counts, tools=self._calls)

    async def _end(
        self, reply: Reply, kind: str, *, events: Sequence[Event] = (), charge: Charge | None = None
    ) -> Reply:
        assert reply.label is not None
        ended = Event(kind, {"agent": self.role.agent.name, "label": reply.label.to_json()})
        await self.journal.answer(self.message, reply, events=[*events, ended], charge=charge)
        return reply

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
                await self.around.remember(self._id, recall.scope, text, f"{self.message.id}/{name}", of)


def _told(reason: str, times: int) -> str:
    return f"{reason} (it was told so {times} time{'' if times == 1 else 's'})" if times else reason
