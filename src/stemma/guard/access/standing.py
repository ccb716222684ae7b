"""Standing: what the caller of one process may do, as the store has it at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote

from sqlalchemy import Connection, Row, or_, select

from stemma.core.errors import Unauthorized
from stemma.guard.access.permission import EVERYTHING, Permission
from stemma.guard.access.role import ADMIN, BUILT_IN, Grant, Role
from stemma.guard.access.token import Shown, Token, TokenScope
from stemma.ledger.authority import Action, Rules, is_agent
from stemma.store.schema import access_roles, principals, role_grants, tokens

_UNNAMED = ("verdicts", "workspace")  # kinds whose things go by digests and numbers


@dataclass(frozen=True)
class Standing:
    """Whoever shows `token`, and what is granted to it, to agents and to admins. Good while the store's `stamp` stands."""

    stamp: str
    rules: Rules
    token: Token | None = None
    roles: Mapping[str, Role] = field(default_factory=lambda: BUILT_IN)
    grants: Mapping[str, tuple[Grant, ...]] = field(default_factory=dict)
    agents: frozenset[str] = frozenset()
    """Those that were given grants of their own, and are limited to them."""

    def check(self, actor: str, action: Action, resource: str, *, now: str) -> None:
        """Raises Unauthorized, with what is missing and who could give it, unless `actor` may do that in a governed store."""
        token = self.token
        if token is None or token.standing(now) != "live":
            told = "no token was given" if token is None else f"token {token.id} is {token.standing(now)}"
            named = token.principal if token is not None else actor
            raise Unauthorized(actor, action, resource, f"this store is governed, and {told}", self._reissuing(named))
        if actor != token.principal and not is_agent(actor):
            missing, way_out = f"token {token.id} is {token.principal}'s", f"use a token of {actor}'s own"
            raise Unauthorized(actor, action, resource, missing, way_out)
        holders = [token.principal, *([actor] if actor in self.agents else [])]
        for holder in holders:
            if not self._granted(holder, action, resource):
                way_out = self._granting(holder, action, resource)
                raise Unauthorized(actor, action, resource, f"no role of {holder} allows it", way_out)
        if not token.scope.allows(action, resource):
            limits = f"{', '.join(token.scope.actions)} on {', '.join(token.scope.resources)}"
            missing = f"{token.principal} may, but token {token.id} is limited to {limits}"
            raise Unauthorized(
                actor,
                action,
                resource,
                missing,
                f"{self._admins()} issues another with: {_issuing(token, action, resource)}",
            )

    def _granted(self, principal: str, action: Action, resource: str) -> bool:
        return any(grant.allows(self.roles, action, resource) for grant in self.grants.get(principal, ()))

    def _reissuing(self, principal: str) -> str:
        if self._named_admins() == [principal]:  # whom nobody else can give a token
            return (
                "set STEMMA_TOKEN to your own; where that is lost, with the key of the audit log: stemma access recover"
            )
        return f"{self._admins()} issues one, to be set as STEMMA_TOKEN: stemma tokens issue {quote(principal)}"

    def _granting(self, principal: str, action: Action, resource: str) -> str:
        if action is Action.GRANT:  # who may say who may do what is not a thing to ask for in passing
            return f"{self._admins()} can do it"
        held = {grant.role for grant in self.grants.get(principal, ())}
        known = sorted(self.roles.values(), key=lambda role: role.name not in held)
        role = next((one.name for one in known if one.allows(action, resource)), "ROLE")
        return (
            f"{self._admins()} grants it with: stemma access grant {principal} {role} --on {quote(_widened(resource))}"
        )

    def _admins(self) -> str:
        found = self._named_admins()
        return f"an admin ({', '.join(found[:3])})" if found else "an admin"

    def _named_admins(self) -> list[str]:
        return sorted(name for name, grants in self.grants.items() if any(grant.role == ADMIN for grant in grants))


def standing_of(connection: Connection, stamp: str, rules: Rules, shown: Shown | None) -> Standing:
    """As the store has it now; a token that it does not know is none."""
    token = None if shown is None else _known(connection, shown)
    roles = {**BUILT_IN, **{role.name: role for role in roles_in(connection)}}
    whose = [role_grants.c.principal.startswith("agent:"), role_grants.c.role == ADMIN]
    if token is not None:
        whose.append(role_grants.c.principal == token.principal)
    query = select(principals.c.id).where(principals.c.id.startswith("agent:"))
    return Standing(
        stamp, rules, token, roles, grants_in(connection, or_(*whose)), frozenset(connection.scalars(query))
    )


def roles_in(connection: Connection) -> list[Role]:
    """The roles that were defined here, by name."""
    return [
        Role(row.name, row.description, tuple(map(Permission.parse, row.permissions.splitlines())))
        for row in connection.execute(select(access_roles).order_by(access_roles.c.name))
    ]


def grants_in(connection: Connection, *conditions: object) -> dict[str, tuple[Grant, ...]]:
    """Grants by their principal."""
    query = select(role_grants).where(*conditions)  # type: ignore[arg-type]
    found: dict[str, tuple[Grant, ...]] = {}
    for row in connection.execute(query.order_by(role_grants.c.granted_at, role_grants.c.role)):
        grant = Grant(row.principal, row.role, row.resources, row.granted_by, row.granted_at)
        found[row.principal] = (*found.get(row.principal, ()), grant)
    return found


def token_of(row: Row[tuple[object, ...]]) -> Token:
    scope = TokenScope(tuple(row.actions.split()), tuple(row.resources.split()))
    return Token(row.id, row.principal, scope, row.issued_by, row.issued_at, row.expires_at, row.revoked_at)


def _known(connection: Connection, shown: Shown) -> Token | None:
    row = connection.execute(select(tokens).where(tokens.c.id == shown.id)).first()
    return token_of(row) if row is not None and shown.knows(bytes(row.hash)) else None


def _issuing(token: Token, action: Action, resource: str) -> str:
    actions = "" if EVERYTHING in token.scope.actions else f" --action {action}"
    return f"stemma tokens issue {token.principal}{actions} --on {quote(_widened(resource))}"


def _widened(resource: str) -> str:
    """The pattern to grant: of what is one among many that nobody names by hand, and of a listing, all of its kind.

    >>> _widened("verdicts:/6e340b"), _widened("prompts:/"), _widened("prompts:/support/triage")
    ('verdicts:/*', 'prompts:/*', 'prompts:/support/triage')
    """
    kind, _, rest = resource.partition(":/")
    return f"{kind}:/*" if kind in _UNNAMED else f"{resource}*" if not rest or rest.endswith("/") else resource
