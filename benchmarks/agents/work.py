"""What every side of `durable_agents` does: three agents, one tool, the same words."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from pydantic import BaseModel


class Verdict(BaseModel):
    """The structured output of each agent."""

    label: str
    reason: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Role:
    """An agent: what it is told, and the name of the value it writes for those after it."""

    name: str
    instructions: str
    writes: str


_MANNERS = (
    " Look the customer up before you decide. Never guess: when the record does not say it, say so. Answer in JSON with the "
    "label, one sentence that gives the reason, and how sure you are, from 0 to 1."
)
ROLES = (
    Role("triage", "You sort the tickets of a bank's support desk by what they are about." + _MANNERS, "category"),
    Role("check", "You check whether the ticket may be answered without a person." + _MANNERS, "checked"),
    Role("reply", "You decide which of the standard replies the customer is sent." + _MANNERS, "answer"),
)
TOOL = "look_up"
TOOL_DESCRIPTION = "The record of a customer, as text."
ARGUMENTS = {"customer": "c-2041"}
RECORD = json.dumps(
    {
        "customer": "c-2041",
        "since": "2019-04-02",
        "card": "blocked",
        "country": "PT",
        "open_tickets": 1,
        "notes": "x" * 80,
    }
)
ANSWER = json.dumps(
    {"label": "card_arrival", "reason": "The record says that the card is blocked.", "confidence": 0.91}
)
SCHEMA: Mapping[str, Any] = Verdict.model_json_schema()

Answers: TypeAlias = Mapping[str, Any]
"""The three values of a task, by name."""

Play: TypeAlias = Callable[[Sequence[str], int], Sequence[Answers]]
"""Works on the tickets, so many at a time, and returns what came of each."""


class Side(Protocol):
    """Opens a framework on an empty database, ready to work; what that takes is not counted."""

    def __call__(self, store_url: str) -> AbstractContextManager[Play]: ...


def ticket(number: int) -> str:
    return (
        f"Ticket {number}: I lost my card on the way home and ordered a new one nine days ago. "
        + "It is not here. " * 10
    )


def turn(text: str, known: Answers) -> str:
    """The user's turn of an agent: the ticket, and what the agents before it said."""
    return "\n".join([text, *(f"{name}: {json.dumps(said)}" for name, said in known.items())])
