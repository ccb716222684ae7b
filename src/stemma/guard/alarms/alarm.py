"""An alarm: what was noticed, where it came from, the way that it took, and what was stopped. Names and numbers, no texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stemma.core.digests import digest
from stemma.core.errors import InvalidInput
from stemma.core.trust import TrustLabel

NOTHING_STOPPED = "nothing: it went on"
"""What a sign stops, which is not proof enough to stop anything by."""


class Severity(StrEnum):
    """How soon somebody should look."""

    NOTICE = "notice"  # a sign that benign traffic gives, too
    WARNING = "warning"  # something that is rare where nobody attacks
    CRITICAL = "critical"  # an effect was stopped, or somebody may do more than before


class Kind(StrEnum):
    """What was noticed."""

    INSTRUCTION_REFUSED = (
        "instruction.refused"  # words that a stranger may have chosen were to instruct an agent that acts
    )
    CALL_DENIED = "call.denied"  # a call by untrusted words was not made
    APPROVAL_FLOOD = "approval.flood"  # a task asked people for more than its bound
    ENDORSEMENT_SPIKE = "endorsement.spike"  # a field was endorsed far more often than in the network's past
    AUTHORITY_WIDENING = "authority.widening"  # somebody asked for, or was given, more than he had
    DRIFT = "drift"  # what an agent says is further from the task's goal than what it said in the past
    NEGOTIATION_LOOP = "negotiation.loop"  # agents ask each other the same, round and round
    INJECTION_PHRASE = "injection.phrase"  # a text looks like an attempt to steer a model

    @property
    def severity(self) -> Severity:
        return _SEVERITIES.get(self, Severity.WARNING)


_SEVERITIES = {
    Kind.CALL_DENIED: Severity.CRITICAL,
    Kind.AUTHORITY_WIDENING: Severity.CRITICAL,
    Kind.DRIFT: Severity.NOTICE,
    Kind.INJECTION_PHRASE: Severity.NOTICE,
}


class SourceKind(StrEnum):
    """By which way a text came into a task."""

    INPUT = "input"  # the task's own
    TOOL = "tool result"
    DOCUMENT = "document"
    MEMORY = "memory"
    PEER = "peer"  # another agent, whose own reading is not known
    PERSON = "person"  # somebody who changed what others may do


@dataclass(frozen=True, slots=True)
class Source:
    """Where it began: the way in, its name there (an input's, a tool's, a file's), and what it is worth."""

    kind: SourceKind
    name: str
    label: TrustLabel | None

    def to_json(self) -> dict[str, Any]:
        label = None if self.label is None else self.label.to_json()
        return {"kind": self.kind.value, "name": self.name, "label": label}


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of the way: in `message`, `recipient` got `part` from `sender`, which for the first is no agent."""

    message: str
    sender: str
    recipient: str
    part: str
    label: TrustLabel | None

    def to_json(self) -> dict[str, Any]:
        label = None if self.label is None else self.label.to_json()
        return {
            "message": self.message,
            "sender": self.sender,
            "recipient": self.recipient,
            "part": self.part,
            "label": label,
        }


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm. `subject` is the message, run or principal that it is about; `about` tells apart what happened to it twice.

    `path` leads hop by hop from the source to where it was stopped; `stopped` says what did not happen. `detail` has names,
    numbers and digests.
    """

    kind: Kind
    network: str
    run: str
    subject: str
    about: str
    source: Source | None
    path: tuple[Hop, ...]
    stopped: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same whenever the same is noticed again."""
        return f"a_{digest([self.kind.value, self.subject, self.about])[:16]}"

    @property
    def severity(self) -> Severity:
        return self.kind.severity

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind.value,
            "severity": self.severity.value,
            "network": self.network,
            "run": self.run,
            "subject": self.subject,
            "about": self.about,
            "source": None if self.source is None else self.source.to_json(),
            "path": [hop.to_json() for hop in self.path],
            "stopped": self.stopped,
            "detail": dict(self.detail),
        }

    @classmethod
    def from_json(cls, content: Any) -> "Alarm":
        """The alarm that `to_json` wrote. Raises InvalidInput."""
        try:
            source = content["source"]
            return cls(
                Kind(content["kind"]),
                content["network"],
                content["run"],
                content["subject"],
                content["about"],
                None if source is None else Source(SourceKind(source["kind"]), source["name"], _label(source["label"])),
                tuple(
                    Hop(hop["message"], hop["sender"], hop["recipient"], hop["part"], _label(hop["label"]))
                    for hop in content["path"]
                ),
                content["stopped"],
                content["detail"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"{content!r} is not an alarm") from error


def _label(content: Any) -> TrustLabel | None:
    return None if content is None else TrustLabel.from_json(content)
