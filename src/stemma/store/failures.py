"""What a database driver complains about, said in Stemma's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError

from stemma.core.errors import StoreDamaged, StoreError, StoreFull, StoreReadOnly

# SQLite has result codes, but the standard library's driver only carries them from Python 3.11 and others not at all;
# its messages are part of its interface and have not changed in ten years.
_SQLITE_MESSAGES: tuple[tuple[str, type[StoreError], str], ...] = (
    (
        "file is not a database",
        StoreDamaged,
        "is not a Stemma database, or is damaged; restore it from a backup",
    ),
    (
        "malformed",
        StoreDamaged,
        "is damaged; restore it from a backup, or save what is left with: sqlite3 FILE .recover",
    ),
    (
        "readonly",
        StoreReadOnly,
        "is read-only; make the file and its folder writable, or set STEMMA_STORE to another place",
    ),
    (
        "unable to open",
        StoreReadOnly,
        "cannot be opened; check that its folder exists and that you may write there",
    ),
    (
        "disk is full",
        StoreFull,
        "has no room left on its disk; nothing of this step was written. Free some and try again",
    ),
    (
        "database is locked",
        StoreError,
        "is held by another process for too long; stop that process or try again",
    ),
    ("disk i/o error", StoreError, "cannot be read or written: the disk reports an error"),
)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turns driver errors inside the block into the store's own; `name` is what the message calls the database."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).lower()
        for fragment, kind, meaning in _SQLITE_MESSAGES:
            if fragment in said:
                raise kind(f"store {name!r} {meaning}") from error
        if "no space left" in said or "disk full" in said:
            raise StoreFull(f"store {name!r} has no room left on its disk; nothing of this step was written") from error
        if isinstance(error, OperationalError):
            first_line = str(error.orig).strip().splitlines()[0]
            raise StoreError(
                f"store {name!r} cannot be used: {first_line}; check STEMMA_STORE and that its server runs"
            ) from error
        raise
