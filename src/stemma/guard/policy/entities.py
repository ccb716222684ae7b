"""What Cedar is told of who acts on what: an agent of a network, a tool with its effect, a field with its type."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cedarpy import Entities

from stemma.guard.ruling import CallFacts, EndorseFacts

EFFECTS = ("read", "write", "egress", "spend")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who does what to what; the rest of a request is its context."""

    agent: str
    action: str
    kind: str
    name: str
    entities: Entities

    @classmethod
    def call(cls, facts: CallFacts) -> "Asked":
        entities = _parsed(facts.network, facts.agent, "Tool", facts.tool, "effect", facts.effect)
        return cls(facts.agent, facts.effect, "Tool", facts.tool, entities)

    @classmethod
    def endorsement(cls, facts: EndorseFacts) -> "Asked":
        entities = _parsed(facts.network, facts.agent, "Field", facts.field, "type", facts.type)
        return cls(facts.agent, "endorse", "Field", facts.field, entities)

    def to_cedar(self, context: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "principal": {"type": "Agent", "id": self.agent},
            "action": {"type": "Action", "id": self.action},
            "resource": {"type": self.kind, "id": self.name},
            "context": json.dumps(context),
        }


@lru_cache(maxsize=4096)
def _parsed(network: str, agent: str, kind: str, name: str, attribute: str, value: str) -> Entities:
    """All that a request speaks of, parsed: the same few for every call that an agent makes of a tool."""
    principal = {
        "uid": {"type": "Agent", "id": agent},
        "attrs": {"name": agent, "network": network},
        "parents": [{"type": "Network", "id": network}],
    }
    resource = {"uid": {"type": kind, "id": name}, "attrs": {"name": name, attribute: value}, "parents": []}
    actions = [
        {"uid": {"type": "Action", "id": effect}, "attrs": {}, "parents": [{"type": "Action", "id": "call"}]}
        for effect in EFFECTS
    ]
    return Entities.from_json_str(json.dumps([principal, resource, *actions]))
