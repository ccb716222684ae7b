"""The second party: sees checkpoints of logs that it has no access to, and signs only those that go on from what it saw.

Whoever owns a log holds its key and its database, and could write all of it anew. The witness keeps, for each log, the last
checkpoint that it signed, and asks for the proof (RFC 6962) that the next one begins with it. What it signed can be neither
cut off nor changed any more without the witness's copy showing it. Its folder is::

    witness.key               the witness's own key
    2f6a91c04b7de8aa.pub      the public key of a log that it watches
    2f6a91c04b7de8aa.note     the last checkpoint of that log, with the witness's signature: to be handed to whoever verifies
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stemma.core.clock import Clock
from stemma.core.digests import digest_bytes
from stemma.core.errors import Conflict, InvalidInput, LedgerTampered, NotConfigured
from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.cosignature import Cosignature
from stemma.ledger.request import Request
from stemma.ledger.signing import PublicKey, Signer, Use


@dataclass(frozen=True)
class Witness:
    """A witness's key and what it remembers, in `folder`."""

    folder: Path
    signer: Signer
    clock: Clock

    @classmethod
    def init(cls, folder: Path, log: PublicKey, clock: Clock, *, name: str = "witness") -> "Witness":
        """Watches one more log, with the key in `folder`, which is made there under `name` when there is none.

        Raises NotConfigured when the folder cannot be written.
        """
        witness = cls(folder, Signer.load_or_create(folder, name, use=Use.WITNESS), clock)
        try:
            witness._file(log, "pub").write_text(f"{log.text}\n", "utf-8")
        except OSError as error:
            raise NotConfigured(f"{str(folder)!r} cannot be written: {error.strerror}; give another folder") from error
        return witness

    @classmethod
    def load(cls, folder: Path, clock: Clock) -> "Witness":
        """Raises NotConfigured when there is no witness in `folder`."""
        return cls(folder, Signer.load(folder, use=Use.WITNESS), clock)

    def sign(self, request: Request) -> Cosignature:
        """Signs the checkpoint of `request`, and remembers it, when it goes on from what was signed before.

        Raises LedgerTampered for a log that was cut or rewritten, Conflict when the proof begins elsewhere than where this
        witness last saw the log, NotConfigured for a log that it does not watch.
        """
        offered = request.checkpoint
        with self._alone():
            log = self._log_of(offered)
            seen = self._seen(log)
            if seen is not None:
                _refuse_rollback(seen, offered)
            size, root = (0, b"") if seen is None else (seen.size, seen.root)
            if request.old != size:
                raise Conflict(
                    f"this witness last saw {size} entries of {log.name!r}, the request goes on from {request.old}; "
                    f"nothing was signed. Ask again with: stemma audit witness request FILE --since {size}"
                )
            # From nothing on there is nothing to prove: the first checkpoint is taken as it is.
            fits = request.proof().proves(root, offered.root) if size else not request.path
            if not fits:
                raise LedgerTampered(
                    f"the log {log.name!r} was rewritten: its {offered.size} entries do not begin with the {size} that this "
                    "witness saw, or the request was damaged; nothing was signed"
                )
            signed = Cosignature.sign(self.signer, offered, time=int(self.clock.now().timestamp()))
            _write(self._file(log, "note"), signed.checkpoint.note)  # before anybody else learns of it
            return signed

    def file_of(self, checkpoint: Checkpoint) -> Path:
        """Where the last checkpoint of this one's log is kept. Raises NotConfigured for a log that is not watched."""
        return self._file(self._log_of(checkpoint), "note")

    def _log_of(self, checkpoint: Checkpoint) -> PublicKey:
        """The watched log whose key signed it: many logs have the same name."""
        for path in sorted(self.folder.glob("*.pub")):
            log = PublicKey.parse(path.read_text("utf-8"))
            try:
                Checkpoint.parse(checkpoint.note, log)
            except InvalidInput:
                continue
            return log
        raise NotConfigured(
            f"no log that this witness watches has signed this checkpoint of {checkpoint.origin!r}, so nothing was signed; "
            f"if it is a new log, watch it with: stemma audit witness init {self.folder} --log KEYFILE"
        )

    def _seen(self, log: PublicKey) -> Checkpoint | None:
        path = self._file(log, "note")
        try:
            return Cosignature.read(path.read_text("utf-8"), self.signer.public_key).checkpoint
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, InvalidInput) as error:
            raise NotConfigured(
                f"what this witness remembers in {str(path)!r} cannot be read: {error}; put it back from a copy"
            ) from error

    def _file(self, log: PublicKey, suffix: str) -> Path:
        return self.folder / f"{digest_bytes(log.text.encode())[:16]}.{suffix}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Held from looking to remembering: two requests at once could otherwise both go on from the same checkpoint."""
        with open(self.folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _refuse_rollback(seen: Checkpoint, offered: Checkpoint) -> None:
    if offered.size < seen.size:
        raise LedgerTampered(
            f"the log {offered.origin!r} was cut: it now counts {offered.size} entries, this witness saw {seen.size}; "
            "nothing was signed"
        )
    if offered.size == seen.size and offered.root != seen.root:
        raise LedgerTampered(
            f"the log {offered.origin!r} was rewritten: this witness saw {seen.size} other entries; nothing was signed"
        )


def _write(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".new")
    with open(unfinished, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
