"""Turns as alarms see them: what each read and said, put together from messages and steps, in whatever task it was."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.alarms import SourceKind, Text, Turn
from stemma.network.manifest.names import ASK, CONTEXT, MEMORY, POSTED, QUESTION
from stemma.network.message import Message, Part, PartKind
from stemma.network.turn import as_said
from stemma.store.schema import memories, messages, runs, steps, workspace

_MOST = 1_000  # messages of one task that are looked at, the newest
_SHORTEST = 8  # characters of a text that is looked for inside others
_STEP = re.compile(r"t(\d+)-(\d+)")
_WRITER = re.compile(r"\((.+)\.t\d+-\d+\)")
_WORKSPACE = "workspace_get"


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the model wrote it."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """A message with the value that answered it, None while nothing has, and whether it is a dead letter."""

    message: Message
    answer: Any

    @property
    def said(self) -> str:
        return "" if self.answer is None else as_said(self.answer)

    @property
    def asker(self) -> str | None:
        """The message in whose turn it was sent, for one that no flow sent."""
        asked = any(part.kind is PartKind.DATA and part.name in (QUESTION, POSTED) for part in self.message.parts)
        return self.message.id.rpartition(".")[0] if asked else None


class TaskTurns:
    """The turns of one task. Steps are read when a turn is asked for; all at once by `load`."""

    def __init__(self, connection: Connection, run: str) -> None:
        self._connection = connection
        row = connection.execute(select(runs.c.name, runs.c.request, runs.c.status).where(runs.c.id == run)).one()
        self.run, self.network, self.status = run, row.name, row.status
        self.request: Mapping[str, str] = json.loads(row.request)
        query = select(messages.c.body, messages.c.answer).where(messages.c.run == run)
        found = connection.execute(query.order_by(messages.c.seq.desc()).limit(_MOST)).all()
        self.told = [
            Told(
                Message.from_json(json.loads(row.body)),
                None if row.answer is None else json.loads(row.answer).get("value"),
            )
            for row in reversed(found)
        ]
        self._steps: dict[str, dict[str, Any]] = {}

    @cached_property
    def places(self) -> Mapping[str, int]:
        return {told.message.id: place for place, told in enumerate(self.told)}

    def load(self) -> None:
        """Reads the steps of every turn."""
        self._steps = {told.message.id: {} for told in self.told}
        for row in self._connection.execute(select(steps).where(steps.c.subject.in_(list(self._steps)))):
            self._steps[row.subject][row.step] = json.loads(row.body)

    def turn(self, id: str) -> Turn:
        told = self.told[self.places[id]]
        read = [*self._parts(told), *self._results(told.message)]
        return Turn(id, told.message.sender, told.message.recipient, tuple(read), told.said or self._tried(id))

    def call(self, id: str, step: str) -> Call | None:
        """The call of that step of a turn; None when the model made none, as an agent without one."""
        named = _STEP.fullmatch(step)
        return None if named is None else self._call(self._steps_of(id), int(named[1]), int(named[2]))

    def extracted(self, id: str) -> list[Any]:
        """The values that a reader made of texts in a turn."""
        bodies = (body for body in self._steps_of(id).values() if isinstance(body, dict))
        return [value for body in bodies for value in (body.get("values") or {}).values() if value is not None]

    def _steps_of(self, id: str) -> Mapping[str, Any]:
        if id not in self._steps:
            found = self._connection.execute(select(steps.c.step, steps.c.body).where(steps.c.subject == id))
            self._steps[id] = {row.step: json.loads(row.body) for row in found}
        return self._steps[id]

    def _tried(self, id: str) -> str:
        """What a turn without an answer wanted to do."""
        called = [self.call(id, step) for step in self._steps_of(id) if _STEP.fullmatch(step)]
        return " ".join(as_said(one.arguments) for one in called if one is not None)

    # --- what it was sent ---------------------------------------------------------------------------------------------

    def _parts(self, told: Told) -> Iterator[Text]:
        for part in told.message.parts:
            if part.label.integrity is not Integrity.UNTRUSTED:
                continue
            if part.kind is PartKind.INSTRUCTION:
                yield Text(SourceKind.PEER, part.name, "", part.label, self._last_of(told))
            elif part.name == CONTEXT and isinstance(part.value, list):
                for one in part.value:
                    yield Text(
                        SourceKind.DOCUMENT, str(one["source"]), str(one["text"]), part.label, called=_called(part)
                    )
            elif part.name == MEMORY and isinstance(part.value, list):
                yield from self._remembered(part)
            else:
                yield self._part(part, told)

    def _part(self, part: Part, told: Told) -> Text:
        value = as_said(part.value)
        if self.request.get(part.name) == part.value:
            return Text(SourceKind.INPUT, part.name, value, part.label, called=_called(part))
        writer = told.asker if part.name in (QUESTION, POSTED) else self._writer(part.value, value, told)
        return Text(SourceKind.PEER, part.name, value, part.label, writer, _called(part))

    def _writer(self, value: Any, text: str, told: Told) -> str | None:
        """The message whose answer the value is, or stands in, or that stands in it; of several the last."""
        earlier = self.told[: self.places[told.message.id]]
        for one in reversed(earlier):
            if one.answer is not None and one.answer == value:
                return one.message.id
        for one in reversed(earlier):
            if min(len(text), len(one.said)) >= _SHORTEST and (text in one.said or one.said in text):
                return one.message.id
        return None

    def _last_of(self, told: Told) -> str | None:
        """The last answer of who sent a message, whose brief its instruction may hold."""
        earlier = reversed(self.told[: self.places[told.message.id]])
        return next((one.message.id for one in earlier if one.message.recipient == told.message.sender), None)

    def _remembered(self, part: Part) -> Iterator[Text]:
        query = select(memories.c.text, memories.c.source).where(memories.c.text.in_(part.value))
        # Whoever reads a text often remembers it again: it came from where it was written first.
        sources = {row.text: row.source for row in self._connection.execute(query.order_by(memories.c.id.desc()))}
        for text in part.value:
            message, _, name = sources.get(text, "").rpartition("/")
            yield Text(SourceKind.MEMORY, name or MEMORY, text, part.label, message or None, _called(part))

    # --- what its tools told ------------------------------------------------------------------------------------------

    def _results(self, message: Message) -> Iterator[Text]:
        kept = self._steps_of(message.id)
        for step in sorted((one for one in kept if _STEP.fullmatch(one)), key=_place):
            body = kept[step]
            if not isinstance(body, dict) or "label" not in body:
                continue
            labels = [TrustLabel.from_json(one) for one in (body["label"], *body.get("fields", {}).values())]
            label = min(labels, key=lambda one: one.integrity)
            if label.integrity is not Integrity.UNTRUSTED or "value" not in body:
                continue
            call = self.call(message.id, step) or Call(_calls(message), {})
            yield self._result(message, step, call, as_said(body["value"]), label)

    def _result(self, message: Message, step: str, call: Call, value: str, label: TrustLabel) -> Text:
        called = f"result of {call.tool}"
        if call.tool == ASK:
            begins = f"{message.id}.{step}-"
            asked = next((one for one in self.told if one.message.id.startswith(begins)), None)
            name = "answer" if asked is None else f"answer of {asked.message.recipient}"
            return Text(SourceKind.PEER, name, value, label, None if asked is None else asked.message.id, called)
        if call.tool == _WORKSPACE:
            key = str(call.arguments.get("key", ""))
            return Text(SourceKind.PEER, f"workspace {key}", value, label, self._who_wrote(key), called)
        return Text(SourceKind.TOOL, call.tool, value, label, called=called)

    def _who_wrote(self, key: str) -> str | None:
        """The message in whose turn the key of the workspace was written."""
        query = select(workspace.c.writer).where(workspace.c.run == self.run, workspace.c.key == key)
        found = _WRITER.search(self._connection.execute(query).scalar() or "")
        return found[1] if found else None

    def _call(self, kept: Mapping[str, Any], number: int, position: int) -> Call | None:
        parts = kept.get(f"m{number}", {}).get("response", {}).get("parts", [])
        calls = [part for part in parts if part.get("part_kind") == "tool-call"]
        if not 0 < position <= len(calls):
            return None
        made = calls[position - 1]
        return Call(made["tool_name"], _arguments(made.get("args")))


class Turns(Mapping[str, Turn]):
    """Every turn of the store by the id of its message: what was remembered leads into other tasks."""

    def __init__(self, connection: Connection, *tasks: TaskTurns) -> None:
        self._connection = connection
        self._tasks = {task.run: task for task in tasks}

    def task(self, run: str) -> TaskTurns:
        if run not in self._tasks:
            self._tasks[run] = TaskTurns(self._connection, run)
        return self._tasks[run]

    def __getitem__(self, id: str) -> Turn:
        run = next((task.run for task in self._tasks.values() if id in task.places), None)
        if run is None:
            run = self._connection.execute(select(messages.c.run).where(messages.c.id == id)).scalar()
        if run is None or id not in self.task(run).places:
            raise KeyError(id)
        return self.task(run).turn(id)

    def __iter__(self) -> Iterator[str]:
        return (id for task in self._tasks.values() for id in task.places)

    def __len__(self) -> int:
        return sum(len(task.places) for task in self._tasks.values())


def _called(part: Part) -> str:
    return f"data {part.name!r}"


def _place(step: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", step))


def _calls(message: Message) -> str:
    """The tool of an agent without a model."""
    persona = message.parts[0].value if message.parts else None
    return str(persona.get("calls", "a tool")) if isinstance(persona, dict) else "a tool"


def _arguments(written: Any) -> Mapping[str, Any]:
    if isinstance(written, str):
        try:
            written = json.loads(written)
        except ValueError:  # of a model that writes no JSON: its words are all there is
            written = {"text": written}
    return written if isinstance(written, dict) else {}


def words_of(values: Iterable[Any]) -> str:
    """Values as one text."""
    return " ".join(as_said(value) for value in values)
