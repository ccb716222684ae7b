"""Tools: what agents can do beyond answering. Every call is a durable step with an event of its own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stemma.core.errors import StemmaError
from stemma.core.trust import UNTRUSTED, Confidentiality, TrustLabel
from stemma.guard.ruling import Clearance
from stemma.network.run import RunStatus
from stemma.network.tools.schema import ArgumentSchema
from stemma.network.wire import Cleared, Label


class Effect(StrEnum):
    """What a call leaves behind."""

    READ = "read"  # nothing; may be called again freely
    WRITE = "write"  # changes something of ours
    EGRESS = "egress"  # sends something out
    SPEND = "spend"  # costs money


class ToolFailed(StemmaError):
    """A call that came to nothing. Its message is told to the model, which may try otherwise.

    The message may quote what the tool was told from outside: it carries the tool's label, as a result does, or the one
    given here.
    """

    def __init__(self, reason: str, *, label: TrustLabel | None = None) -> None:
        self.label = label
        super().__init__(reason)


class TurnStopped(ToolFailed):
    """The call can not be made without an end to the whole task, which the turn ends with; a bound of the task is met, say."""

    def __init__(self, reason: str, *, ends: RunStatus = RunStatus.STOPPED) -> None:
        self.ends = ends
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as a tool sees it.

    `key` is the same however often the call is made again after a crash: hand it on as an idempotency key. `folder` is
    the network's own.
    """

    key: str
    run: str
    agent: str
    folder: Path
    label: Label = UNTRUSTED
    """The join of everything that the agent has seen in this turn, and of all text in the arguments."""
    decided: Label = UNTRUSTED
    """The label of what decided that the call is made."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a call returned, with labels of its own in place of the tool's: it hands on what others wrote."""

    value: Any
    label: Label
    fields: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True)
class Tool:
    """A function that a model may call with `arguments` that fit the JSON schema `parameters`.

    `label` is that of the results' authors, `fields` that of those parts of them which others wrote, by path
    (``[].subject``). `sensitive` are the arguments that decide what happens: None for all of a tool with an effect, and
    none of one that reads. `clearance` is how confidential a text it may be handed: None for any, but for a tool that
    sends out or spends, which gets `Clearance()`. `labelled` is a tool that passes on the labels of what it is handed:
    nothing leaves through it. `idempotent` says that a repeated call with the same key has no further effect; a call with
    an effect that is not, and was cut off by a crash, is never made again by itself. `timeout` is in seconds.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    invoke: Callable[[Mapping[str, Any], Call], Awaitable[Any]]
    """Called through `invoking.invoke`, which checks the arguments, keeps the time, and makes JSON of what comes back.

    Raises ToolFailed for what the model should hear of.
    """
    effect: Effect
    label: Label
    idempotent: bool = False
    timeout: float = 30.0
    fields: Mapping[str, Label] = field(default_factory=dict)
    sensitive: tuple[str, ...] | None = None
    clearance: Cleared | None = None
    labelled: bool = False

    @property
    def decisive(self) -> tuple[str, ...]:
        """The arguments that decide what happens."""
        if self.sensitive is not None:
            return self.sensitive
        return () if self.effect is Effect.READ else tuple(self.parameters.get("properties", ()))

    @property
    def acts(self) -> bool:
        """Whether an agent that holds it can do something in the world, if only by what it asks for."""
        return not self.labelled and (self.effect is not Effect.READ or bool(self.decisive))

    def cleared_for(self, handed: TrustLabel) -> Clearance:
        """What it may be handed; for a tool that keeps what it gets, whatever that is."""
        if self.clearance is not None:
            return self.clearance
        if self.effect in (Effect.EGRESS, Effect.SPEND):
            return Clearance()
        return Clearance(Confidentiality.SECRET, handed.categories)

    @property
    def may_repeat(self) -> bool:
        """Whether a call whose end is unknown may be made again."""
        return self.effect is Effect.READ or self.idempotent

    @cached_property
    def schema(self) -> ArgumentSchema:
        """What `parameters` say, to be held against arguments."""
        return ArgumentSchema(self.parameters)


ToolKind: TypeAlias = Literal["python", "files", "http", "mcp", "code"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """An entry under `tools` of the manifest: one tool, or a set of them, whose names then begin with `name` and ``_``.

    `options` are the kind's own: the fields of `FunctionOptions`, `FileOptions`, `HttpOptions`, `McpOptions` or
    `CodeOptions`. What is None is left to the kind.
    """

    name: str
    kind: ToolKind
    options: Mapping[str, Any] = field(default_factory=dict)
    effect: Effect | None = None
    label: Label | None = None
    idempotent: bool | None = None
    timeout: float | None = None
    fields: Mapping[str, Label] | None = None
    sensitive: tuple[str, ...] | None = None
    clearance: Cleared | None = None

    def over(self, tool: Tool) -> Tool:
        """`tool` with what the manifest says in the place of what the tool says of itself. It holds for every tool of a set."""
        return replace(
            tool,
            effect=tool.effect if self.effect is None else self.effect,
            label=tool.label if self.label is None else self.label,
            idempotent=tool.idempotent if self.idempotent is None else self.idempotent,
            timeout=tool.timeout if self.timeout is None else self.timeout,
            fields=tool.fields if self.fields is None else self.fields,
            sensitive=tool.sensitive if self.sensitive is None else self.sensitive,
            clearance=tool.clearance if self.clearance is None else self.clearance,
        )
