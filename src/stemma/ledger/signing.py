"""Ed25519 keys and signed notes, in the text forms of C2SP (https://c2sp.org/signed-note) that other logs' tools read.

A private key lives in one file, a public key is one line of text to hand around::

    stemma+1f3a7c09+ATdv…
"""

import base64
import os
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stemma.core.errors import InvalidInput, NotConfigured

KEY_FILE = "ledger.key"
WITNESS_KEY_FILE = "witness.key"
_PRIVATE_PREFIX = "PRIVATE+KEY+"
_DASH = "\u2014 "  # an em dash opens every signature line


class Use(StrEnum):
    """What a key signs: in C2SP the algorithm's number, which is part of the key, says so."""

    LOG = "log"  # checkpoints of its own log
    WITNESS = "witness"  # checkpoints of others, each with the time it was seen (https://c2sp.org/tlog-cosignature)

    @property
    def number(self) -> bytes:
        return b"\x01" if self is Use.LOG else b"\x04"


@dataclass(frozen=True)
class PublicKey:
    """Whose signatures to believe. `text` is the form ``name+hash+base64`` (a C2SP *vkey*)."""

    name: str
    raw: bytes
    use: Use = Use.LOG

    @classmethod
    def parse(cls, text: str, *, use: Use = Use.LOG) -> "PublicKey":
        """Reads the text form. Raises InvalidInput for what is no key, a hash that is not its own, and another use."""
        name, _, rest = text.strip().partition("+")
        key_hash, _, encoded = rest.partition("+")
        raw = _decoded_key(encoded, use)
        if not _is_key_name(name) or raw is None or (key := cls(name, raw, use)).key_hash.hex() != key_hash:
            printed = "key" if use is Use.LOG else "witness init"
            raise InvalidInput(
                f"{text.strip()[:80]!r} is not a public key of a {use.value}; it reads name+hash+base64, "
                f"as `stemma audit {printed}` prints it"
            )
        return key

    @cached_property
    def text(self) -> str:
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(self.use.number + self.raw).decode()}"

    @cached_property
    def key_hash(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + self.use.number + self.raw).digest()[:4]

    def line(self, signature: bytes) -> str:
        """A signature by this key as a line of a signed note."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_hash + signature).decode()}\n"

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether the Ed25519 `signature` of `message` holds."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def signed_text(self, note: str) -> str:
        """The text of `note`, once a signature by this key has been found on it and holds.

        Signatures by other keys are passed over, as the standard asks. Raises InvalidInput, saying why, otherwise.
        """
        text, signatures = split_note(note)
        others = list[str]()
        for name, key_hash, signature in signatures:
            if name != self.name or key_hash != self.key_hash:
                others.append(f"{name}+{key_hash.hex()}")
                continue
            if not self.has_signed(text.encode(), signature):
                raise InvalidInput(f"the signature by {name}+{key_hash.hex()} does not hold")
            return text
        raise InvalidInput(f"not signed by {self.name}+{self.key_hash.hex()}, but by {', '.join(others)}")


_KEY_FILES = {Use.LOG: KEY_FILE, Use.WITNESS: WITNESS_KEY_FILE}


@dataclass(frozen=True)
class Signer:
    """Signs checkpoints with an Ed25519 key under a name, which for a log is its origin, too."""

    name: str
    key: Ed25519PrivateKey
    use: Use = Use.LOG

    @classmethod
    def load_or_create(cls, folder: Path, name: str = "stemma", *, use: Use = Use.LOG) -> "Signer":
        """The key kept in `folder`, made there with the folder on first use (readable by its owner alone).

        Two processes that come first at once end up with the same key. `name` is given to a new key only. Raises
        NotConfigured when the file cannot be written, or as `load` does.
        """
        path = folder / _KEY_FILES[use]
        if not path.exists():
            if not _is_key_name(name):
                raise InvalidInput(f"{name!r} cannot name a key: no spaces, no plus signs, not empty")
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _create(path, cls(name, Ed25519PrivateKey.generate(), use)._private_text())
            except OSError as error:
                raise NotConfigured(
                    f"the signing key cannot be written to {str(path)!r}: {error.strerror}; "
                    "checkpoints need a writable folder for it"
                ) from error
        return cls.load(folder, use=use)

    @classmethod
    def load(cls, folder: Path, *, use: Use = Use.LOG) -> "Signer":
        """The key kept in `folder`. Raises NotConfigured when it is missing, damaged or open to others."""
        path = folder / _KEY_FILES[use]
        try:
            if path.stat().st_mode & 0o077:
                raise NotConfigured(f"signing key {str(path)!r} can be read by others; close it with: chmod 600 {path}")
            text = path.read_text("utf-8").strip()
        except FileNotFoundError:
            raise NotConfigured(
                f"there is no signing key at {str(path)!r}, so nothing can be signed; put the key back, or "
                + ("set STEMMA_KEYS to its folder" if use is Use.LOG else "make one with: stemma audit witness init")
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise NotConfigured(f"signing key {str(path)!r} cannot be read: {error}") from error
        name, _, rest = text.removeprefix(_PRIVATE_PREFIX).partition("+")
        key_hash, _, encoded = rest.partition("+")
        seed = _decoded_key(encoded, use)
        if text.startswith(_PRIVATE_PREFIX) and seed is not None and _is_key_name(name):
            signer = cls(name, Ed25519PrivateKey.from_private_bytes(seed), use)
            if signer.public_key.key_hash.hex() == key_hash:
                return signer
        raise NotConfigured(
            f"signing key {str(path)!r} is damaged; put it back from a copy: a new key cannot sign for it"
        )

    @cached_property
    def public_key(self) -> PublicKey:
        return PublicKey(self.name, self.key.public_key().public_bytes_raw(), self.use)

    def sign(self, text: str) -> str:
        """`text`, which ends with a newline, as a signed note."""
        if not text.endswith("\n"):
            raise InvalidInput("the text of a signed note ends with a newline")
        return f"{text}\n{self.public_key.line(self.key.sign(text.encode()))}"

    def _private_text(self) -> str:
        encoded = base64.b64encode(self.use.number + self.key.private_bytes_raw()).decode()
        return f"{_PRIVATE_PREFIX}{self.name}+{self.public_key.key_hash.hex()}+{encoded}\n"


def split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text of a note and its signatures as (name, key hash, signature). Raises InvalidInput when it is no note."""
    try:
        note.encode()
    except UnicodeEncodeError:
        raise InvalidInput("not a signed note: it is not Unicode text") from None
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise InvalidInput("not a signed note: there is no blank line with signatures behind it")
    signatures = []
    for line in lines.removesuffix("\n").split("\n"):
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        decoded = strict_base64(encoded)
        if not line.startswith(_DASH) or not _is_key_name(name) or decoded is None or len(decoded) < 5:
            raise InvalidInput(f"not a signed note: {line[:60]!r} is not a signature")
        signatures.append((name, decoded[:4], decoded[4:]))
    return text + "\n", signatures


def _create(path: Path, text: str) -> None:
    """Writes a new file whole or not at all; somebody else's that came first is left as it is."""
    descriptor, temporary = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike a rename, never replaces a key that another process made meanwhile
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)


def _is_key_name(name: str) -> bool:
    return bool(name) and name.isprintable() and "+" not in name and not any(character.isspace() for character in name)


def _decoded_key(encoded: str, use: Use) -> bytes | None:
    """The 32 bytes of a key behind its algorithm's number, or None."""
    data = strict_base64(encoded)
    return data[1:] if data is not None and len(data) == 33 and data[:1] == use.number else None


def strict_base64(encoded: str) -> bytes | None:
    """What standard base64 stands for; None when another text could stand for the same, or it is none at all."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    # Unused bits of the last digit would let a text be changed without changing what it says.
    return data if base64.b64encode(data).decode() == encoded else None
