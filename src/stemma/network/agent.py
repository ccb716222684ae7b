"""The agent: a node of a network, as its manifest describes it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from stemma.core.digests import thaw
from stemma.core.errors import InvalidInput
from stemma.core.trust import TrustLabel


@dataclass(frozen=True, slots=True)
class Limits:
    """What one turn of an agent may take.

    `timeout` is seconds of waiting for one answer; `attempts` counts asking again when the provider is not available;
    `max_input_chars` is the longest prompt, instructions and data together, that is sent.
    """

    timeout: float = 60.0
    attempts: int = 3
    max_input_chars: int = 100_000


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A folder of documents that is searched for the agent; the best `top` passages become its data part `context`.

    The words searched for are the values of `query`. `label` is that of the documents' authors.
    """

    folder: str
    top: int
    query: tuple[str, ...]
    label: TrustLabel


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when each named value, as text without case and surrounding space, is the one given.

    `otherwise` is what a person who takes the task over is told.
    """

    expected: Mapping[str, str]
    otherwise: str

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(
            str(values[name]).strip().casefold() == text.strip().casefold() for name, text in self.expected.items()
        )


@dataclass(frozen=True, slots=True)
class Agent:
    """`prompt` is a registry reference or the path of a prompt file beside the manifest; `writes` names its answer."""

    name: str
    prompt: str
    model: str
    reads: tuple[str, ...]
    writes: str
    output_schema: Mapping[str, Any] | None = None
    knowledge: Knowledge | None = None
    when: Condition | None = None
    limits: Limits = field(default_factory=Limits)

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "name": self.name,
            "prompt": self.prompt,
            "model": self.model,
            "reads": list(self.reads),
            "writes": self.writes,
            "limits": asdict(self.limits),
        }
        if self.output_schema is not None:
            content["output_schema"] = thaw(self.output_schema)
        if self.knowledge is not None:
            content["knowledge"] = {
                "folder": self.knowledge.folder,
                "top": self.knowledge.top,
                "query": list(self.knowledge.query),
                "label": self.knowledge.label.to_json(),
            }
        if self.when is not None:
            content["when"] = {"expected": dict(self.when.expected), "otherwise": self.when.otherwise}
        return content

    @classmethod
    def from_json(cls, content: Any) -> "Agent":
        """The agent that `to_json` wrote. Raises InvalidInput."""
        try:
            known, when = content.get("knowledge"), content.get("when")
            return cls(
                content["name"],
                content["prompt"],
                content["model"],
                tuple(content["reads"]),
                content["writes"],
                content.get("output_schema"),
                known
                and Knowledge(
                    known["folder"], known["top"], tuple(known["query"]), TrustLabel.from_json(known["label"])
                ),
                when and Condition(when["expected"], when["otherwise"]),
                Limits(**content["limits"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(f"{content!r} is not an agent") from error
