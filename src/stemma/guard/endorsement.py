"""Typed endorsement: the one way in which a label is raised, and only where policies say so."""

from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.ruling import EndorseFacts, Ruling, Verdict


def endorses(facts: EndorseFacts, ruling: Ruling) -> bool:
    """Whether the field counts as internal from now on: policies say so, and its values can be counted, whatever they say."""
    return ruling.verdict is Verdict.ALLOW and facts.bound is not None


def raised(label: TrustLabel) -> TrustLabel:
    """The label of an endorsed field: nobody put more into it than a choice, and it is as confidential as it was."""
    return TrustLabel(max(label.integrity, Integrity.INTERNAL), label.confidentiality, label.categories)
