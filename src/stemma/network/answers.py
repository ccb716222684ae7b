"""Answers: what an agent's words come to, and what they are worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stemma.core.trust import TrustLabel
from stemma.guard.closed import closed_fields
from stemma.guard.fields import is_plain
from stemma.guard.handles import UnknownHandle
from stemma.network.endorser import Endorser
from stemma.network.journal import Event
from stemma.network.message import Inner
from stemma.network.network import Role
from stemma.network.quarantine import Sight
from stemma.network.turn import Unusable, fitting, fitting_but, spelled


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent answers: the value, the label of all of it, and those of its pieces where some are worth more."""

    value: Any
    label: TrustLabel
    inner: Inner | None = None


def answer_of(role: Role, sight: Sight, text: str) -> Answer | Unusable:
    """What the agent's words come to, with the texts of its handles in them."""
    written = spelled(role, text)
    if isinstance(written, Unusable):
        return written
    try:
        filled = sight.fill(written)
    except UnknownHandle as error:
        return Unusable(str(error))
    own = sight.label
    if filled.label is None:
        value = fitting(role, filled.value)
        return value if isinstance(value, Unusable) else Answer(value, own)
    if isinstance(written, dict) and all(map(is_plain, written)):
        labels = {key: sight.fill(item).label for key, item in written.items()}
        rest = fitting_but(role, filled.value, [key for key, of in labels.items() if of is not None])
        if isinstance(rest, Unusable):
            return rest
        if rest is not None:
            inner = Inner(own, {key: own if of is None else own.join(of) for key, of in labels.items()})
            return Answer(rest, filled.label_from(own), inner)
    value = fitting(role, filled.value)
    if isinstance(value, Unusable):
        sight.sees(filled.label)  # that it does not fit says something of the text
        return Unusable("the answer does not fit its schema where it names texts that are kept from you")
    return Answer(value, filled.label_from(own))


def endorsed_answer(
    answer: Answer, agent: str, schema: Mapping[str, Any], name: str, endorser: Endorser, subject: str
) -> tuple[Answer, tuple[Event, ...]]:
    """The answer of an agent that read strangers' words and cannot act, with those of its fields raised whose type its schema
    closes, and which policies endorse: by the field's name, or by `name` where the whole answer is closed.
    """
    specs = closed_fields(schema, name, answer.value)
    found = endorser.endorsed(agent, specs, answer.label, subject)
    labels = found.labels
    if not labels:
        return answer, ()
    if "" in labels or labels.keys() >= set(answer.value):
        return Answer(answer.value, next(iter(labels.values()))), found.events
    # The shape is the schema's; what is not endorsed stays what it is.
    own = next(iter(labels.values()))
    inner = Inner(own, {key: labels.get(key, answer.label) for key in answer.value})
    return Answer(answer.value, answer.label, inner), found.events
