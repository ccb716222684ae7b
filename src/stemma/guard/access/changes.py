"""Single changes of access, each a row and its event, in a transaction that no other change of access runs beside."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.errors import Conflict, InvalidInput, NotFound
from stemma.guard.access.permission import EVERYTHING
from stemma.guard.access.principal import folded
from stemma.guard.access.role import ADMIN, BUILT_IN, Role
from stemma.guard.access.standing import roles_in, token_of
from stemma.guard.access.token import Token, TokenScope, new_token
from stemma.ledger.authority import Action, is_agent
from stemma.ledger.scope import Transaction
from stemma.store.schema import access_state, principals, role_grants, tokens

_OF_ALL_ACCESS = (EVERYTHING, "access:/*")


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token. `secret` is its text, which nothing can tell again."""

    token: Token
    secret: str

    def __repr__(self) -> str:
        return f"Issued({self.token!r}, secret=…)"


def govern(tx: Transaction) -> None:
    """From the commit on nobody does anything without a token."""
    tx.connection.execute(update(access_state).values(governed=1))
    tx.record("access.enabled", subject="access", data={})


def add_principal(tx: Transaction, principal: str, description: str) -> bool:
    """Whether it was not there before. Raises Conflict for one that looks like another.

    They are not taken for the same: what was recorded in the name of one would be the other's, too.
    """
    known = tx.connection.scalars(select(principals.c.id)).all()
    alike = [one for one in known if one != principal and folded(one) == folded(principal)]
    if alike and principal not in known:
        raise Conflict(
            f"{principal} looks like {alike[0]}, which is there already, and nobody could tell them apart; go by that name "
            "(STEMMA_ACTOR, where it is your own), or choose another"
        )
    row = {"id": principal, "description": description, "added_by": tx.actor, "added_at": tx.at}
    if not insert_or_ignore(tx.connection, principals, row):
        return False
    tx.record("access.added", subject=principal, data={})
    return True


def add_grant(tx: Transaction, principal: str, role: str, on: str) -> bool:
    """Whether the principal did not have the role there before. Raises NotFound, and InvalidInput for no agent's role."""
    known = {**BUILT_IN, **{one.name: one for one in roles_in(tx.connection)}}
    if role not in known:
        raise NotFound(f"there is no role {role!r}; there are {', '.join(known)}")
    _check_holder(known[role], principal)
    row = {"principal": principal, "role": role, "resources": on, "granted_by": tx.actor, "granted_at": tx.at}
    if not insert_or_ignore(tx.connection, role_grants, row):
        return False
    tx.record("access.granted", subject=principal, data={"role": role, "on": on})
    return True


def add_token(tx: Transaction, principal: str, scope: TokenScope, *, expires_at: str) -> Issued:
    """A new token. Of its secret the store gets the hash, and the log nothing."""
    secret, shown = new_token()
    told: dict[str, Any] = {"principal": principal, "expires_at": expires_at}
    row = told | {"id": shown.id, "hash": shown.hash, "issued_by": tx.actor, "issued_at": tx.at}
    kept = {"actions": " ".join(scope.actions), "resources": " ".join(scope.resources)}
    tx.connection.execute(insert(tokens), row | kept)
    told |= {"actions": list(scope.actions), "resources": list(scope.resources)}
    tx.record("token.issued", subject=shown.id, data=told)
    return Issued(Token(shown.id, principal, scope, tx.actor, tx.at, expires_at), secret)


def insert_or_ignore(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Whether the row was not there before."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    inserting = dialect.insert(table).values(row).on_conflict_do_nothing()
    return connection.execute(inserting.returning(*table.primary_key.columns)).first() is not None


# --- what has to hold -------------------------------------------------------------------------------------------------


def keep_an_admin(tx: Transaction, undone: str) -> None:
    """Raises Conflict where a governed store would be left without a live token that can grant everything."""
    if not tx.connection.execute(select(access_state.c.governed)).scalar():
        return
    query = select(tokens).join(role_grants, role_grants.c.principal == tokens.c.principal)
    query = query.where(role_grants.c.role == ADMIN, role_grants.c.resources.in_(_OF_ALL_ACCESS))
    admins = [token_of(row) for row in tx.connection.execute(query)]
    if not any(token.standing(tx.at) == "live" and _grants_all(token.scope) for token in admins):
        raise Conflict(
            f"{undone}: no admin would have a live token, and nobody could grant anything; first give one to an admin with: "
            "stemma tokens issue PRINCIPAL"
        )


def check_known(connection: Connection, principal: str) -> None:
    """Raises NotFound."""
    if connection.execute(select(principals.c.id).where(principals.c.id == principal)).first() is None:
        raise NotFound(f"there is no principal {principal!r}; add it with: stemma access add {principal}")


def check_holders(connection: Connection, role: Role) -> None:
    """Raises InvalidInput for a role that an agent has and no agent may have."""
    for principal in connection.scalars(select(role_grants.c.principal).where(role_grants.c.role == role.name)):
        _check_holder(role, principal)


def _check_holder(role: Role, principal: str) -> None:
    never = [one.action for one in role.permissions if one.action in (Action.APPROVE, Action.GRANT)]
    if never and is_agent(principal):
        raise InvalidInput(
            f"role {role.name!r} cannot be {principal}'s: no agent may {never[0]}; define a role without"
        )


def _grants_all(scope: TokenScope) -> bool:
    acts = EVERYTHING in scope.actions or Action.GRANT in scope.actions
    return acts and any(pattern in _OF_ALL_ACCESS for pattern in scope.resources)
