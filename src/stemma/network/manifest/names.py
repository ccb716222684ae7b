"""Names in a manifest: how they are spelt, and which ones are taken."""

import re
from pathlib import Path
from typing import Protocol

from stemma.core.errors import InvalidData
from stemma.network.message import CALLER, PERSON

CONTEXT = "context"
"""The name under which an agent's prompt finds the passages of its knowledge."""

MEMORY = "memory"
"""… what it remembers of earlier tasks."""

HISTORY = "history"
"""… its own earlier turns in the same task."""

STATEMENTS = "statements"
"""… what the other members of its panel said in the round before."""

BRIEF = "brief"
"""… what an orchestrator tells it to do."""

MISSING = "missing"
"""… which workers gave nothing that could be merged."""

WORKERS = "workers"
"""… whom an orchestrator may brief, and what each can do."""

CHOICES = "choices"
"""… what is left to choose from when a panel votes again."""

QUESTION = "question"
"""… what a colleague asks it, in the middle of a turn."""

POSTED = "posted"
"""… what a colleague posted to a topic that it subscribes to."""

ADDED = (STATEMENTS, CHOICES, BRIEF, WORKERS, MISSING)
"""What an agent may list under `reads` though no agent writes it: it is there when its team gives it, else empty."""

ASK, PUBLISH = "ask", "publish"
"""The tools of an agent with `asks`, and of one with `publishes`."""

RESERVED = {
    CONTEXT: "it is where a prompt finds the passages of 'knowledge'",
    MEMORY: "it is where a prompt finds what 'memory' recalls",
    HISTORY: "it is where a prompt finds the agent's own earlier turns",
    STATEMENTS: "it is where a member of a panel hears the others",
    BRIEF: "it is where a worker finds what its orchestrator tells it",
    CHOICES: "it is where a member of a panel finds what is left to choose from",
    WORKERS: "it is where an orchestrator finds whom it may brief",
    MISSING: "it is where a merging agent finds who gave nothing",
}

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TITLE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class Place(Protocol):
    """Where in a manifest something stands: `Marked` in a file, `Unplaced` for one that Python code wrote."""

    def at(self, *keys: str | int) -> "Place":
        """The place below these keys, or as near to it as there is one."""

    def wrong(self, problem: str) -> InvalidData:
        """The error to raise for what stands there."""


class Unplaced:
    """No line to point at; errors name things alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def at(self, *keys: str | int) -> "Unplaced":
        return self

    def wrong(self, problem: str) -> InvalidData:
        return InvalidData(self.path, problem)


def check_name(place: Place, kind: str, name: str) -> None:
    """Raises InvalidData when `name` cannot stand in a template or as a tool that a model calls."""
    if not _NAME.fullmatch(name):
        raise place.wrong(f"{kind} name {name!r} is not lower-case letters, digits and '_', beginning with a letter")


def check_value(place: Place, kind: str, name: str) -> None:
    """Raises InvalidData when `name` cannot name an input or what an agent writes."""
    check_name(place, kind, name)
    if name in RESERVED:
        raise place.wrong(f"{kind} name {name!r} is taken: {RESERVED[name]}")


def check_actor(place: Place, kind: str, name: str) -> None:
    """Raises InvalidData when `name` cannot name an agent or a team."""
    check_name(place, kind, name)
    if name in (CALLER, PERSON):
        raise place.wrong(f"no {kind} can be called {name!r}: the network calls others so; choose another name")


def check_title(place: Place, kind: str, name: str) -> None:
    """Raises InvalidData when `name` cannot name a network, a phase or a topic."""
    if not _TITLE.fullmatch(name):
        raise place.wrong(f"{kind} name {name!r} is not lower-case letters, digits, '.', '_' and '-'")
