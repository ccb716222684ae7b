"""Keys and signed notes: the published vector, files on disk, and what is refused."""

import base64
import multiprocessing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput, NotConfigured
from stemma.ledger.checkpoint import Checkpoint
from stemma.ledger.signing import KEY_FILE, PublicKey, Signer

# The key pair and note of Go's golang.org/x/mod/sumdb/note, the reference implementation of signed notes.
VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SIGNER = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / KEY_FILE
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_reference_key_signs_the_reference_note(tmp_path: Path) -> None:
    """The published private key, read from a file, writes the published note byte for byte, and its public key reads it."""
    key_file(tmp_path, PRIVATE + "\n")
    signer = Signer.load(tmp_path)
    assert signer.public_key.text == VERIFIER
    assert signer.sign(TEXT) == NOTE
    assert PublicKey.parse(VERIFIER).signed_text(NOTE) == TEXT


def test_a_key_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    """The first use makes the folder and a key that only its owner may read; the second finds the same key."""
    folder = tmp_path / "a" / "keys"
    first = Signer.load_or_create(folder, "example.org/log")
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert Signer.load_or_create(folder).public_key == first.public_key == Signer.load(folder).public_key
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


def test_processes_that_come_first_at_once_get_one_key(tmp_path: Path) -> None:
    """Several processes that make the key at the same time end up with the same one."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        keys = pool.map(_public_text, [tmp_path / "keys"] * 6, chunksize=1)
    assert len(set(keys)) == 1


def _public_text(folder: Path) -> str:
    return Signer.load_or_create(folder).public_key.text


def test_a_missing_key_says_how_to_get_one(tmp_path: Path) -> None:
    """Loading from an empty folder names the file and the way out."""
    with pytest.raises(NotConfigured, match=r"no signing key at .*ledger.key.*put the key back, or set STEMMA_KEYS"):
        Signer.load(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "garbage", PRIVATE[:-4] + "AAAA", PRIVATE.replace("c74f20a3", "c74f20a4"), VERIFIER, PRIVATE[:-1]],
)
def test_a_damaged_key_is_refused(tmp_path: Path, text: str) -> None:
    """A key file that is empty, cut, mistyped or a public key is called damaged, and never replaced."""
    path = key_file(tmp_path, text)
    with pytest.raises(NotConfigured, match="damaged"):
        Signer.load_or_create(tmp_path)
    assert path.read_text() == text


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A signing key open to the group or the world is not used; the message says how to close it."""
    key_file(tmp_path, PRIVATE, 0o644)
    with pytest.raises(NotConfigured, match="chmod 600"):
        Signer.load(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the key's folder should be is told as such."""
    (tmp_path / "keys").write_text("")
    with pytest.raises(NotConfigured, match="cannot be written"):
        Signer.load_or_create(tmp_path / "keys" / "deep")


@pytest.mark.parametrize("name", ["", "two words", "a+b"])
def test_a_key_name_must_fit_the_note_format(tmp_path: Path, name: str) -> None:
    """Names that would break a signature line are refused before anything is written."""
    with pytest.raises(InvalidInput, match="cannot name a key"):
        Signer.load_or_create(tmp_path, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "name", VERIFIER[:-1], VERIFIER.replace("c7", "c8"), VERIFIER + "=", PRIVATE])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    """Text that is not a public key, or whose hash is not its own, is named in the error."""
    with pytest.raises(InvalidInput, match="not a public key"):
        PublicKey.parse(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_every_signed_text_comes_back(text: str) -> None:
    """Whatever the text, blank lines and signature-like lines included, its note gives back exactly it."""
    assert SIGNER.public_key.signed_text(SIGNER.sign(text + "\n")) == text + "\n"


@given(st.integers(0, 10**6), st.integers(0, 0x10FFFF).filter(lambda code: not 0xD800 <= code < 0xE000))
def test_no_character_of_a_checkpoint_can_be_changed(place: int, code: int) -> None:
    """Any one character replaced anywhere in a checkpoint, its signature line included, is found."""
    note = Checkpoint.sign(SIGNER, size=1234, root=bytes(range(32))).note
    place %= len(note)
    changed = note[:place] + chr(code) + note[place + 1 :]
    if changed != note:
        with pytest.raises(InvalidInput):
            Checkpoint.parse(changed, SIGNER.public_key)


def test_signatures_by_others_are_passed_over() -> None:
    """A note that a witness signed as well is good; one that only others signed names them."""
    other = Signer("witness", Ed25519PrivateKey.generate())
    note = SIGNER.sign("text\n")
    cosignature = other.sign("text\n").splitlines(keepends=True)[-1]
    assert SIGNER.public_key.signed_text(note.replace("\n\n", f"\n\n{cosignature}")) == "text\n"
    with pytest.raises(InvalidInput, match=r"not signed by example.org/log\+.*, but by witness\+"):
        SIGNER.public_key.signed_text(other.sign("text\n"))


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "example.org/log\n",
        f"example.org/log\n01\n{ROOT}\n",
        f"example.org/log\n-1\n{ROOT}\n",
        f"example.org/log\n{'9' * 5000}\n{ROOT}\n",
        "example.org/log\n1\nAAAA\n",
        "example.org/log\n1\n!\n",
        f"another/log\n1\n{ROOT}\n",
        f"\n1\n{ROOT}\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    """Signed or not, a note without origin, plain size and root, or about another log, is not a checkpoint."""
    with pytest.raises(InvalidInput, match=r"not a checkpoint|speaks for"):
        Checkpoint.parse(SIGNER.sign(text), SIGNER.public_key)


def test_a_checkpoint_reads_back_and_may_carry_extension_lines() -> None:
    """Origin, size and root come back from a note, also when lines follow them, as the standard allows."""
    made = Checkpoint.sign(SIGNER, size=0, root=bytes(32))
    assert Checkpoint.parse(made.note, SIGNER.public_key) == made == Checkpoint.parse(made.note)
    extended = SIGNER.sign(f"example.org/log\n7\n{ROOT}\nextension\n")
    assert Checkpoint.parse(extended, SIGNER.public_key).size == 7
