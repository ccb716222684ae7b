"""`stemma policy` from the terminal: show, check, test, explain and dry-run."""

import pytest
from tests.cli.terminal import Terminal

import stemma
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.guard.policy import Policy, facts_to_json
from stemma.guard.ruling import CallFacts, Clearance, EndorseFacts

NEVER = '@id("never") forbid (principal, action == Action::"spend", resource);\n'
CASE = """\
cases:
  - case: no money is spent
    call: pay
    effect: spend
    decided: trusted
    expect: deny
    policy: never
"""


MANIFEST = """\
network: till
inputs: [order]
tools: {refund: {python: "tools.py:refund"}}
agents: {clerk: {calls: refund, reads: [order], writes: receipt}}
pipeline: [clerk]
"""


@pytest.fixture
def written(terminal: Terminal) -> Terminal:
    """A terminal in a folder with `policies`, which forbid to spend, and a log with three decisions of the defaults."""
    (terminal.folder / "policies").mkdir()
    terminal.write("policies/own.cedar", NEVER)
    terminal.write("policies/own.test.yaml", CASE)
    call = CallFacts(
        network="desk",
        agent="clerk",
        actor="user:ada",
        tool="pay",
        effect="spend",
        decided=INTERNAL,
        arguments={"iban": "DE02\x1b[2J", "text": "rent"},
        labels={"iban": UNTRUSTED, "text": INTERNAL},
        sensitive=("iban",),
        clearance=Clearance(),
    )
    field = EndorseFacts("desk", "triage", "user:ada", "priority", "enum", UNTRUSTED, 1)
    default = Policy.default()
    with stemma.open() as here, here.scope.write() as tx:
        tx.record("question.asked", subject="r_1", data=facts_to_json(call, default.call(call)))
        tx.record("tool.called", subject="r_1", data={"tool": "old"})
        tx.record("label.endorsed", subject="r_1", data=facts_to_json(field, default.endorse(field)))
    return terminal


def test_defaults_hold_without_a_folder(terminal: Terminal) -> None:
    """Where nobody wrote a policy, the default ones are shown, sound, and tested by the cases they are shipped with."""
    shown = terminal("policy", "show")
    assert '@id("effects")' in shown.out
    assert Policy.default().version in shown.err
    assert (
        f"3 policies in default.cedar are sound; version {Policy.default().version}\n"
        == terminal("policy", "check").out
    )
    assert terminal("policy", "test").out.endswith("cases came out as expected\n")
    assert terminal("policy", "show", "--json").json["policies"] == ["reads", "effects", "approved"]


def test_folder_named_policies_is_taken_by_itself(written: Terminal) -> None:
    """The files of ./policies are added; their cases are run."""
    assert written("policy", "check", "--json").json["files"] == ["default.cedar", "own.cedar"]
    assert written("policy", "test").out == "1 of 1 case came out as expected\n"
    assert written("policy", "test", "policies", "--json").json["failed"] == []
    shown = written("policy", "show").out
    assert "// --- own.cedar" in shown
    assert NEVER.strip() in shown


def test_case_that_fails_is_told_with_its_place(written: Terminal) -> None:
    """Exit code 1, the line of the case, what was expected and what came."""
    written.write("policies/own.cedar", NEVER.replace("spend", "egress"))
    failed = written("policy", "test")
    assert failed.code == 1
    told = " ".join(failed.out.split())
    assert "policies/own.test.yaml:2: no money is spent: expected deny by 'never', not allow by 'effects'" in told
    assert told.endswith("0 of 1 case came out as expected")
    [one] = written("policy", "test", "--json").json["failed"]
    assert (one["line"], one["expected"], one["ruling"]["policies"]) == (
        2,
        {"verdict": "deny", "policy": "never"},
        ["effects"],
    )


def test_folder_without_cases_proves_nothing(written: Terminal) -> None:
    """No case is no success."""
    (written.folder / "policies" / "own.test.yaml").unlink()
    assert written("policy", "test").told(2).startswith("policies: has no *.test.yaml with cases")


def test_policy_that_makes_no_sense_is_one_line(written: Terminal) -> None:
    """File and line come first; a folder that is not there is said."""
    written.write("policies/own.cedar", "\nforbid (principal, action, resource) when { context.foo };")
    assert written("policy", "check").told(2).startswith("policies/own.cedar:2: policy 'own#1': ")
    assert written("policy", "check", "none").told(2) == "none: no such folder; name one with *.cedar files"


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (
            'forbid (principal == Agent::"clark", action, resource);',
            "there is no agent 'clark' (did you mean 'clerk'?)",
        ),
        (
            'forbid (principal, action, resource == Tool::"refunds");',
            "there is no tool 'refunds' (did you mean 'refund'?)",
        ),
        (
            'forbid (principal in Network::"tilt", action, resource);',
            "there is no network 'tilt' (did you mean 'till'?)",
        ),
        ('forbid (principal, action, resource) when { principal == Agent::"cleric" };', "there is no agent 'cleric'"),
        ('forbid (principal in Network::"till", action, resource == Tool::"refund");', None),
        ('forbid (principal == Agent::"clerk", action == Action::"endorse", resource == Field::"any");', None),
    ],
)
def test_policy_names_what_the_networks_beside_it_have(written: Terminal, policy: str, problem: str | None) -> None:
    """Of agents, tools and networks; what a manifest elsewhere has is told with --network."""
    written.write("policies/own.cedar", policy)
    written.write("elsewhere.txt", MANIFEST)
    nothing = written("policy", "check")
    assert (nothing.code, "say --network MANIFEST" in " ".join(nothing.err.split())) == (0, True)
    (written.folder / "elsewhere.txt").rename(written.folder / "stemma.yaml")
    for more in ((), ("--network", "stemma.yaml")):
        checked = written("policy", "check", *more)
        if problem is None:
            assert "are sound for 'till'; version" in checked.out, checked
        else:
            assert problem in checked.told(2)


def test_decision_is_explained(written: Terminal) -> None:
    """Agent, tool, every label, the verdict, its reasons, the policies and their version; nothing of the arguments' values."""
    shown = written("policy", "explain", "0")
    told = " ".join(shown.out.split())
    for part in (
        "ask: clerk: pay (spend)",
        "argument 'iban' is untrusted and decides what happens; no policy lets that through without a person",
        "event 0 question.asked",
        "network desk",
        "asked by user:ada",
        "decided by internal · internal",
        "argument iban untrusted · internal · decides what happens",
        "argument text internal · internal tool",
        "tool cleared for internal",
        f"policies approved of version {Policy.default().version}",
    ):
        assert part in told
    explained = written("policy", "explain", "0", "--json").json
    assert (explained["event"], explained["kind"], explained["verdict"]) == (0, "question.asked", "ask")
    assert "DE02" not in shown.out + str(explained)
    told = " ".join(written("policy", "explain", "2").out.split())
    assert "deny: triage: endorse priority (enum)" in told
    assert "read from untrusted · internal bound at most 1 value policies none of version" in told


def test_entry_that_no_policy_decided_is_refused(written: Terminal) -> None:
    """An entry without a decision, and one that is not there, are told apart."""
    assert "entry 1 is 'tool.called', which no policy decided" in written("policy", "explain", "1").told(2)
    assert "the audit log has no entry 99" in written("policy", "explain", "99").told(2)


def test_dry_run_says_what_would_change(written: Terminal) -> None:
    """A folder's policies are asked about what the log remembers, and nothing is changed."""
    told = " ".join(written("policy", "dry-run", "policies").out.split())
    assert "0 ask deny clerk: pay (spend) policy 'never' forbids" in told
    assert told.endswith("of 2 decisions in the log, 1 would change and 0 depend on arguments")
    written.write(
        "policies/own.cedar",
        'permit (principal, action in Action::"call", resource) '
        'when { context.arguments has iban && context.arguments.iban like "DE*" };',
    )
    told = " ".join(written("policy", "dry-run", "policies").out.split())
    assert told == (
        "event 0: clerk: pay (spend): depends on arguments: iban "
        "of 2 decisions in the log, 0 would change and 1 depend on arguments"
    )
    found = written("policy", "dry-run", "policies", "--json").json
    assert found["depends_on_arguments"] == [{"event": 0, "what": "clerk: pay (spend)", "arguments": ["iban"]}]
    assert (found["decisions"], found["changes"]) == (2, [])
