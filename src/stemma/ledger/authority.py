"""Authority: by whose leave something is done. The rooms ask; what answers stands above them, or is nobody.

The question is put inside the transaction that does what is asked for, so that no path around a command or a page misses it.
Resources are written like references: ``prompts:/support/triage``, ``candidates:/support/triage``, ``memories:/desk``,
``networks:/desk``, ``runs:/desk``, ``tools:/desk/refund``, ``questions:/desk``, ``models:/embedded``, ``verdicts:/<digest>``,
``workspace:/<run>``, ``vault:/<tenant>``, ``access:/tokens``, ``audit:/``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection

from stemma.core.errors import Unauthorized


class Action(StrEnum):
    """The levels of access."""

    READ = "read"
    WRITE = "write"
    USE = "use"  # run a network, call a tool, ask a model
    APPROVE = "approve"  # let through what another wrote or wants to do
    GRANT = "grant"  # say who may do what


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in a store for everybody. `protected` labels are moved by approval; with `separated` never by the writer."""

    governed: bool = False
    protected: frozenset[str] = frozenset({"production"})
    separated: bool = False


class Authority(Protocol):
    """Says what an actor may do, going by the store as it stands in the connection's transaction."""

    def require(self, connection: Connection, actor: str, action: Action, resource: str) -> None:
        """Raises Unauthorized, with what is missing, unless `actor` may do that."""

    def rules(self, connection: Connection) -> Rules: ...


class Ungoverned:
    """Of a store that nobody governs: people and services may do everything, agents what agents may do anywhere."""

    def require(self, connection: Connection, actor: str, action: Action, resource: str) -> None:
        check_agent(actor, action, resource)

    def rules(self, connection: Connection) -> Rules:
        return Rules()


_AGENTS_WRITE = ("candidates:/", "memories:/", "workspace:/")


def is_agent(actor: str) -> bool:
    return actor.startswith("agent:")


def check_agent(actor: str, action: Action, resource: str) -> None:
    """Raises Unauthorized for what no agent may do, whoever it acts for: approve, grant, and write what is in force at once."""
    if not is_agent(actor):
        return
    if action in (Action.APPROVE, Action.GRANT):
        raise Unauthorized(actor, action, resource, f"no agent can {action}, whoever it acts for", "a person has to")
    if action is Action.WRITE and not resource.startswith(_AGENTS_WRITE):
        missing = "agents write candidates, memories and their run's workspace, nothing else"
        raise Unauthorized(actor, action, resource, missing, "a person has to, or lets a candidate through a gate")
