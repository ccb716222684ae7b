"""What happened, as a caller says it, and as the log keeps it: one canonical JSON body an entry."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stemma.core.digests import canonical_json, thaw
from stemma.core.errors import InvalidInput, InvalidName

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")

TIP = slice(-66, -2)
"""Where a body carries the leaf hash of the entry before it: `tip` sorts behind every other key, so its 64 hexadecimal
digits stand at a fixed place and can be compared without parsing."""


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be recorded. `kind` is a dotted verb such as ``label.moved``, `subject` what it happened to, `actor`
    who did it; `data` is small JSON (digests, names, numbers), never a user's text: the log is kept for ever."""

    kind: str
    subject: str
    actor: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it was recorded. `time` is RFC 3339 in UTC, `tip` the leaf hash of the entry before, in hexadecimal."""

    seq: int
    time: str
    actor: str
    kind: str
    subject: str
    data: Mapping[str, Any]
    tip: str

    @classmethod
    def from_body(cls, body: bytes | str) -> "Entry":
        """The entry that `body_of` wrote. Raises InvalidInput when the body is not one."""
        try:
            return cls(**json.loads(body))
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInput(f"{body[:60]!r} is not the body of a log entry: {error}") from error

    def to_json(self) -> dict[str, Any]:
        return {name: thaw(getattr(self, name)) for name in self.__slots__}


def body_of(event: Event, *, seq: int, time: str, tip: bytes) -> bytes:
    """The canonical JSON (RFC 8785) that is stored and hashed.

    Each body carries the leaf hash of the entry before it. The Merkle tree alone proves *that* something between two
    checkpoints changed; this second copy of every leaf hash proves *which* entry, also when a body and its stored leaf
    hash were rewritten together. It costs 73 bytes an entry and no hash that is not needed anyway; a signature an entry,
    which would locate even a rewrite of all that follows, would cost more than the rest of an append in bulk.

    Raises InvalidName for a kind that is no dotted verb, InvalidInput for data that JSON cannot carry.
    """
    if not _KIND.fullmatch(event.kind):
        raise InvalidName("event kind", event.kind, "it is two or more lower-case words with dots, like label.moved")
    return canonical_json(
        {
            "seq": seq,
            "time": time,
            "actor": event.actor,
            "kind": event.kind,
            "subject": event.subject,
            "data": thaw(event.data),
            "tip": tip.hex(),
        }
    )
