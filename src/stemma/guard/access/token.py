"""Tokens: what a caller shows in a principal's place. ``stm_<id>_<secret>``, told once and kept nowhere.

The store has the SHA-256 of the secret. A slow hash, or a salt, makes guessing passwords dear; a secret of 256 random bits
is beyond guessing, and what is asked at every call has to be quick.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from stemma.core.clock import timestamp
from stemma.core.errors import InvalidInput
from stemma.core.ids import new_id
from stemma.guard.access.permission import EVERYTHING, action_named, check_pattern, covers
from stemma.ledger.authority import Action

DEFAULT_DAYS, MOST_DAYS = 90, 365

_TEXT = re.compile(r"stm_([0-9a-z]{26})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What a token is limited to within what its principal may do; a `*` among them is no limit."""

    actions: tuple[str, ...] = (EVERYTHING,)
    resources: tuple[str, ...] = (EVERYTHING,)

    @classmethod
    def of(cls, actions: Iterable[str], resources: Iterable[str]) -> "TokenScope":
        """None given is no limit. Raises InvalidInput and InvalidName."""
        named = tuple(sorted({one if one == EVERYTHING else action_named(one) for one in actions}))
        patterns = tuple(sorted({check_pattern(one) for one in resources}))
        return cls(named or (EVERYTHING,), patterns or (EVERYTHING,))

    def allows(self, action: Action, resource: str) -> bool:
        named = EVERYTHING in self.actions or action in self.actions
        return named and any(covers(pattern, resource) for pattern in self.resources)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: everything about it but what it takes to use it."""

    id: str
    principal: str
    scope: TokenScope
    issued_by: str
    issued_at: str
    expires_at: str
    revoked_at: str | None = None

    def standing(self, now: str) -> str:
        """``live``, ``expired`` or ``revoked`` at that time."""
        if self.revoked_at is not None:
            return "revoked"
        return "live" if now < self.expires_at else "expired"

    def to_json(self, now: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "principal": self.principal,
            "actions": list(self.scope.actions),
            "resources": list(self.scope.resources),
            "issued_by": self.issued_by,
            "issued_at": self.issued_at,
            "expires_at": self.expires_at,
            "revoked_at": self.revoked_at,
            "standing": self.standing(now),
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A token that a caller shows: which it says it is, and the hash of what it knows."""

    id: str
    hash: bytes

    @classmethod
    def parse(cls, text: str) -> "Shown":
        """Raises InvalidInput, which does not repeat the text: it may be a secret, if a wrong one."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise InvalidInput("the token given is not of the form stm_<id>_<secret>; copy it whole into STEMMA_TOKEN")
        return cls(found[1], sha256(found[2].encode()).digest())

    def knows(self, kept: bytes) -> bool:
        """Whether it is the token of that hash, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(self.hash, kept)


def new_token() -> tuple[str, Shown]:
    """A token's text, and what it shows."""
    text = f"stm_{new_id('t').removeprefix('t_')}_{secrets.token_hex(32)}"
    return text, Shown.parse(text)


def expiry(now: datetime, days: float) -> str:
    """Raises InvalidInput for a life of nothing, or of more than a year."""
    if not 0 < days <= MOST_DAYS:
        raise InvalidInput(
            f"a token of {days:g} days cannot be issued; it lives for more than 0, and {MOST_DAYS} at most"
        )
    return timestamp(now + timedelta(days=days))
