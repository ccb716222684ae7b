"""The audit log: append, prove, checkpoint, verify."""

from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.entry import Entry, Event
from stemma.ledger.export import Export, export, verify_export
from stemma.ledger.log import Ledger
from stemma.ledger.merkle import ConsistencyProof, InclusionProof, leaf_hash
from stemma.ledger.signing import PublicKey, Signer, Use
from stemma.ledger.verification import Verification, verify

__all__ = [
    "Checkpoint",
    "ConsistencyProof",
    "Entry",
    "Event",
    "Export",
    "InclusionProof",
    "Ledger",
    "PublicKey",
    "Signer",
    "Use",
    "Verification",
    "export",
    "leaf_hash",
    "verify",
    "verify_export",
]
