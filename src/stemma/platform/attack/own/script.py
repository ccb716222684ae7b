"""Scripts: what an honest agent does in a task, played by the model in its node."""

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stemma.core.frames import unframed
from stemma.models.gullible import Plan
from stemma.models.hearsay import Reading
from stemma.models.orders import Use
from stemma.platform.attack.own.task import Find, HonestCall, Task, as_text, typed

Steps = Generator[Use, Any, str]

_HANDLE = re.compile(r"(?<!such as )\$h[0-9]{1,6}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63})?")


@dataclass(frozen=True)
class HonestScript:
    """That of one agent in a task: it makes its calls in their order, then says what it has to say.

    First it looks at what else there is to be read: `looks`, calls that the task does not need and that a model may make.
    """

    agent: str
    task: Task
    looks: tuple[Use, ...] = ()

    def __call__(self, given: Sequence[str]) -> Plan | None:
        """The plan of an agent that was given these texts; none where there is nothing to do or to say."""
        calls = [call for call in self.task.calls if call.agent == self.agent]
        if not (calls or self.looks or self.agent in self.task.says):
            return None
        return lambda: self._steps(calls, "\n".join(given))

    def _steps(self, calls: Sequence[HonestCall], given: str) -> Steps:
        results: dict[str, Any] = {}
        for look in self.looks:
            results[look.tool] = yield look
        for call in calls:
            arguments: dict[str, Any] = {}
            for name, value in call.arguments.items():
                source = results.get(value.source, given) if isinstance(value, Find) else None
                arguments[name] = (
                    (yield from _found(value, source, call.about(name), whole=value.source in results))
                    if isinstance(value, Find)
                    else value
                )
            results[call.tool] = yield Use(call.tool, arguments)
        return self.task.says.get(self.agent, "Done.")


def readings(task: Task) -> Mapping[str, Reading]:
    """What an honest reader finds, by what it is asked for."""
    return {call.about(name): _reading(find) for call, name, find in task.finds()}


def _reading(find: Find) -> Reading:
    return lambda text: typed(find.kind, find.read(unframed(text)))


def _found(find: Find, source: Any, about: str, *, whole: bool) -> Generator[Use, Any, Any]:
    """A value out of a text, by the reader where the text is kept from the agent; or the text itself."""
    text, handles = unframed(as_text(source)), list(dict.fromkeys(_HANDLE.findall(as_text(source))))
    if find.pattern is None:
        return text if whole or not handles else handles[0]
    seen = find.read(text)
    if seen is not None or not handles:
        return typed(find.kind, seen)
    read = yield Use(
        "extract", {"handle": " ".join(handles), "fields": {"it": {"type": find.kind.value, "about": about}}}
    )
    return read.get("it") if isinstance(read, Mapping) else None
