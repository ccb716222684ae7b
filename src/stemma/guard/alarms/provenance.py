"""Provenance: the way that untrusted words took through a task, traced back from where they were stopped.

Labels prove that what an agent wrote may come from any of the untrusted texts that it had read. Which of them it was is
told by what the call was filled with, where that is known; else by likeness: the text that has most of the words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.alarms.alarm import Hop, Source, SourceKind

_WORD = re.compile(r"\w+")
_LOOKED_AT = 20_000  # characters of a text that are compared


@dataclass(frozen=True, slots=True)
class Text:
    """A text that an agent was given, or came by, in a turn. `turn` is the one that wrote it, for what another agent says.

    `called` is what the text is known by where a call is filled with it.
    """

    kind: SourceKind
    name: str
    value: str
    label: TrustLabel
    turn: str | None = None
    called: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn by the id of the message that it answers: who was asked by whom, what it read, and what it said."""

    id: str
    sender: str
    recipient: str
    read: tuple[Text, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Trace:
    """Where words come from, and each hop from there on. `others` counts the texts that it may have been as well."""

    source: Source | None
    path: tuple[Hop, ...]
    others: int = 0


def trace(turns: Mapping[str, Turn], last: str, *, said: str | None = None, filled_with: Sequence[str] = ()) -> Trace:
    """The way of the untrusted words that the turn `last` said, back to where they came in. Nothing when it read none.

    `said` is what of its words it is about, all unless given; `filled_with` names the texts in them, where that is known.
    """
    path: list[Hop] = []
    source, others, seen = None, 0, set[str]()
    here: Turn | None = turns.get(last)
    words = (here.said if here else "") if said is None else said
    while here is not None and here.id not in seen:
        seen.add(here.id)
        among = _untrusted(here.read, filled_with)
        filled_with = ()
        if not among:
            break
        text = max(among, key=lambda one: overlap(words, one.value))
        others += len(among) - 1
        before = turns.get(text.turn) if text.turn is not None else None
        sender = text.name if before is None else before.recipient
        if before is None and text.kind is SourceKind.INPUT:
            sender = here.sender
        path.append(Hop(here.id, sender, here.recipient, text.name, text.label))
        source, words, here = Source(text.kind, text.name, text.label), text.value, before
    return Trace(source, tuple(reversed(path)), others)


def overlap(said: str, read: str) -> float:
    """The share of the words of `said` that are in `read`; 0 without any.

    >>> overlap("pay DE02 now", "Please pay to DE02.")
    0.6666666666666666
    """
    words = _words(said)
    return len(words & _words(read)) / len(words) if words else 0.0


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text[:_LOOKED_AT].casefold()))


def _untrusted(read: Iterable[Text], named: Sequence[str]) -> list[Text]:
    found = [text for text in read if text.label.integrity is Integrity.UNTRUSTED]
    meant = [text for text in found if text.called and any(one.partition(": ")[0] == text.called for one in named)]
    return meant or found
