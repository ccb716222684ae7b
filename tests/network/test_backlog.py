"""The backlog: what waits, what is worked on, and what only waits for people."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.network.desks import networks_on, rule, tickets

from stemma.core.errors import NotFound
from stemma.ledger.scope import Scope
from stemma.network import Backlog, Manifest, Networks, load_manifest
from stemma.testing.clock import VirtualClock
from stemma.testing.scripted import ScriptedModel

ASKING = """\
network: asking
model: scripted
inputs: [ticket]
agents:
  reply: {prompt: find.json, reads: [ticket], writes: reply, knowledge: {folder: help-centre, query: [ticket]}}
people: [{before: message, name: reply}]
pipeline: [reply]
"""


def test_empty_store_has_nothing_to_do(networks: Networks) -> None:
    """Nothing waits, nothing runs, and nothing is old."""
    assert networks.backlog() == Backlog(0, 0, 0, 0, 0.0)
    assert networks.backlog().is_over


def test_runs_age_until_they_are_taken_on(scope: Scope, manifest: Manifest) -> None:
    """Each run that waits could keep a hand busy; the oldest of them says how long work has waited."""
    clock = VirtualClock()
    networks = networks_on(replace(scope, clock=clock), ScriptedModel(rule))
    networks.submit(manifest, tickets(3))
    clock.advance(40)
    networks.submit(manifest, tickets(1))
    clock.advance(2)
    assert networks.backlog() == Backlog(waiting=4, running=0, asking=0, hands=4, oldest_seconds=42.0)


def test_what_waits_for_people_keeps_nobody_busy(scope: Scope, desk: Path) -> None:
    """A run, and the turn in it that asked, are counted apart, and the backlog is over without them."""
    (desk / "asking.yaml").write_text(ASKING)
    networks = networks_on(scope, ScriptedModel(rule))
    result = networks.run(load_manifest(desk / "asking.yaml"), tickets(2), wait=False)
    assert len(networks.questions.ls()) == 2, result
    assert networks.backlog() == Backlog(waiting=0, running=0, asking=4, hands=0, oldest_seconds=0.0)
    assert networks.backlog().is_over


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_agents_are_found_in_manifests_and_in_the_store(networks: Networks, manifest: Manifest) -> None:
    """A bare name means that agent wherever it is; a network that nobody knows yet may be named; a misspelt agent may not."""
    with pytest.raises(NotFound, match="known are none"):
        networks.inboxes(["reply"])
    assert networks.inboxes(["reply", "support-desk/check"], [manifest]) == {"support-desk/reply", "support-desk/check"}
    networks.submit(manifest, tickets(1))
    assert networks.inboxes(["triage", "later/agent"]) == {"support-desk/triage", "later/agent"}
    with pytest.raises(NotFound, match="no agent 'support-desk/repli' to serve; known are support-desk/check, "):
        networks.inboxes(["support-desk/repli"])
