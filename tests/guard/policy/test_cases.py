"""Unit tests of policies, as files beside them: read strictly, and told where they differ."""

from pathlib import Path

import pytest

from stemma.core.errors import InvalidData
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.guard.policy import Case, Policy, cases_in, read_cases
from stemma.guard.ruling import CallFacts, Clearance, EndorseFacts, Verdict

WHOLE = """\
cases:
  - case: everything
    call: pay
    effect: spend
    network: desk
    agent: clerk
    actor: user:ada
    decided: trusted
    arguments:
      amount: {value: 20.5, label: Internal}
      to: {value: [a, b], label: {integrity: untrusted, confidentiality: secret, categories: [pii]}}
    sensitive: [amount]
    clearance: {confidentiality: secret, categories: [pii]}
    expect: allow
    policy: effects
  - case: next to nothing
    call: look
    effect: read
    decided: {integrity: internal}
    arguments:
      name: {value: x}
    expect: ask
  - case: a field
    endorse: priority
    type: enum
    label: untrusted
    bound: 3
    expect: deny
"""


def cases(folder: Path, text: str) -> tuple[Case, ...]:
    path = folder / "some.test.yaml"
    path.write_text(text)
    return read_cases(path)


def test_case_holds_all_that_the_file_says(tmp_path: Path) -> None:
    """Labels may be a word; what is left out is somebody, nothing, or the worst."""
    whole, little, field = cases(tmp_path, WHOLE)
    secret = TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET, frozenset(["pii"]))
    assert whole.facts == CallFacts(
        network="desk",
        agent="clerk",
        actor="user:ada",
        tool="pay",
        effect="spend",
        decided=TRUSTED,
        arguments={"amount": 20.5, "to": ["a", "b"]},
        labels={"amount": INTERNAL, "to": secret},
        sensitive=("amount",),
        clearance=Clearance(Confidentiality.SECRET, frozenset(["pii"])),
    )
    assert (whole.line, whole.name, whole.expect, whole.policy) == (2, "everything", Verdict.ALLOW, "effects")
    assert little.facts == CallFacts(
        network="network",
        agent="agent",
        actor="user:somebody",
        tool="look",
        effect="read",
        decided=INTERNAL,
        arguments={"name": "x"},
        labels={"name": TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET)},
        sensitive=(),
        clearance=Clearance(),
    )
    assert little.policy is None
    assert field.facts == EndorseFacts("network", "agent", "user:somebody", "priority", "enum", UNTRUSTED, 3)
    default = Policy.default()
    assert [case.difference(default) for case in (whole, little, field)] == [None, None, None]


def test_difference_says_where_and_why(tmp_path: Path) -> None:
    """Another verdict is a difference, and so is another policy."""
    text = WHOLE.replace("expect: allow\n    policy: effects", "expect: ask\n    policy: approved")
    [whole, *_] = cases(tmp_path, text)
    told = str(whole.difference(Policy.default()))
    assert told == (
        f"{tmp_path}/some.test.yaml:2: everything: expected ask by 'approved', not allow by 'effects': "
        "policy 'effects' permits it"
    )
    [whole, *_] = cases(tmp_path, WHOLE.replace("policy: effects", "policy: reads"))
    assert "expected allow by 'reads', not allow by 'effects'" in str(whole.difference(Policy.default()))
    [_, little, _] = cases(tmp_path, WHOLE.replace("expect: ask", "expect: deny"))
    assert "expected deny, not ask by 'approved'" in str(little.difference(Policy.default()))
    [_, _, field] = cases(tmp_path, WHOLE.replace("expect: deny", "expect: allow"))
    assert "expected allow, not deny: no policy endorses field 'priority'" in str(field.difference(Policy.default()))


def test_all_files_of_a_folder_are_read(tmp_path: Path) -> None:
    """By name, and nothing but `*.test.yaml`."""
    for name in ("b.test.yaml", "a.test.yaml", "c.yaml"):
        (tmp_path / name).write_text(WHOLE)
    assert [case.path.name for case in cases_in(tmp_path)] == ["a.test.yaml"] * 3 + ["b.test.yaml"] * 3


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("cases:", "case:", 1, "a file of tests has no key 'case' (did you mean 'cases'?); it has cases"),
        ("decided: trusted", "decided: honest", 8, "'honest' is no level of a label"),
        ("label: Internal", "labl: Internal", 10, "argument 'amount' has no key 'labl' (did you mean 'label'?)"),
        ("{value: 20.5, label: Internal}", "{label: internal}", 10, "argument 'amount' needs a key 'value'"),
        ("integrity: untrusted, ", "", 11, "a label needs a key 'integrity'"),
        (
            "{confidentiality: secret, categories: [pii]}\n    exp",
            "{categories: [pii]}\n    exp",
            13,
            "'confidentiality'",
        ),
        ("    effect: spend\n", "", 2, "a case needs a key 'effect'"),
        ("    decided: trusted\n", "", 2, "a case needs a key 'decided'"),
        ("    expect: allow\n", "", 2, "a case needs a key 'expect'"),
        ("expect: allow", "expect: yes", 14, "expect cannot be 'yes'; use allow, ask, deny"),
        ("    type: enum\n", "", 23, "a case needs a key 'type'"),
        ("    label: untrusted\n", "", 23, "a case needs a key 'label'"),
        ("bound: 3", "bound: 0", 27, "bound must be a whole number above 0"),
        ("bound: 3", "effect: read", 27, "a case has no key 'effect'"),
        ("    call: look\n", "", 16, "a case has no key 'effect'"),
    ],
)
def test_file_that_is_not_understood_is_refused_with_the_line(
    tmp_path: Path, old: str, new: str, line: int, problem: str
) -> None:
    """A test that was misread would be a test that proves nothing."""
    with pytest.raises(InvalidData) as caught:
        cases(tmp_path, WHOLE.replace(old, new, 1))
    assert problem in str(caught.value)
    assert caught.value.line is not None
    assert abs(caught.value.line - line) <= 1
