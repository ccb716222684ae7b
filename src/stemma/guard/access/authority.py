"""The authority that goes by what the store says of its caller: tokens, grants, and whether it is governed at all."""

from sqlalchemy import Connection

from stemma.core.clock import Clock, timestamp
from stemma.core.errors import Unauthorized
from stemma.guard.access.standing import Standing, standing_of
from stemma.guard.access.token import Shown
from stemma.ledger.authority import Action, Rules, check_agent
from stemma.store import Store

_OPEN = Standing("", Rules())
_STAMP = "select stamp, governed, protected from access_state where id = 1"


class StoredAuthority:
    """Of one caller. May be used by several threads.

    Every question reads one row, whose stamp is another after every change of access anywhere: a revoked token is refused at
    its next question in every process, and nothing more than the stamp is read while nothing changes.
    """

    def __init__(self, clock: Clock, token: str | None = None) -> None:
        """Raises InvalidInput for a text that is no token."""
        self._clock = clock
        self._shown = None if token is None else Shown.parse(token)
        self._standing = _OPEN

    def require(self, connection: Connection, actor: str, action: Action, resource: str) -> None:
        """See `Authority`."""
        check_agent(actor, action, resource)
        standing = self.standing(connection)
        if standing.rules.governed:
            standing.check(actor, action, resource, now=timestamp(self._clock.now()))

    def rules(self, connection: Connection) -> Rules:
        """See `Authority`."""
        return self.standing(connection).rules

    def standing(self, connection: Connection) -> Standing:
        """The caller's standing in the connection's transaction."""
        row = connection.exec_driver_sql(_STAMP).first()
        if row is None:
            return _OPEN
        known = self._standing
        if known.stamp == row.stamp:
            return known
        given = None if row.protected is None else frozenset(row.protected.split())
        governed = bool(row.governed)
        protected = Rules().protected if given is None else given
        rules = Rules(governed, protected, separated=governed or given is not None)
        self._standing = standing = standing_of(connection, row.stamp, rules, self._shown)
        return standing

    def principal(self, store: Store) -> str | None:
        """Whose token was given; None without one.

        Raises Unauthorized for a token that the store does not know: whoever shows one wants to be somebody.
        """
        if self._shown is None:
            return None
        with store.read() as connection:
            token = self.standing(connection).token
        if token is None:
            raise Unauthorized(
                f"the bearer of token {self._shown.id}",
                "open",
                f"store {store.name!r}",
                "the store knows no such token",
                "set STEMMA_TOKEN to one that was issued here, or unset it",
            )
        return token.principal
