"""A ledger with a key on each of the two databases."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemma.ledger import Ledger, Signer
from stemma.store import Store
from stemma.testing.clock import VirtualClock


@pytest.fixture
def signer() -> Signer:
    return Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture
def ledger(store: Store, signer: Signer) -> Ledger:
    return Ledger(store, VirtualClock(), signer)
