"""What agents say to each other: an instruction and data, each part with its trust label."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.core.shown import shown
from stemma.core.trust import Confidentiality, Integrity, TrustLabel, join_all
from stemma.network.wire import Label

CALLER = "caller"
"""Who asks a network, and who gets its last message."""

PERSON = "person"
"""Who gets the message when a network hands a task over."""

NOTHING = TrustLabel(Integrity.TRUSTED, Confidentiality.PUBLIC)
"""The label of an empty text: nobody chose it, and anybody may know it."""


class PartKind(StrEnum):
    """What a recipient may do with a part."""

    INSTRUCTION = "instruction"  # obey it: a template that somebody vouched for, and the names of what is filled in
    DATA = "data"  # read it, whatever it says


@dataclass(frozen=True, slots=True)
class Inner:
    """What the pieces of a value of JSON are worth each, where some are worth more than the whole.

    `own` is the label of its shape, and of every field that `fields` does not name.
    """

    own: Label
    fields: Mapping[str, Label]

    def to_json(self) -> dict[str, Any]:
        return {"own": self.own.to_json(), "fields": {path: label.to_json() for path, label in self.fields.items()}}

    @classmethod
    def from_json(cls, content: Any) -> "Inner":
        """What `to_json` wrote. Raises InvalidInput."""
        try:
            fields = {path: TrustLabel.from_json(label) for path, label in content["fields"].items()}
            return cls(TrustLabel.from_json(content["own"]), fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(f"{shown(content)} are not the labels of a value: they need own and fields") from error


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message: text, or JSON. `label` is that of the whole, the join of everything in it."""

    kind: PartKind
    name: str
    value: Any
    label: TrustLabel
    inner: Inner | None = None

    def to_json(self) -> dict[str, Any]:
        content = {"kind": self.kind.value, "name": self.name, "value": self.value, "label": self.label.to_json()}
        return content if self.inner is None else content | {"inner": self.inner.to_json()}

    @classmethod
    def from_json(cls, content: Any) -> "Part":
        """The part that `to_json` wrote. Raises InvalidInput; a part without a label is none."""
        try:
            return cls(
                PartKind(content["kind"]),
                content["name"],
                content["value"],
                TrustLabel.from_json(content["label"]),
                Inner.from_json(content["inner"]) if "inner" in content else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"{shown(content)} is not a message part: it needs kind, name, value and label"
            ) from error


class MessageStatus(StrEnum):
    """Where a message stands. The last three are final."""

    WAITING = "waiting"  # in the recipient's inbox
    RUNNING = "running"  # its owner works on it
    ANSWERED = "answered"
    DEAD = "dead"  # a dead letter: nobody took it on in time, or no turn came to a usable answer; it can be replayed
    CANCELLED = "cancelled"  # with the run it belongs to

    @property
    def is_final(self) -> bool:
        return self not in (MessageStatus.WAITING, MessageStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Message:
    """From one agent to another. `id` is also the id of the durable workflow that answers it.

    `label` is the join of every part and of what decided that the message was sent at all, which is `decided`: branching on
    a text lets it through as surely as quoting it.
    """

    id: str
    run: str
    sender: str
    recipient: str
    parts: tuple[Part, ...]
    label: TrustLabel
    decided: TrustLabel

    @classmethod
    def compose(
        cls,
        id: str,
        run: str,
        *,
        sender: str,
        recipient: str,
        parts: Iterable[Part],
        decided_by: Iterable[TrustLabel] = (),
    ) -> "Message":
        """The message with the join of all labels. `id` is named after its place in the run: a replay composes the same one."""
        collected, decided = tuple(parts), join_all([NOTHING, *decided_by])
        label = join_all([*(part.label for part in collected), decided])
        return cls(id, run, sender, recipient, collected, label, decided)

    @property
    def depth(self) -> int:
        """How many messages, or branches of the flow, it stands below the run. A run's own are at 1."""
        return self.id.removeprefix(self.run).count(".")

    def with_data(self, part: Part, *, filled_in: bool) -> "Message":
        """The message with one more data part; where instructions are filled in with it, they carry its label too."""
        parts = [
            replace(one, label=one.label.join(part.label)) if filled_in and one.kind is PartKind.INSTRUCTION else one
            for one in self.parts
        ]
        return replace(self, parts=(*parts, part), label=self.label.join(part.label))

    @property
    def role(self) -> str | None:
        """The role that its recipient plays for it, where another agent made one up."""
        persona = self.parts[0].value if self.parts and self.parts[0].kind is PartKind.INSTRUCTION else None
        role: str | None = persona.get("role") if isinstance(persona, dict) else None
        return role

    @property
    def data(self) -> Mapping[str, Any]:
        """The values of the data parts by name."""
        return {part.name: part.value for part in self.parts if part.kind is PartKind.DATA}

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "run": self.run,
            "sender": self.sender,
            "recipient": self.recipient,
            "parts": [part.to_json() for part in self.parts],
            "label": self.label.to_json(),
            "decided": self.decided.to_json(),
        }

    @classmethod
    def from_json(cls, content: Any) -> "Message":
        """The message that `to_json` wrote. Raises InvalidInput."""
        try:
            return cls(
                content["id"],
                content["run"],
                content["sender"],
                content["recipient"],
                tuple(Part.from_json(part) for part in content["parts"]),
                TrustLabel.from_json(content["label"]),
                TrustLabel.from_json(content["decided"]),
            )
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"{shown(content)} is not a message") from error
