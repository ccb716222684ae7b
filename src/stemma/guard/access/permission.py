"""Permissions: what may be done to which resources."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from stemma.core.errors import InvalidInput, InvalidName
from stemma.ledger.authority import Action

EVERYTHING = "*"
KINDS = (
    "access",
    "audit",
    "candidates",
    "memories",
    "models",
    "networks",
    "prompts",
    "questions",
    "runs",
    "tools",
    "vault",
    "verdicts",
    "workspace",
)

_OF = {"candidates": "prompts", "runs": "networks"}
_PATTERN = re.compile(rf"\*|({'|'.join(KINDS)}):/([^\s*]*)(?<=/)\*|({'|'.join(KINDS)}):/[^\s*]*")


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One level of access to the resources of one pattern. Raises InvalidName for a pattern that is none.

    >>> Permission.parse("write prompts:/support/*").allows(Action.WRITE, "prompts:/support/triage")
    True
    """

    action: Action
    resources: str

    def __post_init__(self) -> None:
        check_pattern(self.resources)

    def allows(self, action: Action, resource: str) -> bool:
        return action is self.action and covers(self.resources, resource)

    @classmethod
    def parse(cls, text: str) -> "Permission":
        """From ``ACTION PATTERN``. Raises InvalidInput and InvalidName."""
        action, _, pattern = text.strip().partition(" ")
        return cls(action_named(action), pattern.strip())

    def __str__(self) -> str:
        return f"{self.action} {self.resources}"


def covers(pattern: str, resource: str) -> bool:
    """Whether the pattern names the resource: the same, or what begins with all before its ``*``.

    What is said of a prompt holds for its candidates, and what is said of a network for its runs; not the reverse.

    >>> covers("prompts:/support/*", "prompts:/support/triage"), covers("prompts:/support/*", "prompts:/supporters")
    (True, False)
    >>> covers("prompts:/a", "candidates:/a"), covers("candidates:/a", "prompts:/a")
    (True, False)
    """
    if _names(pattern, resource):
        return True
    kind, _, rest = resource.partition(":/")
    return kind in _OF and _names(pattern, f"{_OF[kind]}:/{rest}")


def check_pattern(pattern: str) -> str:
    """The pattern, when it is one. Raises InvalidName."""
    if not _PATTERN.fullmatch(pattern):
        rule = f"it is *, or KIND:/PATH, or KIND:/ or KIND:/PATH/ with a * behind it; kinds are {', '.join(KINDS)}"
        raise InvalidName("resource pattern", pattern, rule)
    return pattern


def action_named(text: str) -> Action:
    """Raises InvalidInput."""
    try:
        return Action(text)
    except ValueError as error:
        raise InvalidInput(f"action {text!r} is not known; there are {', '.join(Action)}") from error


def every(actions: Iterable[Action], *patterns: str) -> tuple[Permission, ...]:
    return tuple(Permission(action, pattern) for action in actions for pattern in patterns)


def _names(pattern: str, resource: str) -> bool:
    return resource.startswith(pattern[:-1]) if pattern.endswith("*") else resource == pattern
