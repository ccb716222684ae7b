"""Trust labels: how far a text may be believed, and how far it may travel.

A label is a point in the product of two lattices: integrity (Biba) and confidentiality (Bell-LaPadula, with
categories). Combining two texts gives the lower integrity and the higher confidentiality, so no hop, summary or retry
can launder one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import reduce
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.core.shown import shown


class Integrity(IntEnum):
    """Who could have chosen the words."""

    UNTRUSTED = 0  # anybody: tickets, web pages, tool results from outside
    INTERNAL = 1  # a model or service of ours that read nothing untrusted
    TRUSTED = 2  # a person with the right to write instructions


class Confidentiality(IntEnum):
    """Who may read the words."""

    PUBLIC = 0
    INTERNAL = 1
    SECRET = 2


@dataclass(frozen=True, slots=True)
class TrustLabel:
    """Integrity, confidentiality and categories such as ``pii``.

    >>> UNTRUSTED.join(TRUSTED).integrity.name
    'UNTRUSTED'
    """

    integrity: Integrity
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    categories: frozenset[str] = field(default_factory=frozenset)

    def join(self, other: "TrustLabel") -> "TrustLabel":
        """The label of anything derived from both: lower integrity, higher confidentiality, all categories."""
        return TrustLabel(
            min(self.integrity, other.integrity),
            max(self.confidentiality, other.confidentiality),
            self.categories | other.categories,
        )

    def flows_to(self, other: "TrustLabel") -> bool:
        """Whether text labelled `self` may stand where `other` is expected: no more trusted, no less confined."""
        return self.join(other) == other

    def to_json(self) -> dict[str, Any]:
        return {
            "integrity": self.integrity.name.lower(),
            "confidentiality": self.confidentiality.name.lower(),
            "categories": sorted(self.categories),
        }

    @classmethod
    def from_json(cls, value: Any) -> "TrustLabel":
        """The label that `to_json` wrote. Raises InvalidInput when any part is missing: no label is ever assumed."""
        try:
            return cls(
                Integrity[value["integrity"].upper()],
                Confidentiality[value["confidentiality"].upper()],
                _categories(value["categories"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"{shown(value)} is not a trust label: it needs integrity, confidentiality, categories"
            ) from error


TRUSTED = TrustLabel(Integrity.TRUSTED)
INTERNAL = TrustLabel(Integrity.INTERNAL)
UNTRUSTED = TrustLabel(Integrity.UNTRUSTED)


def join_all(labels: Iterable[TrustLabel]) -> TrustLabel:
    """The label of something derived from all of `labels`. Raises InvalidInput when there are none."""
    collected = list(labels)
    if not collected:
        raise InvalidInput("a text derived from nothing has no trust label; give the label of its author")
    return reduce(TrustLabel.join, collected)


def _categories(value: Any) -> frozenset[str]:
    # A text is iterable, too: "pii" would become the categories "p" and "i".
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(one, str) for one in value):
        raise TypeError("categories are a list of texts")
    return frozenset(value)
