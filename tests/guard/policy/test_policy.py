"""Policies that people write: read strictly, asked about calls and endorsements, failing closed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from tests.guard.policy.facts import call, field

from stemma.core.errors import InvalidData
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.guard.policy import DEFAULTS, Policy
from stemma.guard.ruling import Clearance, Verdict

PERMIT_ALL = 'permit (principal, action in Action::"call", resource);'


def policy(*texts: str) -> Policy:
    """These policies and no others."""
    return Policy.of({f"file{number}.cedar": text for number, text in enumerate(texts, 1)})


def condition(text: str, *, head: str = "resource") -> Policy:
    """One policy that permits calls under a condition."""
    return policy(f'@id("it") permit (principal, action in Action::"call", {head}) when {{ {text} }};')


def test_files_of_a_folder_are_added_to_the_defaults(tmp_path: Path) -> None:
    """A folder may permit more and forbid more; a folder that is not there adds nothing."""
    (tmp_path / "more.cedar").write_text(
        '@id("never-pay") forbid (principal, action == Action::"spend", resource == Tool::"pay");'
    )
    (tmp_path / "readme.txt").write_text("no policy")
    loaded = Policy.load(tmp_path)
    assert list(loaded.texts) == ["default.cedar", "more.cedar"]
    ruling = loaded.call(call())
    assert (ruling.verdict, ruling.policies) == (Verdict.DENY, ("never-pay",))
    assert ruling.reasons == (
        "policy 'never-pay' forbids the spend of tool 'pay' by agent 'clerk', and a person's approval does not change that",
    )
    assert loaded.call(call("write")).verdict is Verdict.ALLOW
    assert Policy.load(tmp_path / "none").version == Policy.default().version


def test_default_file_of_a_folder_replaces_the_defaults(tmp_path: Path) -> None:
    """Whoever writes a `default.cedar` answers for all of it: what it does not permit is denied."""
    (tmp_path / "default.cedar").write_text('permit (principal, action == Action::"read", resource);')
    loaded = Policy.load(tmp_path)
    assert [one.id for one in loaded.statements] == ["default#1"]
    assert loaded.call(call("read")).verdict is Verdict.ALLOW
    ruling = loaded.call(call("write"))
    assert ruling.verdict is Verdict.DENY
    assert ruling.policies == ()
    assert ruling.reasons == (
        "no policy permits the write of tool 'pay' by agent 'clerk', with a person's approval or without",
    )


def test_version_is_that_of_all_texts() -> None:
    """The same texts give the same policy on every machine; one more space is another version."""
    default = Policy.default()
    assert Policy.of(default.texts).version == default.version
    assert (
        Policy.of({"b": PERMIT_ALL, "a": PERMIT_ALL}).version == Policy.of({"a": PERMIT_ALL, "b": PERMIT_ALL}).version
    )
    assert [one.id for one in Policy.of({"b": PERMIT_ALL, "a": PERMIT_ALL}).statements] == ["a#1", "b#1"]
    assert Policy.of({**default.texts, "b.cedar": " "}).version != default.version
    assert Policy.of({name: text + "\n" for name, text in default.texts.items()}).version != default.version
    assert len(default.version) == 64


def test_no_policy_permits_nothing() -> None:
    """Without a policy every call is denied, and no person is asked."""
    assert Policy.of({}).call(call("read")).verdict is Verdict.DENY
    assert Policy.of({}).endorse(field()).verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("\n\npermit (principal, action,\n resource)\n when { foo bar };", 5, "is not Cedar: unexpected token `bar`"),
        ("permit (principal, action, resource)\n when { foo bar,\n bar };", 1, "is not Cedar: unexpected token `bar`"),
        ("// a\npermit (principal, action, resource)", 2, "is not Cedar: unexpected end of input"),
        ('permit (principal == Agnt::"x", action, resource);', 1, "unrecognized entity type `Agnt`"),
        ('\npermit (principal, action == Action::"buy", resource);', 2, 'unrecognized action `Action::"buy"`'),
        (f"{PERMIT_ALL}\n\n{PERMIT_ALL[:-1]} when {{ context.foo }};", 3, "attribute `foo` not found"),
        (
            f'@id("a") {PERMIT_ALL}\n@id("a") {PERMIT_ALL}',
            2,
            "policy 'a': policy 'a' at f.cedar:1 has this name, too; give each policy an @id of its own",
        ),
        ("permit (principal == ?principal, action, resource);", 1, "a template permits nothing by itself"),
        (f"{PERMIT_ALL[:-1]} when {{ context.arguments.a < 1 }};", 1, "ask first whether it is there"),
        (f'{PERMIT_ALL[:-1]} when {{ context.decided == "high" }};', 1, "the types Long and String are not compatible"),
        ('permit (principal, action == Action::"endorse", resource) when { context.cleared };', 1, "`cleared`"),
    ],
)
def test_policy_that_makes_no_sense_is_refused_with_its_place(text: str, line: int, problem: str) -> None:
    """Wrong grammar, unknown names and types that do not fit are found when the file is read, not when it is asked."""
    with pytest.raises(InvalidData) as caught:
        Policy.of({"f.cedar": text})
    assert problem in str(caught.value)
    assert ("ask first" in str(caught.value)) == ("ask first" in problem)
    assert caught.value.line == line
    assert str(caught.value).startswith("f.cedar:")


def test_refusal_names_the_file_where_it_lies(tmp_path: Path) -> None:
    """From a folder the whole path is told; a file that is no UTF-8 is refused."""
    bad = tmp_path / "bad.cedar"
    bad.write_text("permit")
    with pytest.raises(InvalidData) as caught:
        Policy.load(tmp_path)
    assert str(caught.value).startswith(f"{bad}:1: ")
    bad.write_bytes(b"// \xff")
    with pytest.raises(InvalidData, match="is not UTF-8 at byte 3"):
        Policy.load(tmp_path)
    bad.unlink()
    bad.mkdir()
    with pytest.raises(InvalidData, match="cannot be read"):
        Policy.load(tmp_path)


def test_policies_are_split_where_cedar_ends_them() -> None:
    """A semicolon or two slashes inside a text or a comment end nothing."""
    text = f'// one; two\n@id("a;b//c")\n{PERMIT_ALL} // three;\n\n@id("\\"d\\";")\n{PERMIT_ALL}\n{PERMIT_ALL}// end'
    assert [(one.id, one.line) for one in policy(text).statements] == [("a;b//c", 2), ('"d";', 5), ("file1#3", 7)]


@pytest.mark.parametrize(
    ("condition_", "holds"),
    [
        ("context.decided == 0 && context.sensitive == 1 && context.content == 2", (UNTRUSTED, INTERNAL, TRUSTED)),
        ("context.decided == 2 && context.sensitive == 0 && context.content == 1", (TRUSTED, UNTRUSTED, INTERNAL)),
        ("context.decided == 1 && context.sensitive == 2 && context.content == 0", (INTERNAL, TRUSTED, UNTRUSTED)),
    ],
)
def test_integrity_is_told_by_what_it_is_of(condition_: str, holds: tuple[TrustLabel, ...]) -> None:
    """What decided, what decides where it goes, and the rest have an integrity of their own."""
    decided, to, text = holds
    given = {"to": to, "by": TRUSTED, "text": text, "title": TRUSTED}
    facts = call(decided=decided, labels=given, sensitive=("to", "by"))
    assert condition(condition_).call(facts).verdict is Verdict.ALLOW
    assert condition(condition_).call(call()).verdict is Verdict.DENY


def test_context_holds_what_the_schema_says() -> None:
    """Every attribute that policies may speak of is what it is called."""
    secret = TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET, frozenset(["pii", "health"]))
    facts = call(
        "egress", labels={"text": secret}, clearance=Clearance(Confidentiality.INTERNAL, frozenset(["health"]))
    )
    for told in (
        'context.untrusted == ["text"] && context.uncovered == ["pii"] && !context.cleared',
        'context.confidentiality == 2 && context.clearance == 1 && context.actor == "user:ada" && !context.approved',
        'context.content == 0 && context.sensitive == 2 && principal.name == "clerk" && principal.network == "desk"',
        'principal == Agent::"clerk" && principal in Network::"desk" && resource == Tool::"pay"',
        'resource.name == "pay" && resource.effect == "egress" && action == Action::"egress"',
    ):
        assert condition(told).call(facts).verdict is Verdict.ALLOW, told
    nothing = call("egress")
    assert (
        condition("context.untrusted.isEmpty() && context.uncovered.isEmpty() && context.cleared").call(nothing).verdict
        == "allow"
    )
    assert condition("context.content == 2 && context.confidentiality == 1").call(nothing).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("told", "fits", "fails"),
    [
        ("context.arguments.a < 100", [99, -5, 99.0], [100, 2**63 - 1]),
        ("3 == context.arguments.a", [3, 3.0], [4]),
        ("context.arguments.a + 1 > 3 - context.arguments.a * 2", [1], [0]),
        ("-context.arguments.a > 1", [-2], [0]),
        ('context.arguments.a.lessThan(decimal("0.5"))', [0.4999, -1, 0], [0.5, 1]),
        ('context.arguments.a == decimal("0.1")', [0.1], [0.2, 922_337_203_685_477]),
        ('context.arguments.a == "EUR"', ["EUR"], ["USD", ""]),
        ('context.arguments.a like "DE*"', ["DE02", "DE"], ["FR"]),
        ('["a", "b"].contains(context.arguments.a)', ["a"], ["c"]),
        ("[1, 2].contains(context.arguments.a)", [2], [3]),
        ('context.arguments.a.contains("x")', [["x"], ["y", "x"], ("x",)], [[], ["y"]]),
        ('context.arguments.a.containsAll(["x", "y"])', [["y", "x"]], [["x"]]),
        ('["x", "y"].containsAny(context.arguments.a)', [["x"]], [["z"]]),
        ("context.arguments.a.isEmpty()", [[]], [["z"]]),
        ('context.arguments.a == ["x"]', [["x"]], [["z"]]),
        ("context.arguments.a", [True], [False]),
        ("!context.arguments.a || context.decided > 1", [False], [True]),
        ("if context.arguments.a then context.decided == 1 else false", [True], [False]),
        ("if context.decided == 1 then context.arguments.a else false", [True], [False]),
        ("context.arguments.a == context.actor", ["user:ada"], ["user:eve"]),
        ("context.arguments.a == resource.name", ["pay"], ["user:ada"]),
        ("context.arguments.a == context.decided * 2", [2], [3]),
        ("context.arguments.a != true", [False], [True]),
    ],
)
def test_arguments_are_seen_with_the_type_that_the_policy_takes_them_for(
    told: str, fits: list[Any], fails: list[Any]
) -> None:
    """What policies say of an argument decides which of Cedar's types it has; an absent one is not there."""
    asked = condition(f"context.arguments has a && {told.replace('if ', '(if ') + (')' if 'if ' in told else '')}")
    for value in fits:
        assert asked.call(call(labels={"a": INTERNAL}, arguments={"a": value})).verdict is Verdict.ALLOW, value
    for value in (*fails, None):
        ruling = asked.call(call(labels={"a": INTERNAL}, arguments={"a": value}))
        assert (ruling.verdict, ruling.policies) == (Verdict.DENY, ()), value
        assert ruling.reasons[0].startswith("no policy permits"), value
    assert asked.call(call()).verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("told", "value", "words"),
    [
        ("context.arguments.a >= 100", 99.5, "a whole number"),
        ("context.arguments.a >= 100", "1000", "a whole number"),
        ("context.arguments.a >= 100", True, "a whole number"),
        ("context.arguments.a >= 100", 2**63, "a whole number"),
        ("context.arguments.a >= 100", float("inf"), "a whole number"),
        ("context.arguments.a >= 100", 10**400, "a whole number"),
        ('context.arguments.a.greaterThan(decimal("1.0"))', 1.00001, "at most four decimal places"),
        ('context.arguments.a.greaterThan(decimal("1.0"))', 922_337_203_685_478, "at most four decimal places"),
        ('context.arguments.a.greaterThan(decimal("1.0"))', float("nan"), "at most four decimal places"),
        ('context.arguments.a like "DE*"', 7, "a text"),
        ('context.arguments.a.contains("x")', "x", "a list of texts"),
        ('context.arguments.a.contains("x")', ["x", 1], "a list of texts"),
        ("context.arguments.a", "true", "true or false"),
    ],
)
def test_argument_of_another_type_denies(told: str, value: Any, words: str) -> None:
    """A value that a policy cannot judge never slips by what forbids it."""
    forbid = (
        f'@id("no") forbid (principal, action, resource == Tool::"pay") when {{ context.arguments has a && {told} }};'
    )
    asked = policy(PERMIT_ALL, forbid)
    ruling = asked.call(call(labels={"a": TRUSTED}, arguments={"a": value}))
    assert ruling.verdict is Verdict.DENY
    assert ruling.reasons[0].startswith("the policies could not be evaluated, which means deny: argument 'a' is not ")
    assert words in ruling.reasons[0]
    # Another tool may have an argument of that name and of any type.
    assert asked.call(call(tool="note", labels={"a": TRUSTED}, arguments={"a": value})).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ("context.arguments.a == context.arguments.b", "of argument 'a' it cannot be told which type it is"),
        ('context.arguments.a < 1 && context.arguments.a == "x"', "taken for a whole number and for a text"),
        ("context.arguments.a == context.decided", "of argument 'a' it cannot be told which type it is"),
        ("context.arguments.name == context.arguments.actor", "of argument 'name' it cannot be told which type it is"),
        ("context.arguments.a.b == 1", "of argument 'a' it cannot be told which type it is"),
        ('context.arguments.a.ip == "x"', "of argument 'a' it cannot be told which type it is"),
        ('[context.arguments.a].contains("x")', "of argument 'a' it cannot be told which type it is"),
        ('{"x": context.arguments.a} == {"x": 1}', "of argument 'a' it cannot be told which type it is"),
        ('context == {"decided": 1}', "the context is used as a whole"),
        ("context.arguments == context.arguments", "the context is used as a whole"),
    ],
)
def test_argument_whose_type_cannot_be_told_is_refused(told: str, problem: str) -> None:
    """A policy has to say what it takes an argument for, once and for all."""
    with pytest.raises(InvalidData, match=problem):
        condition(told)


def test_two_policies_agree_about_an_argument_of_one_tool() -> None:
    """Two types for one argument are refused, unless they are about two tools."""
    text = (
        '@id("a") permit (principal, action in Action::"call", resource{}) '
        'when {{ context.arguments has to && context.arguments.to == "x" }};'
    )
    other = text.replace('"a"', '"b"').replace('"x"', '["x"]')
    two = policy(text.format(' == Tool::"mail"'), other.format(' == Tool::"post"'))
    assert two.call(call(tool="post", labels={"to": INTERNAL}, arguments={"to": ["x"]})).policies == ("b",)
    assert two.looks_at("mail") == {"to": "String"}
    assert two.looks_at("pay") == {}
    for first, second in ((' == Tool::"mail"', ""), ("", ' == Tool::"mail"'), ("", "")):
        with pytest.raises(
            InvalidData, match=r"a text and for a list of texts, the first by policy 'a' at file1\.cedar:1"
        ):
            policy(text.format(first), other.format(second))


def test_presence_alone_takes_any_value() -> None:
    """To ask whether an argument is there says nothing of its type."""
    asked = condition("context.arguments has a")
    for value in ({"x": 1}, [1], "x", 0):
        assert asked.call(call(labels={"a": INTERNAL}, arguments={"a": value})).verdict is Verdict.ALLOW
    assert asked.call(call(labels={"b": INTERNAL}, arguments={"b": 1})).verdict is Verdict.DENY
    accented = condition('context.arguments has "größe" && context.arguments["größe"] == 1')
    assert accented.call(call(labels={"größe": INTERNAL}, arguments={"größe": 1})).verdict is Verdict.ALLOW
    either = condition("context.arguments has a && context.arguments.a < 5 || !(context.arguments has a)")
    assert either.looks_at("pay") == {"a": "Long"}
    assert either.call(call(labels={"a": INTERNAL}, arguments={"a": 4})).verdict is Verdict.ALLOW
    assert either.call(call()).verdict is Verdict.ALLOW


def test_policy_that_fails_denies() -> None:
    """A forbid that overflows would be skipped by Cedar and let through what it forbids; here it denies."""
    overflow = (
        '@id("no") forbid (principal, action in Action::"call", resource) '
        "when { context.arguments has a && context.arguments.a * 2 > 9 };"
    )
    ruling = policy(PERMIT_ALL, overflow).call(call(labels={"a": TRUSTED}, arguments={"a": 2**62}))
    assert (ruling.verdict, ruling.policies) == (Verdict.DENY, ())
    assert "could not be evaluated, which means deny" in ruling.reasons[0]
    assert "overflow" in ruling.reasons[0]


def test_facts_that_are_no_facts_deny() -> None:
    """A missing label, an unknown effect or a value that is none is a denial with its reason, never an exception."""
    allow = policy(PERMIT_ALL, 'permit (principal, action == Action::"endorse", resource);')
    nothing = cast("TrustLabel", None)
    for facts in (
        call(decided=nothing),
        call(labels={"a": nothing}),
        call("gift"),
        call(clearance=cast("Clearance", 7)),
    ):
        ruling = allow.call(facts)
        assert (ruling.verdict, ruling.version) == (Verdict.DENY, allow.version)
        assert "which means deny" in ruling.reasons[0]
    assert "which means deny: AttributeError: " in allow.call(call(decided=nothing)).reasons[0]
    ruling = allow.endorse(field(label=nothing))
    assert (ruling.verdict, ruling.policies) == (Verdict.DENY, ())
    assert "which means deny" in ruling.reasons[0]
    assert allow.call(call("gift")).reasons == (
        "the policies could not be evaluated, which means deny: the tool's effect is 'gift', and not one of "
        "read, write, egress, spend",
    )
    assert allow.call(call(agent="a\ud800")).verdict is Verdict.DENY
    huge = condition("context.arguments has a && context.arguments.a > 1")
    ruling = huge.call(call(labels={"a": TRUSTED}, arguments={"a": 10**5000}))
    assert ruling.reasons[0].endswith("deny: argument 'a' is not a whole number, which policies take it for")


def test_names_are_never_read_as_cedar() -> None:
    """Quotes and line ends in the names of agents and tools stay part of the name."""
    name = 'x", action, resource);\n"'
    asked = policy('permit (principal == Agent::"clerk", action, resource);')
    assert asked.call(call(agent=name)).verdict is Verdict.DENY
    assert policy(PERMIT_ALL).call(call(agent=name, tool=name)).verdict is Verdict.ALLOW


def test_forbid_that_a_person_may_lift() -> None:
    """A forbid unless approved asks; its name and that of what then permits are both told."""
    asked = policy(
        f'@id("all") {PERMIT_ALL}',
        '@id("large") forbid (principal, action in Action::"call", resource) '
        "unless { context.approved || (context.arguments has a && context.arguments.a < 5) };",
        '@id("huge") forbid (principal, action in Action::"call", resource) '
        "when { context.arguments has a && context.arguments.a > 9 };",
    )

    def ruled(amount: int) -> Any:
        return asked.call(call(labels={"a": INTERNAL}, arguments={"a": amount}))

    assert ruled(4).reasons == ("policy 'all' permits it",)
    assert (ruled(5).verdict, ruled(5).policies) == (Verdict.ASK, ("large", "all"))
    assert ruled(5).reasons == ("policy 'large' forbids it without a person",)
    assert (ruled(10).verdict, ruled(10).policies) == (Verdict.DENY, ("huge",))


def test_several_policies_are_told_in_order() -> None:
    """What determined a verdict is always told in the same order."""
    many = policy("".join(f'@id("{number}") {PERMIT_ALL}' for number in range(30)))
    assert many.call(call()).policies == tuple(sorted(str(number) for number in range(30)))
    asked = policy(
        f'@id("b") {PERMIT_ALL} @id("a") {PERMIT_ALL}',
        '@id("c") forbid (principal, action == Action::"write", resource);',
    )
    assert asked.call(call()).policies == ("a", "b")
    assert asked.call(call()).reasons == ("policies 'a', 'b' permit it",)
    both = policy(
        PERMIT_ALL, '@id("y") forbid (principal, action, resource); @id("x") forbid (principal, action, resource);'
    )
    assert both.call(call()).reasons == (
        "policies 'x', 'y' forbid the spend of tool 'pay' by agent 'clerk', and a person's approval does not change that",
    )


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (call(decided=UNTRUSTED), "untrusted text had a say in whether this spend happens"),
        (
            call("read", labels={"url": UNTRUSTED}, sensitive=("url",)),
            "argument 'url' is untrusted and decides what happens",
        ),
        (
            call(labels={"a": TrustLabel(Integrity.TRUSTED, Confidentiality.SECRET), "b": INTERNAL}),
            "tool 'pay' would be handed secret text in argument 'a', and is cleared for internal",
        ),
        (
            call(
                decided=TrustLabel(Integrity.TRUSTED, categories=frozenset(["pii"])),
                clearance=Clearance(Confidentiality.SECRET, frozenset(["x", "health"])),
            ),
            "tool 'pay' would be handed internal text with pii, and is cleared for secret with health, x",
        ),
        (
            call(labels=dict.fromkeys("ba", TrustLabel(Integrity.TRUSTED, categories=frozenset(["z", "pii"])))),
            "tool 'pay' would be handed internal text with pii, z in arguments 'a', 'b', and is cleared for internal",
        ),
    ],
)
def test_reasons_name_what_is_wrong(facts: Any, reason: str) -> None:
    """A question says in one sentence which label stands in the way; a denial says it, too."""
    assert Policy.default().call(facts).reasons == (f"{reason}; no policy lets that through without a person",)
    assert Policy.of({}).call(facts).reasons == (f"{reason}; no policy lets that through",)


def test_every_objection_is_told() -> None:
    """What is wrong with two arguments and with the call itself makes three sentences, always in the same order."""
    facts = call(decided=UNTRUSTED, labels={"to": UNTRUSTED, "amount": UNTRUSTED}, sensitive=("to", "amount"))
    assert [reason.partition(";")[0] for reason in Policy.default().call(facts).reasons] == [
        "argument 'amount' is untrusted and decides what happens",
        "argument 'to' is untrusted and decides what happens",
        "untrusted text had a say in whether this spend happens",
    ]


def test_untrusted_say_in_a_read_is_no_objection() -> None:
    """Whatever led to a read is not held against it."""
    asked = condition("context.approved && context.sensitive == 2")
    assert asked.call(call("read", decided=UNTRUSTED)).reasons == (
        "no policy permits the read of tool 'pay' by agent 'clerk' without a person",
    )


ENDORSE = (
    '@id("it") permit (principal == Agent::"triage", action == Action::"endorse", resource == Field::"priority") '
    "when {{ {} }};"
)


@pytest.mark.parametrize("type_", ["enum", "boolean", "integer", "number", "date", "datetime", "id"])
def test_closed_field_is_endorsed_where_a_policy_permits_it(type_: str) -> None:
    """By agent, by field, by type, by the number of its values and by the label of what it was read from."""
    asked = policy(ENDORSE.format(f'resource.type == "{type_}" && context.bound <= 5 && context.integrity == 0'))
    ruling = asked.endorse(field(type_, label=UNTRUSTED, bound=5))
    assert (ruling.verdict, ruling.policies, ruling.reasons) == (Verdict.ALLOW, ("it",), ("policy 'it' permits it",))
    assert asked.endorse(field(type_, label=UNTRUSTED, bound=6)).verdict is Verdict.DENY
    assert asked.endorse(field(type_, label=UNTRUSTED, name="other")).verdict is Verdict.DENY
    assert asked.endorse(field(type_, label=UNTRUSTED, agent="other")).verdict is Verdict.DENY
    ruling = asked.endorse(field(type_, label=INTERNAL))
    assert ruling.reasons == ("no policy endorses field 'priority', so it stays internal",)


@pytest.mark.parametrize(
    ("type_", "bound", "reason"),
    [
        ("text", 1, "field 'priority' is of type 'text', whose values a stranger makes up"),
        ("iban", 4, "field 'priority' is of type 'iban', whose values a stranger makes up"),
        (
            "enum",
            None,
            "field 'priority' has no bound on how many values it can have, so it is not endorsed; declare one",
        ),
        ("enum", 0, "field 'priority' has no bound"),
    ],
)
def test_field_whose_values_cannot_be_counted_is_never_endorsed(type_: str, bound: int | None, reason: str) -> None:
    """No policy can raise what a stranger could put anything in."""
    ruling = policy("permit (principal, action, resource);").endorse(field(type_, bound=bound))
    assert (ruling.verdict, ruling.policies) == (Verdict.DENY, ())
    assert ruling.reasons[0].startswith(reason)


def test_endorsement_knows_secrecy_and_the_field(tmp_path: Path) -> None:
    """A policy may keep secrets out, and forbid what another permits."""
    told = 'context.confidentiality == 2 && context.categories == ["pii"] && context.bound == 1 && context.actor == "user:ada"'
    secret = TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET, frozenset(["pii"]))
    facts = field("id", bound=1, label=secret)
    name = 'resource.name == "priority" && principal in Network::"desk"'
    assert policy(ENDORSE.format(f"{told} && {name}")).endorse(facts).verdict is Verdict.ALLOW
    no = '@id("no") forbid (principal, action == Action::"endorse", resource);'
    ruling = policy(ENDORSE.format("true"), no).endorse(facts)
    assert (ruling.verdict, ruling.policies) == (Verdict.DENY, ("no",))
    assert ruling.reasons == ("policy 'no' forbids that field 'priority' is endorsed",)


def test_bound_beyond_what_cedar_counts_is_its_largest() -> None:
    """A field with more values than Cedar has numbers is still judged by its bound."""
    asked = policy(ENDORSE.format("context.bound > 9223372036854775806"))
    assert asked.endorse(field(bound=2**63 - 2)).verdict is Verdict.DENY
    assert asked.endorse(field(bound=2**63 - 1)).verdict is Verdict.ALLOW
    assert asked.endorse(field(bound=2**70)).verdict is Verdict.ALLOW


def test_schema_is_part_of_the_version() -> None:
    """The schema is shipped beside the default policies, and policies are validated against it."""
    assert (DEFAULTS / "policy.cedarschema").is_file()
    texts: Mapping[str, str] = Policy.default().texts
    assert list(texts) == ["default.cedar"]
