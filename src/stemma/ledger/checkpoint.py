"""A checkpoint: the log's size and root, signed (https://c2sp.org/tlog-checkpoint)."""

import base64
import re
from dataclasses import dataclass

from stemma.core.errors import InvalidInput
from stemma.ledger.merkle import HASH_SIZE
from stemma.ledger.signing import PublicKey, Signer, strict_base64

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log said when it was signed: its first `size` entries have the Merkle root `root`.

    `note` is the text to keep elsewhere, such as in a commit or a mail: whoever has it can tell later that the log was
    cut or rewritten, even by someone who could write the whole database.
    """

    origin: str
    size: int
    root: bytes
    note: str

    @classmethod
    def sign(cls, signer: Signer, *, size: int, root: bytes) -> "Checkpoint":
        text = f"{signer.name}\n{size}\n{base64.b64encode(root).decode()}\n"
        return cls(signer.name, size, root, signer.sign(text))

    @classmethod
    def parse(cls, note: str, public_key: PublicKey | None = None) -> "Checkpoint":
        """Reads a note and, given a key, checks its signature and its origin. Raises InvalidInput, saying what is wrong."""
        text = note.rpartition("\n\n")[0] + "\n" if public_key is None else public_key.signed_text(note)
        origin, size, root, *_extensions = (*text.split("\n"), "", "")
        if not origin or not _SIZE.fullmatch(size):
            raise InvalidInput("not a checkpoint: its first lines are not an origin and a size")
        hashed = strict_base64(root)
        if hashed is None or len(hashed) != HASH_SIZE:
            raise InvalidInput("not a checkpoint: its third line is not a root hash")
        if public_key is not None and origin != public_key.name:
            raise InvalidInput(f"it speaks for the log {origin!r}, not for {public_key.name!r}")
        return cls(origin, int(size), hashed, note)
