"""Endorsing: asking the policies of a network whether a choice that a stranger's text made may count as our own."""

from collections.abc import Mapping
from dataclasses import dataclass

from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.closed import FieldSpec
from stemma.guard.endorsement import endorses, raised
from stemma.guard.policy import Policy, facts_to_json
from stemma.guard.ruling import EndorseFacts
from stemma.network.journal import Event


@dataclass(frozen=True, slots=True)
class Endorsed:
    """What policies raised, by the name that the asker gave it, with the event of each."""

    labels: Mapping[str, TrustLabel]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Endorser:
    """Asks in the name of the actor who asked for a task of the network."""

    network: str
    policy: Policy
    actor: str

    def endorsed(self, agent: str, specs: Mapping[str, FieldSpec], label: TrustLabel, subject: str) -> Endorsed:
        """Which of these fields, all read out of text with that label, count as internal; none where it is that already."""
        labels, events = dict[str, TrustLabel](), list[Event]()
        if label.integrity is Integrity.UNTRUSTED:
            for name, spec in specs.items():
                facts = EndorseFacts(self.network, agent, self.actor, spec.name, spec.type.value, label, spec.bound)
                ruling = self.policy.endorse(facts)
                if endorses(facts, ruling):
                    labels[name] = raised(label)
                    events.append(Event("label.endorsed", facts_to_json(facts, ruling), subject=subject))
        return Endorsed(labels, tuple(events))
