"""Calls and endorsements as the tests of policies speak of them."""

from collections.abc import Mapping
from typing import Any

from stemma.core.trust import INTERNAL, TrustLabel
from stemma.guard.ruling import CallFacts, Clearance, EndorseFacts


def call(
    effect: str = "spend",
    *,
    decided: TrustLabel = INTERNAL,
    labels: Mapping[str, TrustLabel] | None = None,
    arguments: Mapping[str, Any] | None = None,
    sensitive: tuple[str, ...] = (),
    tool: str = "pay",
    clearance: Clearance | None = None,
    agent: str = "clerk",
    actor: str = "user:ada",
    network: str = "desk",
) -> CallFacts:
    """A call of `pay` by `clerk` of the network `desk`, for Ada; arguments are named by their labels unless given."""
    given = labels or {}
    return CallFacts(
        network=network,
        agent=agent,
        actor=actor,
        tool=tool,
        effect=effect,
        decided=decided,
        arguments=dict.fromkeys(given, "x") if arguments is None else arguments,
        labels=given,
        sensitive=sensitive,
        clearance=clearance or Clearance(),
    )


def field(
    type: str = "enum",
    *,
    bound: int | None = 4,
    name: str = "priority",
    label: TrustLabel = INTERNAL,
    agent: str = "triage",
) -> EndorseFacts:
    """A field `priority` with one of four values, read by `triage`."""
    return EndorseFacts(network="desk", agent=agent, actor="user:ada", field=name, type=type, label=label, bound=bound)
