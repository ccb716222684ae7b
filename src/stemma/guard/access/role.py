"""Roles: permissions under a name. Granted for the resources of a pattern, a role gives what both allow."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stemma.core.errors import InvalidInput, InvalidName
from stemma.guard.access.permission import EVERYTHING, Permission, covers, every
from stemma.ledger.authority import Action

ADMIN = "admin"

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,35}")


@dataclass(frozen=True, slots=True)
class Role:
    """What whoever has it may do. Raises InvalidName, and InvalidInput for one without a permission."""

    name: str
    description: str
    permissions: tuple[Permission, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidName("role", self.name, "it has 1 to 36 of a-z, 0-9, '_' and '-', and begins with a letter")
        if not self.permissions:
            raise InvalidInput(
                f"role {self.name!r} allows nothing; give it permissions such as 'write prompts:/docs/*'"
            )

    def allows(self, action: Action, resource: str) -> bool:
        return any(one.allows(action, resource) for one in self.permissions)

    def to_json(self) -> dict[str, Any]:
        permissions = [str(one) for one in self.permissions]
        return {"name": self.name, "description": self.description, "permissions": permissions}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that a principal has, for the resources that `resources` covers."""

    principal: str
    role: str
    resources: str
    by: str = ""
    at: str = ""

    def allows(self, roles: Mapping[str, Role], action: Action, resource: str) -> bool:
        role = roles.get(self.role)
        return role is not None and covers(self.resources, resource) and role.allows(action, resource)

    def to_json(self) -> dict[str, str]:
        return {"role": self.role, "on": self.resources, "by": self.by, "at": self.at}


# What users' data do not stand in: runs, questions, memories and the audit log are for those who need them.
_READ = every([Action.READ], "candidates:/*", "models:/*", "prompts:/*", "tools:/*", "verdicts:/*")

BUILT_IN: Mapping[str, Role] = MappingProxyType(
    {
        role.name: role
        for role in (
            Role("viewer", "Reads prompts and candidates, and nothing that users' data stand in.", _READ),
            Role(
                "auditor",
                "Sees everything, runs and the audit log included; changes nothing.",
                every([Action.READ], EVERYTHING),
            ),
            Role(
                "author",
                "Saves versions, runs optimizers, moves labels that are not protected.",
                (
                    *_READ,
                    *every([Action.WRITE], "candidates:/*", "prompts:/*"),
                    *every([Action.USE], "models:/*"),
                ),
            ),
            Role(
                "reviewer",
                "Judges candidates, lets them through, moves protected labels, answers questions; never for its own words.",
                (
                    *_READ,
                    *every([Action.READ], "questions:/*"),
                    *every([Action.APPROVE], "prompts:/*", "questions:/*", "verdicts:/*"),
                    *every([Action.USE], "models:/*"),
                ),
            ),
            Role(
                "operator",
                "Runs and cancels networks, serves workers, sees what becomes of runs.",
                (
                    *_READ,
                    *every([Action.READ], "memories:/*", "questions:/*", "runs:/*"),
                    *every([Action.USE], EVERYTHING),
                    *every([Action.WRITE], "candidates:/*", "memories:/*", "workspace:/*"),
                ),
            ),
            Role(
                "custodian",
                "Makes tokens of personal data, turns them back, and erases what they stand for.",
                every([Action.APPROVE, Action.USE, Action.WRITE], "vault:/*"),
            ),
            Role(
                ADMIN,
                "Says who may do what.",
                (*_READ, *every([Action.READ, Action.GRANT], "access:/*")),
            ),
        )
    }
)
