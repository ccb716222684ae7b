"""Envelopes and the proofs in them: what is signed is what comes out, and nothing else does."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.ledger import Event, Ledger, Signer
from stemma.ledger.envelope import sealed, unsealed
from stemma.ledger.evidence import evidence_of, read_evidence
from stemma.store import Store
from stemma.testing.clock import VirtualClock

SIGNER = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))


@given(st.binary(max_size=80), st.text(max_size=20))
def test_what_was_sealed_comes_out(payload: bytes, kind: str) -> None:
    """Any bytes under any type, in standard base64 or the one for URLs; under another type or key they do not."""
    kind = kind.encode("utf-8", "replace").decode()
    text = json.dumps(sealed(SIGNER, kind, payload))
    assert unsealed(text, kind, SIGNER.public_key) == payload
    envelope = json.loads(text)
    envelope["payload"] = base64.urlsafe_b64encode(payload).decode()
    assert unsealed(json.dumps(envelope), kind, SIGNER.public_key) == payload
    for other, key in ((f"{kind}x", SIGNER.public_key), (kind, OTHER.public_key)):
        with pytest.raises(InvalidInput):
            unsealed(text, other, key)


@given(st.data())
def test_no_changed_byte_of_what_is_signed_passes(data: st.DataObject) -> None:
    """Payload and type are both signed: any change of either is refused."""
    payload = b'{"a": 1}'
    envelope = sealed(SIGNER, "text/x", payload)
    at, byte = data.draw(st.integers(0, len(payload) - 1)), data.draw(st.integers(0, 255))
    changed = payload[:at] + bytes([byte]) + payload[at + 1 :]
    if changed != payload:
        envelope["payload"] = base64.b64encode(changed).decode()
        with pytest.raises(InvalidInput, match="was changed"):
            unsealed(json.dumps(envelope), "text/x", SIGNER.public_key)
    retyped = sealed(SIGNER, "text/x", payload) | {"payloadType": "text/y"}
    with pytest.raises(InvalidInput, match="was changed"):
        unsealed(json.dumps(retyped), "text/y", SIGNER.public_key)


def test_other_signatures_are_passed_over() -> None:
    """An envelope may carry several; the key's name in it is a hint that decides nothing."""
    envelope, another = sealed(SIGNER, "x", b"y"), sealed(OTHER, "x", b"y")
    envelope["signatures"] = [*another["signatures"], {"sig": envelope["signatures"][0]["sig"]}]
    assert unsealed(json.dumps(envelope), "x", SIGNER.public_key) == b"y"
    with pytest.raises(InvalidInput):
        unsealed(json.dumps(another), "x", SIGNER.public_key)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "{}", "[" * 100_000]
    + [
        json.dumps({"payload": payload, "payloadType": "x", "signatures": signatures})
        for payload, signatures in [
            ("!", []),
            ("eQ==", 7),
            ("eQ==", [7]),
            ("eQ==", [{"sig": 7}]),
            ("eQ==", [{}]),
            (7, []),
        ]
    ],
)
def test_what_is_no_envelope_is_refused(text: str) -> None:
    """Anything at all in the file ends in one clear error."""
    with pytest.raises(InvalidInput, match="not a signed envelope"):
        unsealed(text, "x", SIGNER.public_key)


def log(count: int) -> Ledger:
    ledger = Ledger(Store.open("sqlite://"), VirtualClock(), SIGNER)
    with ledger.store.write() as connection:
        ledger.append_many(connection, [Event("prompt.saved", f"p{n}", "ada", {"n": n}) for n in range(count)])
    return ledger


@given(st.integers(1, 30), st.data())
def test_entries_are_proved_wherever_they_stand(count: int, data: st.DataObject) -> None:
    """Some entries of a log of any size go through JSON and come out proved, under the checkpoint that was signed for it."""
    ledger = log(count)
    chosen = data.draw(st.lists(st.sampled_from(ledger.tail(count)), min_size=1, max_size=3))
    found = read_evidence(json.loads(json.dumps(evidence_of(ledger, chosen))), SIGNER.public_key)
    assert (found.entries, found.checkpoint.size) == (tuple(chosen), count)
    ledger.store.close()


@pytest.mark.parametrize(
    "forge",
    [
        lambda told: told["entries"][0].update(body=told["entries"][0]["body"].replace("ada", "eve")),
        lambda told: told["entries"][0].update(index=2),
        lambda told: told["entries"][0]["path"].pop(),
        lambda told: told["entries"][0].update(path=[*told["entries"][0]["path"], "AA=="]),
        lambda told: told["entries"].append(7),
        lambda told: told["entries"].clear(),
        lambda told: told.update(checkpoint=log(3).checkpoint().note),
        lambda told: told.update(checkpoint=told["checkpoint"].replace("\n5\n", "\n6\n")),
        lambda told: told.pop("checkpoint"),
    ],
)
def test_a_forged_proof_is_refused(forge: Any) -> None:
    """Another body, place, path or checkpoint than the log's own does not pass."""
    ledger = log(5)
    told = evidence_of(ledger, ledger.tail(1, subject="p3"))
    read_evidence(told, SIGNER.public_key)
    forge(told)
    with pytest.raises(InvalidInput):
        read_evidence(told, SIGNER.public_key)
