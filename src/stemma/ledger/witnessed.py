"""The owner's side of witnessing: what to ask a witness, and keeping what it answered beside the checkpoint."""

from sqlalchemy import select, update

from stemma.core.errors import InvalidInput, LedgerTampered
from stemma.ledger.cosignature import Cosignature
from stemma.ledger.log import Ledger
from stemma.ledger.request import Request
from stemma.ledger.signing import PublicKey, split_note
from stemma.store import Store
from stemma.store.schema import ledger_checkpoints


def request(ledger: Ledger, *, since: int) -> Request:
    """What to ask a witness that last saw `since` entries; signs a checkpoint of the log as it stands.

    Raises what `Ledger.checkpoint` raises, and InvalidInput when the log does not reach that far.
    """
    made = ledger.checkpoint()
    if since > made.size:
        raise InvalidInput(
            f"the log has {made.size} entries, so nothing can be proved from {since} on; if a witness saw so many, the log was "
            "cut, or this is another store"
        )
    return Request(since, ledger.consistency(since, size=made.size).path, made)


def last_cosigned(store: Store, witness: PublicKey) -> Cosignature | None:
    """The largest checkpoint in `store` that `witness` has signed; None when there is none."""
    size, note = ledger_checkpoints.c.size, ledger_checkpoints.c.note
    query = select(note).where(note.contains(f"{witness.name} ", autoescape=True)).order_by(size.desc())
    with store.read() as connection:
        found = (
            Cosignature.find(text, witness) for text in connection.scalars(query)
        )  # another may have the same name
        return next((each for each in found if each is not None), None)


def add(store: Store, note: str, witness: PublicKey) -> Cosignature:
    """Keeps the signature of `witness` on a checkpoint of this log with that checkpoint; once, however often it is added.

    Raises InvalidInput when `witness` has not signed `note`, or the log has no checkpoint of that size; LedgerTampered when
    the log has another one.
    """
    signed = Cosignature.read(note, witness)
    of_size = ledger_checkpoints.c.size == signed.checkpoint.size
    with store.write() as connection:
        stored = connection.execute(select(ledger_checkpoints.c.note).where(of_size)).scalar()
        if stored is None:
            raise InvalidInput(
                f"this log has no checkpoint of {signed.checkpoint.size} entries, so nothing was added; "
                "is it the right store? See: stemma audit verify --kept FILE"
            )
        if split_note(stored)[0] != split_note(note)[0]:
            raise LedgerTampered(
                f"the witness {witness.name!r} signed another checkpoint of {signed.checkpoint.size} entries than this log "
                "has; nothing was added. Find out with: stemma audit verify --kept FILE"
            )
        if signed.line not in stored:
            connection.execute(update(ledger_checkpoints).where(of_size).values(note=stored + signed.line))
    return signed
