"""Verdicts in sentences that whoever has to sign the network off can read."""

from collections.abc import Collection, Iterator

from stemma.core.trust import Integrity
from stemma.guard.ruling import CallFacts, EndorseFacts

CLOSED_TYPES = ("enum", "boolean", "integer", "number", "date", "datetime", "id")
"""Types with so few values that a stranger who chooses one says next to nothing. Only these are ever endorsed."""


def allowed(policies: Collection[str]) -> tuple[str, ...]:
    return (f"{_named(policies)} {'permits' if len(policies) == 1 else 'permit'} it",)


def asks(facts: CallFacts, forbidding: Collection[str]) -> tuple[str, ...]:
    """Why a call waits for a person. `forbidding` are the policies that forbid it until one approves."""
    found = [f"{objection}; no policy lets that through without a person" for objection in _objections(facts)]
    if forbidding:
        found.append(f"{_named(forbidding)} {_forbid(forbidding)} it without a person")
    return tuple(found or [f"no policy permits {_call(facts)} without a person"])


def denied(facts: CallFacts, forbidding: Collection[str]) -> tuple[str, ...]:
    """Why a call is not made, and no person is asked."""
    if forbidding:
        return (
            f"{_named(forbidding)} {_forbid(forbidding)} {_call(facts)}, and a person's approval does not change that",
        )
    found = [f"{objection}; no policy lets that through" for objection in _objections(facts)]
    return tuple(found or [f"no policy permits {_call(facts)}, with a person's approval or without"])


def stays(facts: EndorseFacts, forbidding: Collection[str]) -> tuple[str, ...]:
    """Why a field stays what it was read as."""
    if forbidding:
        return (f"{_named(forbidding)} {_forbid(forbidding)} that field {facts.field!r} is endorsed",)
    return (f"no policy endorses field {facts.field!r}, so it stays {facts.label.integrity.name.lower()}",)


def uncountable(facts: EndorseFacts) -> str | None:
    """Why no policy may endorse a field at all; None when one may."""
    if facts.type not in CLOSED_TYPES:
        return (
            f"field {facts.field!r} is of type {facts.type!r}, whose values a stranger makes up; only fields of type "
            f"{', '.join(CLOSED_TYPES)} are ever endorsed"
        )
    if facts.bound is None or facts.bound < 1:
        return f"field {facts.field!r} has no bound on how many values it can have, so it is not endorsed; declare one"
    return None


def _objections(facts: CallFacts) -> Iterator[str]:
    """What is wrong with a call as the labels have it."""
    for name in sorted(facts.labels):
        if name in facts.sensitive and facts.labels[name].integrity is Integrity.UNTRUSTED:
            yield f"argument {name!r} is untrusted and decides what happens"
    if facts.decided.integrity is Integrity.UNTRUSTED and facts.effect != "read":
        yield f"untrusted text had a say in whether this {facts.effect} happens"
    if not facts.clearance.covers(facts.handed):
        yield (
            f"tool {facts.tool!r} would be handed {_secrecy(facts)}, and is cleared for "
            f"{facts.clearance.confidentiality.name.lower()}{_categories(facts.clearance.categories)}"
        )


def _secrecy(facts: CallFacts) -> str:
    handed = facts.handed
    named = [repr(name) for name, label in sorted(facts.labels.items()) if not facts.clearance.covers(label)]
    where = f" in {'argument' if len(named) == 1 else 'arguments'} {', '.join(named)}" if named else ""
    return f"{handed.confidentiality.name.lower()} text{_categories(handed.categories)}{where}"


def _categories(categories: Collection[str]) -> str:
    return f" with {', '.join(sorted(categories))}" if categories else ""


def _call(facts: CallFacts) -> str:
    return f"the {facts.effect} of tool {facts.tool!r} by agent {facts.agent!r}"


def _named(policies: Collection[str]) -> str:
    word = "policy" if len(policies) == 1 else "policies"
    return f"{word} {', '.join(repr(name) for name in policies)}"


def _forbid(policies: Collection[str]) -> str:
    return "forbids" if len(policies) == 1 else "forbid"
