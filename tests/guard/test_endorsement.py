"""Typed endorsement: what may be raised, and to where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.trust import Confidentiality, Integrity, TrustLabel
from stemma.guard.endorsement import endorses, raised
from stemma.guard.ruling import EndorseFacts, Ruling, Verdict

labels = st.builds(
    TrustLabel,
    st.sampled_from(Integrity),
    st.sampled_from(Confidentiality),
    st.frozensets(st.sampled_from(["pii", "health"])),
)


def facts(bound: int | None) -> EndorseFacts:
    label = TrustLabel(Integrity.UNTRUSTED)
    return EndorseFacts("desk", "clerk", "user:ada", "day", "date", label, bound)


@pytest.mark.parametrize(
    ("verdict", "bound", "holds"),
    [
        (Verdict.ALLOW, 2, True),
        (Verdict.ALLOW, None, False),
        (Verdict.ASK, 2, False),
        (Verdict.DENY, 2, False),
    ],
)
def test_only_what_is_allowed_and_can_be_counted(verdict: Verdict, bound: int | None, holds: bool) -> None:
    """Policies alone do not raise what a text can say anything in; nothing else does either."""
    assert endorses(facts(bound), Ruling(verdict, (), (), "v")) is holds


@given(labels)
def test_raised_is_internal_and_as_confidential_as_before(label: TrustLabel) -> None:
    """Integrity goes up to internal, never down, and never to trusted; who may read it stays."""
    assert raised(label).integrity is max(label.integrity, Integrity.INTERNAL)
    assert (raised(label).confidentiality, raised(label).categories) == (label.confidentiality, label.categories)
