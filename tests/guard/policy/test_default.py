"""The default policies: safe before anyone writes a line."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.guard.policy.facts import call, field

from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.guard.policy import DEFAULTS, Case, Policy, read_cases
from stemma.guard.ruling import CallFacts, Clearance, Verdict

POLICY = Policy.default()
SHIPPED = read_cases(DEFAULTS / "default.test.yaml")
EFFECTS = ("write", "egress", "spend")

labels = st.builds(
    TrustLabel,
    st.sampled_from(Integrity),
    st.sampled_from(Confidentiality),
    st.frozensets(st.sampled_from(["pii", "health"])),
)
clearances = st.builds(Clearance, st.sampled_from(Confidentiality), st.frozensets(st.sampled_from(["pii", "health"])))


@st.composite
def calls(draw: st.DrawFn) -> CallFacts:
    """Any call of a tool with up to three arguments."""
    given = draw(st.dictionaries(st.sampled_from(["to", "amount", "text"]), labels))
    return call(
        draw(st.sampled_from(["read", *EFFECTS])),
        decided=draw(labels),
        labels=given,
        sensitive=tuple(draw(st.sets(st.sampled_from(sorted(given)))) if given else ()),
        clearance=draw(clearances),
    )


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: case.name)
def test_shipped_case(case: Case) -> None:
    """Each of the cases that are shipped beside the default policies comes out as it says."""
    assert case.difference(POLICY) is None


@given(calls(), labels)
def test_what_is_trusted_less_is_never_allowed_more(facts: CallFacts, other: TrustLabel) -> None:
    """Joining any label with another one, as every hop does, turns no question and no denial into a call."""
    before = POLICY.call(facts).verdict
    lower = [replace(facts, decided=facts.decided.join(other))]
    lower += [replace(facts, labels={**facts.labels, name: label.join(other)}) for name, label in facts.labels.items()]
    for less in lower:
        assert not (POLICY.call(less).verdict is Verdict.ALLOW and before is not Verdict.ALLOW)


@given(calls())
def test_what_the_default_policies_allow_is_what_they_say(facts: CallFacts) -> None:
    """A call is made when what decides about it is no stranger's and the tool is cleared for it; else a person is asked."""
    sound = facts.of_sensitive >= Integrity.INTERNAL and facts.clearance.covers(facts.handed)
    if facts.effect != "read":
        sound = sound and facts.decided.integrity >= Integrity.INTERNAL
    assert POLICY.call(facts).verdict is (Verdict.ALLOW if sound else Verdict.ASK)


@given(calls())
def test_question_says_why_and_names_each_argument(facts: CallFacts) -> None:
    """Every sensitive argument that is untrusted is named in the reasons of its question, and no other one is."""
    ruling = POLICY.call(facts)
    named = set(re.findall(r"argument '(\w+)' is untrusted and decides", " ".join(ruling.reasons)))
    bad = {name for name in facts.sensitive if facts.labels[name].integrity is Integrity.UNTRUSTED}
    assert named == (bad if ruling.verdict is Verdict.ASK else set())
    assert ruling.reasons
    assert ruling.version == POLICY.version


@given(calls(), st.sampled_from(["to", "amount", "text"]))
def test_argument_without_a_label_is_never_let_through(facts: CallFacts, name: str) -> None:
    """A sensitive argument that nobody labelled is taken for untrusted."""
    unlabelled = {other: label for other, label in facts.labels.items() if other != name}
    ruling = POLICY.call(
        replace(facts, arguments={**facts.arguments, name: "x"}, labels=unlabelled, sensitive=(*facts.sensitive, name))
    )
    assert ruling.verdict is Verdict.ASK
    assert f"argument '{name}' is untrusted and decides what happens" in " ".join(ruling.reasons)


@pytest.mark.parametrize("effect", EFFECTS)
def test_effect_on_a_strangers_word_waits_for_a_person(effect: str) -> None:
    """Integrity decides for each effect alike: of what led to the call, and of what decides where it goes."""
    assert POLICY.call(call(effect, decided=UNTRUSTED)).policies == ("approved",)
    assert POLICY.call(call(effect, labels={"to": UNTRUSTED}, sensitive=("to",))).verdict is Verdict.ASK
    assert POLICY.call(call(effect, labels={"to": INTERNAL, "text": UNTRUSTED}, sensitive=("to",))).policies == (
        "effects",
    )


@given(st.sampled_from(["enum", "boolean", "integer", "number", "date", "datetime", "id"]), st.integers(1, 10**30))
def test_nothing_is_endorsed_by_default(type_: str, bound: int) -> None:
    """A stranger's words stay a stranger's, however few values a field has."""
    assert POLICY.endorse(field(type_, bound=bound, label=TRUSTED)).verdict is Verdict.DENY


def test_examples_in_the_comments_hold() -> None:
    """What the default file shows as examples can be copied, and does what it is said to do."""
    written = (DEFAULTS / "default.cedar").read_text()
    copied = "\n".join(line[4:] for line in written.splitlines() if re.match(r"//   ", line))
    policy = Policy.of({"default.cedar": written, "own.cedar": copied})
    assert [one.id for one in policy.statements][3:] == ["triage-priority", "small-refunds", "no-large-refunds"]
    assert policy.endorse(field("enum", bound=5)).policies == ("triage-priority",)
    assert policy.endorse(field("enum", bound=6)).verdict is Verdict.DENY

    def refund(amount: int, reason: TrustLabel = UNTRUSTED, decided: TrustLabel = INTERNAL) -> Verdict:
        given = {"amount": INTERNAL, "reason": reason}
        facts = call(tool="refund", decided=decided, labels=given, arguments={"amount": amount, "reason": "late"})
        return policy.call(replace(facts, sensitive=("amount", "reason"))).verdict

    assert (refund(99), refund(100), refund(1000), refund(1001)) == ("allow", "ask", "ask", "deny")
    assert refund(1000, INTERNAL) is Verdict.ALLOW
    assert refund(99, decided=UNTRUSTED) is Verdict.ASK
