"""Decisions in the audit log: what was asked and what came of it, without a word of what was handed over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.core.trust import Confidentiality, TrustLabel
from stemma.guard.ruling import CallFacts, Clearance, EndorseFacts, Ruling, Verdict
from stemma.ledger import Entry, Ledger

KINDS = ("tool.called", "tool.denied", "question.asked", "label.endorsed")
_PAGE = 1_000


def facts_to_json(facts: CallFacts | EndorseFacts, ruling: Ruling) -> dict[str, Any]:
    """A decision as the log keeps it: of arguments it has the labels alone, and their digest is the caller's to add."""
    who = {"network": facts.network, "agent": facts.agent, "actor": facts.actor}
    ruled = {
        "verdict": ruling.verdict.value,
        "reasons": list(ruling.reasons),
        "policies": list(ruling.policies),
        "version": ruling.version,
    }
    if isinstance(facts, EndorseFacts):
        asked = {"field": facts.field, "type": facts.type, "label": facts.label.to_json(), "bound": facts.bound}
        return who | asked | ruled
    clearance = {
        "confidentiality": facts.clearance.confidentiality.name.lower(),
        "categories": sorted(facts.clearance.categories),
    }
    return {
        **who,
        "tool": facts.tool,
        "effect": facts.effect,
        "decided": facts.decided.to_json(),
        "labels": {name: label.to_json() for name, label in facts.labels.items()},
        "sensitive": list(facts.sensitive),
        "clearance": clearance,
        **ruled,
    }


def facts_from_json(data: Mapping[str, Any]) -> CallFacts | EndorseFacts:
    """The facts that `facts_to_json` wrote; a call's arguments are gone. Raises InvalidInput when anything is missing."""
    try:
        who = {key: str(data[key]) for key in ("network", "agent", "actor")}
        if "field" in data:
            label, bound = TrustLabel.from_json(data["label"]), data["bound"]
            return EndorseFacts(**who, field=data["field"], type=data["type"], label=label, bound=bound)
        clearance = data["clearance"]
        return CallFacts(
            **who,
            tool=data["tool"],
            effect=data["effect"],
            decided=TrustLabel.from_json(data["decided"]),
            arguments={},
            labels={name: TrustLabel.from_json(label) for name, label in data["labels"].items()},
            sensitive=tuple(data["sensitive"]),
            clearance=Clearance(
                Confidentiality[clearance["confidentiality"].upper()], frozenset(clearance["categories"])
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"the event holds no decision of policies: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of the log: entry `seq`, what was asked, and the ruling."""

    seq: int
    kind: str
    facts: CallFacts | EndorseFacts
    ruling: Ruling

    @classmethod
    def of(cls, entry: Entry) -> "Decision | None":
        """The decision in an entry; None when policies made none. Raises InvalidInput when it is incomplete."""
        data = entry.data
        if entry.kind not in KINDS or "verdict" not in data:
            return None
        if data["verdict"] == Verdict.ALLOW.value and data.get("policies") == []:
            return None  # what is allowed by no policy was never put to them: a call that nothing leaves through
        try:
            facts = facts_from_json(data)
            ruling = Ruling(
                Verdict(data["verdict"]), tuple(data["reasons"]), tuple(data["policies"]), str(data["version"])
            )
        except (InvalidInput, KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"entry {entry.seq} cannot be explained: {error}") from error
        return cls(entry.seq, entry.kind, facts, ruling)


def decision(ledger: Ledger, seq: int) -> Decision:
    """The decision of entry `seq`. Raises InvalidInput when there is no such entry, or it is none of a decision."""
    entry = next(iter(ledger.tail(1, after=seq - 1)), None)
    if seq < 0 or entry is None:
        raise InvalidInput(f"the audit log has no entry {seq}; list the newest with: stemma audit tail")
    made = Decision.of(entry)
    if made is None:
        raise InvalidInput(
            f"entry {seq} is {entry.kind!r}, which no policy decided; those are {', '.join(KINDS)}. "
            "Find one with: stemma audit tail --kind tool.denied"
        )
    return made


def decisions(ledger: Ledger) -> Iterator[Decision]:
    """Every decision of the log, in its order."""
    after = -1
    while page := ledger.tail(_PAGE, after=after):
        yield from (made for made in map(Decision.of, page) if made is not None)
        after = page[-1].seq
