"""What a decision about an effect goes by, and what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stemma.core.trust import Confidentiality, Integrity, TrustLabel, join_all


class Verdict(StrEnum):
    """What happens to what was asked for."""

    ALLOW = "allow"
    ASK = "ask"  # a person has to approve it first
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict with its reasons, one sentence each; `policies` are the ids of those that determined it.

    `version` is the digest of the policies that were asked.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    policies: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Clearance:
    """How confidential a text may be that a tool is handed: at most this level, and of no category but these."""

    confidentiality: Confidentiality = Confidentiality.INTERNAL
    categories: frozenset[str] = field(default_factory=frozenset)

    def covers(self, label: TrustLabel) -> bool:
        return label.confidentiality <= self.confidentiality and label.categories <= self.categories


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A tool call that an agent wants to make.

    `decided` is the label of all that decided that it is made; `labels` has one for every argument, joined with that of all
    the text that was filled into it. `sensitive` names the arguments that decide what happens.
    """

    network: str
    agent: str
    actor: str
    """Who asked for the task."""
    tool: str
    effect: str
    decided: TrustLabel
    arguments: Mapping[str, Any]
    labels: Mapping[str, TrustLabel]
    sensitive: tuple[str, ...]
    clearance: Clearance

    def __post_init__(self) -> None:
        # No label is ever assumed: an argument without one is as bad as can be.
        missing = self.arguments.keys() - self.labels.keys()
        if missing:
            worst = TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET)
            object.__setattr__(self, "labels", {**self.labels, **dict.fromkeys(missing, worst)})

    @property
    def of_sensitive(self) -> Integrity:
        """The lowest integrity among the sensitive arguments; trusted when there are none."""
        return min(
            (self.labels[name].integrity for name in self.sensitive if name in self.labels), default=Integrity.TRUSTED
        )

    @property
    def handed(self) -> TrustLabel:
        """The join of everything that the tool is handed, and of what the call itself gives away."""
        return join_all([self.decided, *self.labels.values()])


@dataclass(frozen=True, slots=True)
class EndorseFacts:
    """A field that a reader without tools filled in, and that would count as internal from now on.

    `type` is its closed type, `label` that of the text it was read from, `bound` says how many values it can have at most
    (None for a type whose values cannot be counted).
    """

    network: str
    agent: str
    actor: str
    field: str
    type: str
    label: TrustLabel
    bound: int | None
