"""Fixtures around the desk of `desks.py`."""

from pathlib import Path

import pytest
from tests.network.desks import networks_on, rule, write_desk

from stemma.core.clock import SystemClock
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.network import Manifest, Networks, load_manifest
from stemma.store import Store
from stemma.testing.scripted import ScriptedModel


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The folder of a support desk."""
    write_desk(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.fixture
def manifest(desk: Path) -> Manifest:
    return load_manifest(desk / "stemma.yaml")


@pytest.fixture
def scope(store: Store) -> Scope:
    clock = SystemClock()
    return Scope(store, Ledger(store, clock), clock, "ada")


@pytest.fixture
def networks(scope: Scope) -> Networks:
    """Networks whose model answers by rule."""
    return networks_on(scope, ScriptedModel(rule))
