"""A second party sees checkpoints: what it has signed, not even the log's owner can cut off or rewrite unnoticed."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import Conflict, InvalidInput, LedgerTampered, NotConfigured
from stemma.ledger import Event, Ledger, PublicKey, Signer, export, verify_export
from stemma.ledger.cosignature import Cosignature
from stemma.ledger.request import Request
from stemma.ledger.signing import Use
from stemma.ledger.witness import Witness
from stemma.ledger.witnessed import add, last_cosigned, request
from stemma.store import Store
from stemma.testing.clock import VirtualClock

STANDARD_LOG = "example.com/behind-the-sofa"
STANDARD_NOTE = f"""\
{STANDARD_LOG}
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— {STANDARD_LOG} Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501 - the example of https://c2sp.org/tlog-cosignature, to the letter


def write(ledger: Ledger, count: int, *, actor: str = "ada") -> None:
    with ledger.store.write() as connection:
        ledger.append_many(connection, [Event("prompt.saved", f"p{n}", actor, {"n": n}) for n in range(count)])


@pytest.fixture
def witness(tmp_path: Path, signer: Signer) -> Witness:
    """A second party that watches the log of `signer`."""
    return Witness.init(tmp_path / "witness", signer.public_key, VirtualClock(), name="example.org/w1")


@pytest.fixture
def seen(ledger: Ledger, witness: Witness) -> Cosignature:
    """What the witness signed of a log of six entries; the owner has kept it."""
    write(ledger, 6)
    signed = witness.sign(request(ledger, since=0))
    add(ledger.store, signed.checkpoint.note, witness.signer.public_key)
    return signed


def rewritten(ledger: Ledger, signer: Signer, tmp_path: Path, count: int, *, actor: str = "mallory") -> Ledger:
    """The whole log as its owner would write it anew: other entries, right hashes, head and signatures."""
    forged = Ledger(Store.open(f"sqlite:///{tmp_path}/forged.db"), VirtualClock(), signer)
    for _ in range(count):
        write(forged, 1, actor=actor)
        forged.checkpoint()
    return forged


def asked(ledger: Ledger, witness: Witness) -> Request:
    last = last_cosigned(ledger.store, witness.signer.public_key)
    return request(ledger, since=0 if last is None else last.checkpoint.size)


# --- what it is for ---------------------------------------------------------------------------------------------------


def test_a_log_that_grows_is_signed_again_and_again(ledger: Ledger, witness: Witness, seen: Cosignature) -> None:
    """Each time the proof leads from what the witness saw before; up to there the log is witnessed."""
    for more in (1, 2, 10):
        write(ledger, more)
        signed = witness.sign(asked(ledger, witness))
        add(ledger.store, signed.checkpoint.note, witness.signer.public_key)
        found = ledger.verify(witnesses=[witness.signer.public_key])
        assert (found.problem, found.witnessed_size) == (None, ledger.size())
    write(ledger, 3)
    found = ledger.verify(witnesses=[witness.signer.public_key])
    assert (found.problem, found.entries, found.witnessed_size) == (None, 22, 19)


@pytest.mark.parametrize("count", [3, 6, 20])
def test_an_owner_who_rewrites_everything_is_found_by_the_witness_alone(
    ledger: Ledger, signer: Signer, witness: Witness, seen: Cosignature, tmp_path: Path, count: int
) -> None:
    """With the log's own key a shorter, an equal and a longer log are written anew and pass; what the witness has kept, and
    the witness itself, tell."""
    forged = rewritten(ledger, signer, tmp_path, count)
    assert forged.verify().verified
    found = forged.verify(kept=[seen.checkpoint.note], witnesses=[witness.signer.public_key])
    assert found.problem is not None
    assert "the checkpoint that witness 'example.org/w1' saw" in found.problem
    assert found.suspects == (range(count, count + 1) if count < 6 else range(6))
    assert found.witnessed_size == 0
    with pytest.raises(LedgerTampered, match=r"was (cut|rewritten)"):
        witness.sign(request(forged, since=min(6, count)))


def test_an_owner_who_cuts_the_log_is_found_by_the_witness_alone(
    ledger: Ledger, signer: Signer, witness: Witness, seen: Cosignature, tmp_path: Path
) -> None:
    """The same entries but the last, signed anew, pass; the witness has seen one more."""
    cut = rewritten(ledger, signer, tmp_path, 0)
    with cut.store.write() as connection:
        cut.append_many(connection, [Event("prompt.saved", f"p{n}", "ada", {"n": n}) for n in range(5)])
    cut.checkpoint()
    assert cut.verify().verified
    found = cut.verify(kept=[seen.checkpoint.note], witnesses=[witness.signer.public_key])
    assert (found.first_bad, found.problem) == (
        5,
        "entry 5 is missing: the checkpoint that witness 'example.org/w1' saw counts 6 entries",
    )
    with pytest.raises(
        LedgerTampered, match=r"was cut: it now counts 5 entries, this witness saw 6; nothing was signed"
    ):
        witness.sign(request(cut, since=0))
    assert witness.file_of(seen.checkpoint).read_text() == seen.checkpoint.note


def test_a_log_whose_witness_was_removed_does_not_pass(
    ledger: Ledger, signer: Signer, witness: Witness, seen: Cosignature, tmp_path: Path
) -> None:
    """Asked for a witness that has signed nothing here, verification does not call that witnessed."""
    forged = rewritten(ledger, signer, tmp_path, 8)
    found = forged.verify(witnesses=[witness.signer.public_key])
    assert found.problem is not None
    assert "has signed no checkpoint that is here" in found.problem


def test_a_new_key_under_the_old_name_does_not_pass(
    ledger: Ledger, witness: Witness, seen: Cosignature, tmp_path: Path
) -> None:
    """An owner who makes a key and a log anew is found by what the witness saw of the old ones."""
    other = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    forged = rewritten(ledger, other, tmp_path, 8)
    found = forged.verify(kept=[seen.checkpoint.note], witnesses=[witness.signer.public_key])
    assert found.suspects == range(6)
    with pytest.raises(NotConfigured, match=r"no log that this witness watches has signed .* witness init"):
        witness.sign(request(forged, since=6))


def test_an_export_carries_what_witnesses_signed(
    ledger: Ledger, signer: Signer, witness: Witness, seen: Cosignature, tmp_path: Path
) -> None:
    """The file verifies against the witness's key without the store, and a rewritten one does not."""
    theirs = [witness.signer.public_key]
    export(ledger.store, tmp_path / "log.jsonl")
    assert verify_export(tmp_path / "log.jsonl", signer.public_key, witnesses=theirs).witnessed_size == 6
    export(rewritten(ledger, signer, tmp_path, 6).store, tmp_path / "forged.jsonl")
    assert verify_export(tmp_path / "forged.jsonl", signer.public_key).verified
    kept = [seen.checkpoint.note]
    assert not verify_export(tmp_path / "forged.jsonl", signer.public_key, kept=kept, witnesses=theirs).verified


# --- what a witness refuses -------------------------------------------------------------------------------------------


def test_a_witness_starts_from_what_it_saw_last(ledger: Ledger, witness: Witness, seen: Cosignature) -> None:
    """A proof from elsewhere is not taken, and the answer says from where it is asked for."""
    write(ledger, 4)
    for since in (0, 3):
        with pytest.raises(Conflict, match=r"last saw 6 entries .* request FILE --since 6"):
            witness.sign(request(ledger, since=since))


def test_a_witness_that_lost_its_memory_does_not_vouch_for_the_past(
    ledger: Ledger, signer: Signer, witness: Witness, seen: Cosignature
) -> None:
    """What it remembers must be readable and its own; where it is gone, it starts from nothing and says so."""
    kept = witness.file_of(seen.checkpoint)
    kept.write_text(seen.checkpoint.note.replace("\n6\n", "\n5\n"))
    with pytest.raises(NotConfigured, match=r"cannot be read: the signature by the witness .* put it back"):
        witness.sign(request(ledger, since=6))
    kept.unlink()
    with pytest.raises(Conflict, match="last saw 0 entries"):
        witness.sign(request(ledger, since=6))


@pytest.mark.parametrize(
    "damage",
    [
        lambda asked: replace(asked, path=asked.path[:-1]),
        lambda asked: replace(asked, path=(*asked.path, bytes(32))),
        lambda asked: replace(asked, path=(bytes(32), *asked.path[1:])),
    ],
)
def test_a_damaged_proof_is_not_signed(
    ledger: Ledger, witness: Witness, seen: Cosignature, damage: Callable[[Request], Request]
) -> None:
    """A proof that is short, long or wrong leads nowhere, and what the witness remembers stays."""
    write(ledger, 5)
    with pytest.raises(LedgerTampered, match="do not begin with the 6"):
        witness.sign(damage(request(ledger, since=6)))
    assert witness.file_of(seen.checkpoint).read_text() == seen.checkpoint.note
    witness.sign(request(ledger, since=6))


@pytest.mark.parametrize("line", ["old -1", "old 01", "old x", "new 3", "", "old 3\nAAAA", "old 3\n" + "x" * 44])
def test_what_is_no_request_is_refused(ledger: Ledger, line: str) -> None:
    """Sizes and hashes that are none, and a file of anything else, are told as such."""
    write(ledger, 1)
    note = ledger.checkpoint().note
    with pytest.raises(InvalidInput, match=r"not a request|not a checkpoint"):
        Request.parse(f"{line}\n\n{note}")
    with pytest.raises(InvalidInput):
        Request.parse(note)


def test_signatures_are_kept_with_their_checkpoint_only(
    ledger: Ledger, signer: Signer, witness: Witness, seen: Cosignature, tmp_path: Path
) -> None:
    """Added again nothing changes; one for another log, or of another witness, is not added."""
    key = witness.signer.public_key
    before = ledger.last_checkpoint()
    add(ledger.store, seen.checkpoint.note, key)
    assert ledger.last_checkpoint() == before
    stranger = Witness.init(tmp_path / "other", signer.public_key, VirtualClock()).signer.public_key
    with pytest.raises(InvalidInput, match=r"not signed by the witness witness\+"):
        add(ledger.store, seen.checkpoint.note, stranger)
    with pytest.raises(LedgerTampered, match="signed another checkpoint of 6 entries"):
        add(rewritten(ledger, signer, tmp_path, 6).store, seen.checkpoint.note, key)
    with pytest.raises(InvalidInput, match="no checkpoint of 6 entries"):
        add(Store.open("sqlite://"), seen.checkpoint.note, key)


# --- the formats ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**63 - 1))
def test_requests_and_cosignatures_are_read_back(old: int, more: int, time: int) -> None:
    """Whatever the sizes and the time, the texts say what was written, and the proof proves it."""
    signer = Signer("log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    seer = Signer("w", Ed25519PrivateKey.from_private_bytes(bytes(32)), Use.WITNESS)
    ledger = Ledger(Store.open("sqlite://"), VirtualClock(), signer)
    write(ledger, old)
    root = ledger.root()
    write(ledger, more)
    made = request(ledger, since=old)
    read = Request.parse(made.to_text())
    assert read == made
    assert read.proof().proves(root, ledger.root())
    signed = Cosignature.sign(seer, made.checkpoint, time=time)
    assert Cosignature.read(signed.checkpoint.note, seer.public_key) == signed
    assert signer.public_key.signed_text(signed.checkpoint.note)
    ledger.store.close()


def test_the_standard_s_example_is_read() -> None:
    """Key name, key hash and time stand where the standard puts them; without its key the example can only be taken apart."""
    line = STANDARD_NOTE.splitlines()[-1].rpartition(" ")[2]
    data = base64.b64decode(line)
    assert (len(data), int.from_bytes(data[4:12], "big")) == (4 + 8 + 64, 1679315147)
    assert Request.parse(f"old 0\n\n{STANDARD_NOTE}").checkpoint.size == 20852163


def test_a_cosignature_signs_the_time_and_the_whole_text(signer: Signer, ledger: Ledger) -> None:
    """The message is the standard's: a header, the time, then the note's text; a changed time or text does not hold."""
    seer = Signer("w", Ed25519PrivateKey.from_private_bytes(bytes(32)), Use.WITNESS)
    write(ledger, 2)
    made = ledger.checkpoint()
    signed = Cosignature.sign(seer, made, time=1679315147)
    text = made.note.rpartition("\n\n")[0] + "\n"
    signature = base64.b64decode(signed.line.split(" ")[2])[12:]
    assert seer.public_key.has_signed(f"cosignature/v1\ntime 1679315147\n{text}".encode(), signature)
    other = seer.public_key.line((1679315148).to_bytes(8, "big") + signature)
    for changed in (signed.checkpoint.note.replace("\n2\n", "\n3\n"), made.note + other):
        with pytest.raises(InvalidInput, match="does not hold"):
            Cosignature.read(changed, seer.public_key)


def test_keys_of_logs_and_of_witnesses_are_not_taken_for_each_other(tmp_path: Path, signer: Signer) -> None:
    """A witness's key has another number and another hash; each is refused in the other's place."""
    theirs = Witness.init(tmp_path, signer.public_key, VirtualClock(), name=signer.name).signer
    assert PublicKey.parse(theirs.public_key.text, use=Use.WITNESS) == theirs.public_key
    assert Signer.load(tmp_path, use=Use.WITNESS).public_key == theirs.public_key
    with pytest.raises(InvalidInput, match="not a public key of a log"):
        PublicKey.parse(theirs.public_key.text)
    with pytest.raises(InvalidInput, match="not a public key of a witness"):
        PublicKey.parse(signer.public_key.text, use=Use.WITNESS)


def test_a_folder_without_a_witness_says_how_to_make_one(tmp_path: Path) -> None:
    """Nothing is signed by a key that was made in passing."""
    with pytest.raises(NotConfigured, match=r"no signing key .* stemma audit witness init"):
        Witness.load(tmp_path, VirtualClock())
