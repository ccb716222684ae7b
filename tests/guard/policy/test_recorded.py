"""Decisions in the audit log: written, read back, and made again by other policies."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from tests.guard.policy.facts import call, field
from tests.guard.policy.test_default import calls

from stemma.core.errors import InvalidInput
from stemma.core.trust import INTERNAL, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.guard.policy import Decision, Policy, decision, decisions, dry_run, facts_from_json, facts_to_json
from stemma.guard.ruling import CallFacts, Clearance, EndorseFacts, Verdict
from stemma.ledger.entry import Entry
from stemma.ledger.scope import Scope

DEFAULT = Policy.default()
PII = TrustLabel(Integrity.TRUSTED, Confidentiality.SECRET, frozenset(["pii"]))


def data(facts: CallFacts | EndorseFacts, policy: Policy = DEFAULT) -> dict[str, Any]:
    """What the log keeps of a decision."""
    return facts_to_json(facts, policy.call(facts) if isinstance(facts, CallFacts) else policy.endorse(facts))


def entry(seq: int, kind: str, told: Mapping[str, Any]) -> Entry:
    return Entry(seq, "2026-01-01T00:00:00Z", "agent:clerk", kind, "run", told, "")


def made(facts: CallFacts | EndorseFacts, seq: int = 0, policy: Policy = DEFAULT) -> Decision:
    found = Decision.of(entry(seq, "tool.called", data(facts, policy)))
    assert found is not None
    return found


def test_call_is_kept_without_its_arguments() -> None:
    """Labels, clearance, verdict, reasons and version are there; no value of an argument is."""
    facts = call(
        labels={"iban": UNTRUSTED, "text": PII},
        arguments={"iban": "DE0212", "text": "her diagnosis"},
        sensitive=("iban",),
        clearance=Clearance(Confidentiality.SECRET, frozenset(["pii", *"edcba"])),
    )
    told = data(facts)
    assert told == {
        "network": "desk",
        "agent": "clerk",
        "actor": "user:ada",
        "tool": "pay",
        "effect": "spend",
        "decided": {"integrity": "internal", "confidentiality": "internal", "categories": []},
        "labels": {
            "iban": {"integrity": "untrusted", "confidentiality": "internal", "categories": []},
            "text": {"integrity": "trusted", "confidentiality": "secret", "categories": ["pii"]},
        },
        "sensitive": ["iban"],
        "clearance": {"confidentiality": "secret", "categories": ["a", "b", "c", "d", "e", "pii"]},
        "verdict": "ask",
        "reasons": list(DEFAULT.call(facts).reasons),
        "policies": ["approved"],
        "version": DEFAULT.version,
    }


@given(calls())
def test_call_reads_back_with_the_same_ruling(facts: CallFacts) -> None:
    """Nothing that the default policies go by is lost in the log."""
    found = made(facts, 7)
    assert isinstance(found.facts, CallFacts)
    assert DEFAULT.call(found.facts) == found.ruling == DEFAULT.call(facts)
    assert (found.facts.labels, found.facts.arguments) == (facts.labels, {})
    assert (found.facts.agent, found.facts.actor, found.facts.network) == (facts.agent, facts.actor, facts.network)
    assert (found.facts.tool, found.facts.effect, found.facts.decided) == (facts.tool, facts.effect, facts.decided)
    assert (found.facts.sensitive, found.facts.clearance) == (facts.sensitive, facts.clearance)
    assert (found.seq, found.kind) == (7, "tool.called")


def test_endorsement_reads_back() -> None:
    """A field's facts are kept whole, with and without a bound."""
    for facts in (field(label=UNTRUSTED), field(bound=None, label=PII)):
        assert facts_from_json(data(facts)) == facts


@pytest.mark.parametrize(
    "missing", ["network", "agent", "actor", "tool", "effect", "decided", "labels", "sensitive", "clearance"]
)
def test_decision_with_a_part_missing_is_refused(missing: str) -> None:
    """No label is ever assumed, nor anything else that a decision goes by."""
    told = data(call())
    del told[missing]
    with pytest.raises(InvalidInput, match="the event holds no decision of policies"):
        facts_from_json(told)
    with pytest.raises(InvalidInput, match="entry 3 cannot be explained"):
        Decision.of(entry(3, "tool.denied", told))


@pytest.mark.parametrize("missing", ["reasons", "policies", "version"])
def test_ruling_with_a_part_missing_is_refused(missing: str) -> None:
    """A verdict without its reasons is not shown as if it had none."""
    told = data(call())
    del told[missing]
    with pytest.raises(InvalidInput, match="entry 3 cannot be explained"):
        Decision.of(entry(3, "tool.denied", told))
    with pytest.raises(InvalidInput, match="entry 3 cannot be explained"):
        Decision.of(entry(3, "tool.denied", {**data(call()), "verdict": "perhaps"}))


def test_other_entries_are_no_decisions() -> None:
    """Entries of other kinds, and questions that no policy asked, are passed over."""
    assert Decision.of(entry(0, "label.moved", data(call()))) is None
    assert Decision.of(entry(0, "question.asked", {"question": "Shall I?"})) is None
    assert Decision.of(entry(0, "tool.called", {**data(call()), "policies": []})) is None
    for kind in ("tool.called", "tool.denied", "question.asked", "label.endorsed"):
        assert Decision.of(entry(0, kind, data(call()))) is not None


def test_decisions_are_found_in_the_log(scope: Scope) -> None:
    """All of them in order, beyond a page, and one by its number."""
    denied = data(call("gift"))
    with scope.write() as tx:
        tx.record("tool.called", subject="run", data=data(call()))
        for number in range(1_005):
            tx.record("thing.done", subject="x", data={"n": number})
        tx.record("tool.denied", subject="run", data=denied)
        tx.record("label.endorsed", subject="run", data=data(field()))
    found = list(decisions(scope.ledger))
    assert [(one.seq, one.kind) for one in found] == [
        (0, "tool.called"),
        (1_006, "tool.denied"),
        (1_007, "label.endorsed"),
    ]
    assert [one.ruling.verdict for one in found] == [Verdict.ALLOW, Verdict.DENY, Verdict.DENY]
    assert [decision(scope.ledger, one.seq) for one in found] == found
    with pytest.raises(InvalidInput, match=r"entry 4 is 'thing.done', which no policy decided"):
        decision(scope.ledger, 4)
    for beyond in (1_008, -1):
        with pytest.raises(InvalidInput, match=f"the audit log has no entry {beyond}; list the newest"):
            decision(scope.ledger, beyond)


def test_dry_run_tells_what_would_change() -> None:
    """Decisions are made again by labels; the ones that come out the same are not told."""
    stricter = Policy.of(
        {
            **DEFAULT.texts,
            "more.cedar": '@id("no") forbid (principal, action == Action::"spend", resource);'
            '@id("yes") permit (principal, action == Action::"endorse", resource);',
        }
    )
    found = dry_run(stricter, [made(call(), 1), made(call("write"), 2), made(field(), 3), made(field("text"), 4)])
    assert found.decisions == 4
    assert [(one.made.seq, one.made.ruling.verdict, one.now.verdict) for one in found.changes] == [
        (1, Verdict.ALLOW, Verdict.DENY),
        (3, Verdict.DENY, Verdict.ALLOW),
    ]
    assert found.changes[0].now.policies == ("no",)
    assert found.open == ()
    assert dry_run(stricter, []).decisions == 0


def test_dry_run_leaves_open_what_depends_on_arguments() -> None:
    """What a policy says of an argument cannot be told from the log, unless the call had no such argument."""
    policy = Policy.of(
        {
            "a.cedar": '@id("small") permit (principal, action in Action::"call", resource == Tool::"pay") '
            "when { context.arguments has amount && context.arguments.amount < 5 || context.arguments has fee };"
        }
    )
    with_amount, without = call(labels={"fee": INTERNAL, "amount": INTERNAL}), call(labels={"to": INTERNAL})
    other = call(tool="other", labels={"amount": INTERNAL})
    found = dry_run(policy, [made(with_amount, 1), made(without, 2), made(other, 3), made(field(), 4)])
    assert [(one.made.seq, one.arguments) for one in found.open] == [(1, ("amount", "fee"))]
    assert [one.made.seq for one in found.changes] == [2, 3]
