"""Principals: who can be granted something. Each agent of each network is one of its own."""

import re
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from stemma.core.errors import InvalidName
from stemma.guard.access.role import Grant

_WORD = r"[\w.@+-]{1,100}"
_NAME = re.compile(rf"(user|service):{_WORD}|agent:{_WORD}/{_WORD}")


@dataclass(frozen=True, slots=True)
class Principal:
    """A person (``user:ada``), a service (``service:nightly``) or an agent (``agent:desk/triage``), with its grants."""

    id: str
    description: str
    added_by: str
    added_at: str
    grants: tuple[Grant, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "description": self.description,
            "added_by": self.added_by,
            "added_at": self.added_at,
            "grants": [grant.to_json() for grant in self.grants],
        }


def folded(name: str) -> str:
    """What a name looks like: two that are alike in this are one to a reader's eye.

    >>> folded("user:Bea") == folded("user:bea")
    True
    """
    return normalize("NFKC", name).casefold()


def agent_id(network: str, agent: str) -> str:
    """In whose name an agent acts.

    >>> agent_id("desk", "triage")
    'agent:desk/triage'
    """
    return f"agent:{network}/{agent}"


def check_principal(name: str, *, said_by: str = "principal") -> str:
    """The name, when it is one; `said_by` is where it comes from. Raises InvalidName."""
    if not _NAME.fullmatch(name):
        raise InvalidName(
            said_by, name, "it is user:NAME, service:NAME or agent:NETWORK/AGENT, of letters, digits and ._@+-"
        )
    return name
