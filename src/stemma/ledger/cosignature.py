"""What a witness says of a log: at this time, that was the largest tree I had seen of it, and it began with all that I had
seen before (https://c2sp.org/tlog-cosignature, in Ed25519).

It is one more signature line of the checkpoint's note, which other keys' readers pass over.
"""

from dataclasses import dataclass

from stemma.core.errors import InvalidInput
from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.signing import PublicKey, Signer, split_note

_TIME = 8  # bytes of POSIX seconds before the signature itself


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A checkpoint that a witness has signed at `time`, in POSIX seconds. `line` is the witness's line of its note."""

    witness: PublicKey
    checkpoint: Checkpoint
    time: int
    line: str

    @classmethod
    def sign(cls, signer: Signer, checkpoint: Checkpoint, *, time: int) -> "Cosignature":
        """Signs without looking: that the log only grew is for `Witness` to see to."""
        text, _ = split_note(checkpoint.note)
        line = signer.public_key.line(time.to_bytes(_TIME, "big") + signer.key.sign(_message(text, time)))
        signed = Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.note + line)
        return cls(signer.public_key, signed, time, line)

    @classmethod
    def find(cls, note: str, witness: PublicKey) -> "Cosignature | None":
        """The newest signature of `witness` on a checkpoint, None when there is none; the log's own is not looked at.

        Raises InvalidInput for one that does not hold, and when `note` is no checkpoint.
        """
        text, signatures = split_note(note)
        found = [
            (int.from_bytes(signature[:_TIME], "big"), signature)
            for name, key_hash, signature in signatures
            if (name, key_hash) == (witness.name, witness.key_hash)
        ]
        if any(not witness.has_signed(_message(text, time), signature[_TIME:]) for time, signature in found):
            raise InvalidInput(f"the signature by the witness {witness.name}+{witness.key_hash.hex()} does not hold")
        if not found:
            return None
        time, signature = max(found)
        return cls(witness, Checkpoint.parse(note), time, witness.line(signature))

    @classmethod
    def read(cls, note: str, witness: PublicKey) -> "Cosignature":
        """Like `find`, where there must be one. Raises InvalidInput."""
        found = cls.find(note, witness)
        if found is None:
            raise InvalidInput(f"not signed by the witness {witness.name}+{witness.key_hash.hex()}")
        return found


def _message(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()
