"""The agent: a node of a network, as its manifest describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stemma.network.wire import Label


@dataclass(frozen=True, slots=True)
class Limits:
    """What one turn of an agent may take.

    `timeout` is seconds of waiting for one answer of the model; `attempts` counts asking again when the provider is not
    available; `max_input_chars` is the longest conversation, instructions and data together, that is sent; `iterations`
    the model calls of the control loop; `corrections` how often an answer that breaks its schema may be tried again;
    `max_result_chars` the longest result of a tool that is passed on. `deadline` is the seconds in which a message has
    to be answered, from its sending on; None leaves that to the other limits.
    """

    timeout: float = 60.0
    attempts: int = 3
    max_input_chars: int = 100_000
    iterations: int = 8
    corrections: int = 2
    max_result_chars: int = 20_000
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A folder of documents that is searched for the agent; the best `top` passages become its data part `context`.

    The words searched for are the values of `query`. `label` is that of the documents' authors.
    """

    folder: str
    top: int
    query: tuple[str, ...]
    label: Label


@dataclass(frozen=True, slots=True)
class Recall:
    """What the agent remembers across tasks: the `top` nearest memories of `scope` become its data part `memory`.

    Nearness is to the values of `query`. With `keeps`, the values that are remembered once the agent has answered.
    """

    scope: str
    top: int
    query: tuple[str, ...]
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when each named value, as text without case and surrounding space, is the one given.

    `otherwise` is what a person who takes the task over is told.
    """

    expected: Mapping[str, str]
    otherwise: str = ""

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(
            str(values[name]).strip().casefold() == text.strip().casefold() for name, text in self.expected.items()
        )


@dataclass(frozen=True, slots=True)
class Agent:
    """A node: what it acts by, what it reads and writes, what it may use.

    `prompt` is a registry reference or the path of a prompt file beside the manifest. An agent that `calls` a tool has
    none and asks no model: its turn is one call of that tool, with the values it reads as arguments. `model` may name
    several models, separated by commas: each stands in for the one before it when that one's provider fails. `settings`
    are the model's, on top of the prompt's, by model name. `capabilities` say what it can do, for routing and for
    orchestrators. `replicas` is how many of its messages are worked on at once, wherever; none means as many as there
    are workers for. `history` is how many of its own earlier turns in the same task it sees again. `optional` are those
    of `reads` that may not be known yet when it is asked: they are then an empty text. `asks` are the agents whom it may
    ask in the middle of its turn, `publishes` the topics it may post to.
    """

    name: str
    prompt: str | None
    model: str
    reads: tuple[str, ...]
    writes: str
    output_schema: Mapping[str, Any] | None = None
    knowledge: Knowledge | None = None
    when: Condition | None = None
    limits: Limits = field(default_factory=Limits)
    calls: str | None = None
    tools: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    replicas: int | None = None
    memory: Recall | None = None
    history: int = 0
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The model, and those that stand in for it, in order. None for an agent that only calls a tool."""
        return () if self.calls else tuple(name.strip() for name in self.model.split(","))
