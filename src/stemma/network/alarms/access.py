"""Widening: changes of access by which somebody may do more than before, and nobody else had a say in it."""

from collections.abc import Iterator, Sequence

from stemma.guard.access.role import ADMIN
from stemma.guard.alarms import Alarm, Kind, Source, SourceKind
from stemma.ledger import Entry

_DONE = "nothing: it is done; take it back with: stemma access"


def widened(entries: Sequence[Entry]) -> Iterator[Alarm]:
    """The alarms in entries of the audit log: roles that somebody gave himself, more admins, a store that is open to all.

    Who governs a store for the first time gives himself roles in doing so; that is none.
    """
    begun = {(entry.actor, entry.time) for entry in entries if entry.kind == "access.enabled"}
    for entry in entries:
        if (entry.actor, entry.time) in begun:
            continue
        match entry.kind:
            case "access.granted" if entry.actor == entry.subject or entry.data["role"] == ADMIN:
                yield _alarm(entry, f"role {entry.data['role']!r} on {entry.data['on']}")
            case "access.disabled":
                yield _alarm(entry, "whoever can open the store may do everything")
            case "access.recovered":
                yield _alarm(entry, "an admin by the key that signs the log")
            case _:
                pass


def _alarm(entry: Entry, what: str) -> Alarm:
    detail = {"event": entry.seq, "what": what}
    source = Source(SourceKind.PERSON, entry.actor, None)
    return Alarm(Kind.AUTHORITY_WIDENING, "", "", entry.subject, str(entry.seq), source, (), _DONE, detail)
