"""Entries of a log with the proof that they are in it, to stand in a document far from the log."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stemma.core.digests import canonical_json
from stemma.core.errors import InvalidInput
from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.entry import Entry
from stemma.ledger.log import Ledger
from stemma.ledger.merkle import HASH_SIZE, InclusionProof, leaf_hash
from stemma.ledger.signing import PublicKey, strict_base64


@dataclass(frozen=True, slots=True)
class Evidence:
    """Some entries, and the signed checkpoint under which they were proved."""

    entries: tuple[Entry, ...]
    checkpoint: Checkpoint


def evidence_of(ledger: Ledger, entries: Sequence[Entry]) -> dict[str, Any]:
    """`entries` of `ledger` as JSON, each as it was hashed and with its proof (RFC 9162, section 2.1.3).

    Signs a checkpoint when entries were appended since the last. Raises what `Ledger.checkpoint` raises.
    """
    made = ledger.checkpoint()
    return {
        "checkpoint": made.note,
        "entries": [
            {
                "index": entry.seq,
                "body": canonical_json(entry.to_json()).decode(),
                "path": [base64.b64encode(each).decode() for each in ledger.proof(entry.seq, size=made.size).path],
            }
            for entry in entries
        ],
    }


def read_evidence(value: Any, public_key: PublicKey) -> Evidence:
    """The entries in what `evidence_of` wrote, once each is proved to be in the log of `public_key`. Raises InvalidInput."""
    match value:
        case {"checkpoint": str(note), "entries": [_, *_] as entries}:
            checkpoint = Checkpoint.parse(note, public_key)
            return Evidence(tuple(_proved(entry, checkpoint) for entry in entries), checkpoint)
    raise InvalidInput("it carries no proof that its entries are in the log")


def _proved(value: Mapping[str, Any], checkpoint: Checkpoint) -> Entry:
    match value:
        case {"index": int(index), "body": str(body), "path": list(path)}:
            hashes = [strict_base64(each) if isinstance(each, str) else None for each in path]
            known = tuple(each for each in hashes if each is not None and len(each) == HASH_SIZE)
            proof = InclusionProof(index, checkpoint.size, known)
            if len(known) == len(path) and proof.proves(leaf_hash(body.encode()), checkpoint.root):
                return Entry.from_body(body)
    raise InvalidInput(f"an entry that it is drawn from is not in the log of {checkpoint.size} entries that was signed")
