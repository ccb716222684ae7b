"""Tools: what agents can do beyond answering. Every call is a durable step with an event of its own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stemma.core.errors import StemmaError
from stemma.core.trust import UNTRUSTED, TrustLabel
from stemma.network.run import RunStatus
from stemma.network.wire import Label


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
    """The join of everything that the agent has read in this turn."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a call returned, with a label of its own in place of the tool's: it hands on what others wrote."""

    value: Any
    label: Label


@dataclass(frozen=True)
class Tool:
    """A function that a model may call with `arguments` that fit the JSON schema `parameters`.

    `label` is that of the results' authors. `idempotent` says that a repeated call with the same key has no further
    effect; a call with an effect that is not, and was cut off by a crash, is never made again by itself. `timeout` is
    in seconds.
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

    @property
    def may_repeat(self) -> bool:
        """Whether a call whose end is unknown may be made again."""
        return self.effect is Effect.READ or self.idempotent

    @cached_property
    def schema(self) -> Any:
        """The validator of `parameters`: making it takes as long as using it."""
        from jsonschema import Draft202012Validator  # 50 ms to import, and few agents call tools
        from jsonschema.validators import validator_for
        from referencing import Registry

        # An empty registry: left to itself, the validator would fetch a schema's remote references.
        return validator_for(self.parameters, default=Draft202012Validator)(self.parameters, registry=Registry())


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

    def over(self, tool: Tool) -> Tool:
        """`tool` with what the manifest says in the place of what the tool says of itself. It holds for every tool of a set."""
        return replace(
            tool,
            effect=tool.effect if self.effect is None else self.effect,
            label=tool.label if self.label is None else self.label,
            idempotent=tool.idempotent if self.idempotent is None else self.idempotent,
            timeout=tool.timeout if self.timeout is None else self.timeout,
        )
