"""What a log asks a witness: to sign a checkpoint, with the proof that it only grew since the witness last saw it.

The text is the body of an `add-checkpoint` request (https://c2sp.org/tlog-witness), so a file of it can be carried by hand or
posted to any witness that speaks the protocol::

    old 20852014
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS…
"""

import base64
import re
from dataclasses import dataclass

from stemma.core.errors import InvalidInput
from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.merkle import HASH_SIZE, ConsistencyProof
from stemma.ledger.signing import strict_base64

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_LONGEST_PATH = 63


@dataclass(frozen=True, slots=True)
class Request:
    """A checkpoint whose signatures are not checked yet, and the proof from the `old` size on."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, text: str) -> "Request":
        """Raises InvalidInput when the text is no such request."""
        head, blank, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        old = _OLD.fullmatch(first)
        path = [strict_base64(line) for line in lines]
        hashes = tuple(each for each in path if each is not None and len(each) == HASH_SIZE)
        if not blank or old is None or len(hashes) != len(path) or len(path) > _LONGEST_PATH:
            raise InvalidInput("not a request to a witness; write one with: stemma audit witness request FILE")
        return cls(int(old[1]), hashes, Checkpoint.parse(note))

    def to_text(self) -> str:
        lines = [f"old {self.old}", *(base64.b64encode(each).decode() for each in self.path)]
        return "\n".join(lines) + f"\n\n{self.checkpoint.note}"

    def proof(self) -> ConsistencyProof:
        return ConsistencyProof(self.old, self.checkpoint.size, self.path)
