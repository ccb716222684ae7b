"""Runs: one item through a network, and a batch of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from stemma.core.errors import InvalidInput
from stemma.core.trust import TrustLabel
from stemma.network.bounds import Spent
from stemma.network.message import Message, MessageStatus


class RunStatus(StrEnum):
    """Where a run stands. All but the first two are final."""

    WAITING = "waiting"  # recorded, not begun
    RUNNING = "running"
    COMPLETED = "completed"
    HANDED_OVER = "handed_over"  # a condition of the manifest gave it to a person
    FAILED = "failed"  # an agent had no usable answer; the reason is kept
    STOPPED = "stopped"  # a bound of the network was met; what was known by then is kept
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in (RunStatus.WAITING, RunStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: every value its agents wrote, with its label, and the reason when it did not complete."""

    status: RunStatus
    values: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, TrustLabel] = field(default_factory=dict)
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "status": self.status.value,
            "values": dict(self.values),
            "labels": {name: label.to_json() for name, label in self.labels.items()},
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, content: Any) -> "Outcome":
        """The outcome that `to_json` wrote. Raises InvalidInput."""
        try:
            labels = {name: TrustLabel.from_json(label) for name, label in content["labels"].items()}
            return cls(RunStatus(content["status"]), content["values"], labels, content["reason"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"{content!r} is not the outcome of a run") from error


@dataclass(frozen=True, slots=True)
class Run:
    """One item of a batch on its way through a network. `item` counts from 1; `network` is the pinned manifest's digest."""

    id: str
    batch: str
    item: int
    name: str
    network: str
    request: Mapping[str, str]
    status: RunStatus
    outcome: Outcome | None
    actor: str
    created_at: str
    finished_at: str | None
    started_at: str | None = None
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message with what became of it; `answer` is absent while the recipient works, and for one that is not an agent."""

    message: Message
    sent_at: str
    answer: Mapping[str, Any] | None
    status: MessageStatus = MessageStatus.ANSWERED
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run and every message in it, in order."""

    run: Run
    messages: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Told after each run that ends: how many of the batch are done, and how many of those did not complete."""

    done: int
    total: int
    handed_over: int
    failed: int
    calls: int


Listener: TypeAlias = Callable[[RunProgress], None]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What `Networks.run` brings back: the runs in the order of their items.

    `resumed` counts the runs that an earlier process had begun; `calls` the model calls made by this one, each retry one.
    """

    batch: str
    runs: tuple[Run, ...]
    resumed: int
    calls: int
    seconds: float

    def count(self, status: RunStatus) -> int:
        return sum(run.status is status for run in self.runs)
