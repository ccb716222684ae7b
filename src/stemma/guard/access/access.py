"""Access: who may do what in a store, and every change of it, each an event of the audit log.

A store is *ungoverned* until somebody enables access: whoever can open it may do everything, so that a fresh machine works.
From then on nobody does anything without a token.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, insert, select, text, update

from stemma.core.errors import Conflict, InvalidInput, NotConfigured, NotFound
from stemma.core.ids import new_id
from stemma.guard.access.authority import StoredAuthority
from stemma.guard.access.changes import (
    Issued,
    add_grant,
    add_principal,
    add_token,
    check_holders,
    check_known,
    govern,
    insert_or_ignore,
    keep_an_admin,
)
from stemma.guard.access.permission import EVERYTHING, check_pattern
from stemma.guard.access.principal import Principal, check_principal
from stemma.guard.access.role import ADMIN, BUILT_IN, Grant, Role
from stemma.guard.access.standing import grants_in, roles_in, token_of
from stemma.guard.access.token import DEFAULT_DAYS, Token, TokenScope, expiry
from stemma.ledger.authority import Action, Rules, check_agent
from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.scope import Scope, Transaction
from stemma.store.schema import access_roles, access_state, principals, role_grants, tokens


@dataclass(frozen=True, slots=True)
class Whoami:
    """In whose name this process acts, and what that may do here."""

    actor: str
    rules: Rules
    token: Token | None
    grants: tuple[Grant, ...]


class Access:
    """The access of one store. May be used by several threads."""

    def __init__(self, scope: Scope, authority: StoredAuthority) -> None:
        self._scope = scope
        self._authority = authority

    # --- looking ------------------------------------------------------------------------------------------------------

    def whoami(self) -> Whoami:
        """Asks for no permission: it tells a caller of himself alone."""
        actor = self._scope.actor
        with self._scope.read() as connection:
            standing = self._authority.standing(connection)
            if standing.rules.governed and standing.token is None:  # the name is only what the caller says
                return Whoami(actor, standing.rules, None, ())
            return Whoami(
                actor,
                standing.rules,
                standing.token,
                grants_in(connection, role_grants.c.principal == actor).get(actor, ()),
            )

    def principals(self) -> list[Principal]:
        """Every principal with its grants, by name."""
        with self._reading("access:/principals") as connection:
            grants = grants_in(connection)
            rows = connection.execute(select(principals).order_by(principals.c.id)).all()
        return [Principal(row.id, row.description, row.added_by, row.added_at, grants.get(row.id, ())) for row in rows]

    def roles(self) -> list[Role]:
        """The built-in roles, and those that were defined here."""
        with self._reading("access:/roles") as connection:
            return [*BUILT_IN.values(), *roles_in(connection)]

    def tokens(self, principal: str | None = None) -> list[Token]:
        """Every token ever issued, or those of one principal, oldest first."""
        query = select(tokens).order_by(tokens.c.issued_at, tokens.c.id)
        with self._reading("access:/tokens") as connection:
            rows = connection.execute(query if principal is None else query.where(tokens.c.principal == principal))
            return [token_of(row) for row in rows]

    # --- governing ----------------------------------------------------------------------------------------------------

    def enable(self, *, days: float = DEFAULT_DAYS) -> Issued:
        """Governs the store, with a first token for the caller, who is given every built-in role.

        From its commit on a caller without a token is refused, whatever process it is in. Raises Conflict when the store is
        governed already, and InvalidName when the caller's name is none that can be granted something.
        """
        actor = check_principal(self._scope.actor)
        with self._changing("access:/") as tx:
            if self._authority.rules(tx.connection).governed:
                raise Conflict("this store is governed already; see: stemma access whoami")
            add_principal(tx, actor, "enabled access")
            for role in BUILT_IN:
                add_grant(tx, actor, role, EVERYTHING)
            issued = self._issued(tx, actor, TokenScope(), days)
            govern(tx)
        return issued

    def recover(self, *, days: float = DEFAULT_DAYS) -> Issued:
        """A token for the caller, made an admin, where every admin's is lost or has expired. Takes no token.

        It takes the key that signs the store's audit log: who has that operates the store, and could write to its database.
        Raises NotConfigured when the key is not here, InvalidInput when it is another's, and Conflict in a store that is not
        governed, where a token opens nothing.
        """
        actor, ledger = check_principal(self._scope.actor), self._scope.ledger
        check_agent(actor, Action.GRANT, "access:/")
        with self._scope.read() as connection:
            self._check_governed(connection)
        signed = ledger.last_checkpoint()
        if ledger.signer is None or signed is None:
            raise NotConfigured(
                "access is recovered with the key that signs this store's audit log, which is not here; set STEMMA_KEYS to "
                "the folder that holds it"
            )
        Checkpoint.parse(signed.note, ledger.signer.public_key)
        with self._alone() as tx:
            self._check_governed(tx.connection)  # it may have been given back meanwhile
            add_principal(tx, actor, "recovered access")
            add_grant(tx, actor, ADMIN, EVERYTHING)
            issued = self._issued(tx, actor, TokenScope(), days)
            tx.record("access.recovered", subject=actor, data={"token": issued.token.id})
        return issued

    def disable(self) -> None:
        """Gives the store back to whoever can open it. Principals, grants and tokens stay as they are. Raises Conflict."""
        with self._changing("access:/") as tx:
            self._check_governed(tx.connection)
            tx.connection.execute(update(access_state).values(governed=0))
            tx.record("access.disabled", subject="access", data={})

    def protect(self, labels: Iterable[str]) -> frozenset[str]:
        """Says which labels nobody moves onto his own words, whether the store is governed or not. None leaves all free."""
        named = sorted(set(labels))
        for label in named:
            if not label or " " in label:
                raise InvalidInput(f"label {label!r} cannot be protected; it has no spaces")
        with self._changing("access:/labels") as tx:
            tx.connection.execute(update(access_state).values(protected=" ".join(named)))
            tx.record("access.protected", subject="access", data={"labels": named})
        return frozenset(named)

    # --- principals, roles, grants ------------------------------------------------------------------------------------

    def add(self, principal: str, *, description: str = "") -> None:
        """Adds somebody who can be granted something. Raises InvalidName, and Conflict for one that is there.

        An agent that is added may do only what is granted to it; the others may do what the process may that they run in.
        """
        check_principal(principal)
        with self._changing("access:/principals") as tx:
            if not add_principal(tx, principal, description):
                raise Conflict(f"{principal} is there already; see: stemma access ls")

    def define(self, role: Role) -> None:
        """Defines a role, or gives one that was defined before other permissions. Raises Conflict for a built-in one."""
        if role.name in BUILT_IN:
            raise Conflict(f"role {role.name!r} is built in and stays as it is; define one under another name")
        permissions = "\n".join(map(str, role.permissions))
        with self._changing("access:/roles") as tx:
            tx.connection.execute(delete(access_roles).where(access_roles.c.name == role.name))
            row = {"name": role.name, "description": role.description, "permissions": permissions}
            tx.connection.execute(insert(access_roles), row | {"defined_by": tx.actor, "defined_at": tx.at})
            tx.record("access.role_defined", subject=role.name, data={"permissions": permissions.splitlines()})
            check_holders(tx.connection, role)

    def grant(self, principal: str, role: str, *, on: str = EVERYTHING) -> bool:
        """Gives a role for the resources of a pattern; False when the principal had it.

        Raises NotFound for a principal or role that is not there, InvalidName for the pattern, and InvalidInput for what no
        agent can be given.
        """
        check_pattern(on)
        with self._changing(f"access:/grants/{principal}") as tx:
            check_known(tx.connection, principal)
            return add_grant(tx, principal, role, on)

    def revoke(self, principal: str, role: str, *, on: str | None = None) -> int:
        """Takes a role away, for one pattern or for all; gives back how many grants that were.

        Raises NotFound when there is none, and Conflict where nobody could grant anything afterwards.
        """
        wanted = [role_grants.c.principal == principal, role_grants.c.role == role]
        if on is not None:
            wanted.append(role_grants.c.resources == on)
        with self._changing(f"access:/grants/{principal}") as tx:
            gone = tx.connection.execute(delete(role_grants).where(*wanted).returning(role_grants.c.resources)).all()
            if not gone:
                where = "" if on is None else f" on {on}"
                raise NotFound(f"{principal} has no role {role!r}{where}; see: stemma access ls")
            told = {"role": role, "on": sorted(row.resources for row in gone)}
            tx.record("access.revoked", subject=principal, data=told)
            keep_an_admin(tx, f"role {role!r} of {principal} was not revoked")
        return len(gone)

    # --- tokens -------------------------------------------------------------------------------------------------------

    def issue(self, principal: str, *, scope: TokenScope = TokenScope(), days: float = DEFAULT_DAYS) -> Issued:  # noqa: B008 - frozen
        """A token for a principal, good for `days`. The first one governs the store, and has to be an admin's.

        Raises NotFound, and InvalidInput for a life that is too long.
        """
        with self._changing(f"access:/tokens/{principal}") as tx:
            check_known(tx.connection, principal)
            issued = self._issued(tx, principal, scope, days)
            if not self._authority.rules(tx.connection).governed:
                govern(tx)
                keep_an_admin(tx, "the first token governs the store, and nothing was issued")
        return issued

    def revoke_token(self, token_id: str) -> Token:
        """Ends a token: its next call is refused, in every process. Raises NotFound, and Conflict for the last admin's."""
        query = select(tokens).where(tokens.c.id == token_id)
        with self._scope.read() as connection:
            known = connection.execute(query).first()
        principal = "unknown" if known is None else known.principal
        with self._changing(f"access:/tokens/{principal}") as tx:
            row = tx.connection.execute(query).first()
            if row is None:
                raise NotFound(f"there is no token {token_id!r}; see: stemma tokens ls")
            token = token_of(row)
            if token.revoked_at is not None:
                return token
            tx.connection.execute(update(tokens).where(tokens.c.id == token_id).values(revoked_at=tx.at))
            tx.record("token.revoked", subject=token_id, data={"principal": token.principal})
            keep_an_admin(tx, f"token {token_id} was not revoked")
        return replace(token, revoked_at=tx.at)

    # --- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self, resource: str) -> Iterator[Connection]:
        with self._scope.read() as connection:
            self._scope.require(Action.READ, resource, connection)
            yield connection

    @contextmanager
    def _changing(self, resource: str) -> Iterator[Transaction]:
        with self._alone() as tx:
            tx.require(Action.GRANT, resource)
            yield tx

    @contextmanager
    def _alone(self) -> Iterator[Transaction]:
        """A transaction that no other change of access runs beside, and after which every process reads anew."""
        with self._scope.write() as tx:
            first = {"id": 1, "stamp": new_id("a"), "governed": 0, "protected": None}
            insert_or_ignore(tx.connection, access_state, first)
            if not self._scope.store.is_sqlite:
                tx.connection.execute(text("select 1 from access_state where id = 1 for update"))
            yield tx
            tx.connection.execute(update(access_state).values(stamp=new_id("a")))

    def _check_governed(self, connection: Connection) -> None:
        if not self._authority.rules(connection).governed:
            raise Conflict("this store is not governed; govern it with: stemma access enable")

    def _issued(self, tx: Transaction, principal: str, scope: TokenScope, days: float) -> Issued:
        return add_token(tx, principal, scope, expires_at=expiry(self._scope.clock.now(), days))
