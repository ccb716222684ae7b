"""Permissions: who may do what in a store, by which token."""

from stemma.guard.access.access import Access, Whoami
from stemma.guard.access.authority import StoredAuthority
from stemma.guard.access.changes import Issued
from stemma.guard.access.permission import Permission
from stemma.guard.access.principal import Principal, agent_id
from stemma.guard.access.role import BUILT_IN, Grant, Role
from stemma.guard.access.token import DEFAULT_DAYS, MOST_DAYS, Token, TokenScope

__all__ = [
    "BUILT_IN",
    "DEFAULT_DAYS",
    "MOST_DAYS",
    "Access",
    "Grant",
    "Issued",
    "Permission",
    "Principal",
    "Role",
    "StoredAuthority",
    "Token",
    "TokenScope",
    "Whoami",
    "agent_id",
]
