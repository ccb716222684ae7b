"""Asking policies whether a stranger's choice may count as our own."""

import pytest
from tests.network.monitored import ENDORSES, PERSONAL, STRANGE_SECRET, endorser

from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, TrustLabel
from stemma.guard.closed import FieldSpec, FieldType
from stemma.guard.endorsement import raised
from stemma.guard.policy import facts_from_json
from stemma.guard.ruling import EndorseFacts
from stemma.network.endorser import Endorsed

SPECS = {
    "one": FieldSpec("kind", FieldType.ENUM, values=("a", "b", "c")),
    "two": FieldSpec("text", FieldType.TEXT),
    "three": FieldSpec("urgent", FieldType.BOOLEAN),
}


def test_choices_are_raised_and_put_on_record() -> None:
    """Each field of a closed type that policies permit, under the name that the asker gave it, with an event of its own."""
    found = endorser(ENDORSES).endorsed("clerk", SPECS, STRANGE_SECRET, "r.1.2.t1-1")
    assert found.labels == {"one": raised(STRANGE_SECRET), "three": raised(STRANGE_SECRET)}
    assert [(event.kind, event.subject) for event in found.events] == [("label.endorsed", "r.1.2.t1-1")] * 2
    facts = EndorseFacts("desk", "clerk", "user:ada", "kind", "enum", STRANGE_SECRET, 3)
    assert facts_from_json(found.events[0].data) == facts
    assert [event.data["verdict"] for event in found.events] == ["allow", "allow"]


def test_policies_go_by_field_agent_and_bound() -> None:
    """What they do not permit stays what it is, without an event."""
    policy = ENDORSES.replace("principal,", 'principal == Agent::"clerk",').replace(
        ";", " when { context.bound <= 2 };"
    )
    found = endorser(policy).endorsed("clerk", SPECS, UNTRUSTED, "r")
    assert list(found.labels) == ["three"]
    assert [event.data["field"] for event in found.events] == ["urgent"]
    assert endorser(policy).endorsed("other", SPECS, UNTRUSTED, "r") == Endorsed({}, ())
    assert endorser().endorsed("clerk", SPECS, UNTRUSTED, "r") == Endorsed({}, ())


@pytest.mark.parametrize("label", [INTERNAL, TRUSTED, PERSONAL])
def test_what_is_ours_is_not_asked_about(label: TrustLabel) -> None:
    """Nothing has to be raised, and nothing is put on record."""
    assert endorser(ENDORSES).endorsed("clerk", SPECS, label, "r") == Endorsed({}, ())
