"""Loops: agents that ask each other nearly the same, again and again.

An agent may ask another back, and often has to. A loop is a way around, from an agent over others back to itself, or one
and the same way from one to another, that is taken at least `TIMES` times with questions that hardly differ.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stemma.models.encoders import Encoder

TIMES = 3
ALIKE = 0.9
"""The cosine from which two questions are the same: with hashed words 0.9 is a word or two that differ in a sentence."""
_LOOKED_AT = 2_000  # characters of a text that are encoded
_MOST = 400  # questions of a task that are looked at


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that one agent asked another of its own accord. `within` is the message in whose turn it did."""

    id: str
    within: str
    sender: str
    recipient: str
    question: str


@dataclass(frozen=True, slots=True)
class Loop:
    """The agents on the way around, the first not named again, and the messages, in order."""

    agents: tuple[str, ...]
    messages: tuple[str, ...]


def loops(asked: Sequence[Asked], encoder: Encoder) -> list[Loop]:
    """The loops among the questions of one task, which are in the order in which they were asked."""
    asked = asked[:_MOST]
    ways: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, one in enumerate(asked):
        ways[one.sender, one.recipient].append(place)
    often = [places for places in ways.values() if len(places) >= TIMES]
    if not often:
        return []
    vectors = encoder.encode([one.question[:_LOOKED_AT] for one in asked])
    by_id, found = {one.id: one for one in asked}, list[Loop]()
    for places in often:
        first = places[0]
        alike = [place for place in places if float(vectors[first] @ vectors[place]) >= ALIKE]
        if len(alike) < TIMES:
            continue
        agents = _around(asked[alike[-1]], by_id)
        if not any(set(loop.agents) == set(agents) for loop in found):
            found.append(Loop(agents, tuple(asked[place].id for place in alike)))
    return found


def _around(last: Asked, by_id: Mapping[str, Asked]) -> tuple[str, ...]:
    """The agents from `last` back to where its sender asked before; only the two, where it did not."""
    agents, here = [last.recipient, last.sender], by_id.get(last.within)
    while here is not None and here.sender != last.recipient and here.sender not in agents:
        agents.append(here.sender)
        here = by_id.get(here.within)
    return tuple(reversed(agents)) if here is not None else (last.sender, last.recipient)
