"""What of a call's arguments leaves, and what stands behind its tokens: decided in memory."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.network.monitored import SECRET, STRANGE_SECRET, Counter, tool

from stemma.core.errors import Unauthorized
from stemma.core.trust import INTERNAL, UNTRUSTED, Confidentiality
from stemma.guard.ruling import Clearance
from stemma.guard.text import Treatment
from stemma.guard.vault import Revealed
from stemma.network.disclosure import Handed, Leaving, disclosed, leaving, reveals
from stemma.network.protection import OF_PERSON, Protects, Shield
from stemma.network.tools.tool import Effect, ToolFailed
from stemma.network.wanted import Wanted

KEY = "ghp_" + "a1B2" * 9
TEXT = {"type": "string"}
PII, ALL = Clearance(categories=frozenset({"pii"})), Clearance(Confidentiality.SECRET, frozenset({"pii"}))
POST = tool("post", Effect.EGRESS, properties={"to": TEXT, "text": TEXT, "more": TEXT}, sensitive=("to",))
SPEAKS = Protects(tenant="acme")


def call(label: Any = INTERNAL, *, one: Any = POST, **arguments: Any) -> Wanted:
    return Wanted(one, arguments, dict.fromkeys(arguments, label))


def shield(protects: Protects | None = SPEAKS, vault: Counter | None = None) -> Shield:
    return Shield("desk", protects, vault or Counter())


# --- leaving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "protects"),
    [
        (POST, None),
        (POST, Protects(out={"secret": Treatment.KEEP})),
        (replace(POST, effect=Effect.READ, sensitive=()), SPEAKS),
        (replace(POST, labelled=True), SPEAKS),
        (replace(POST, effect=Effect.WRITE), SPEAKS),
        (replace(POST, clearance=ALL), SPEAKS),
    ],
    ids=["protects nothing", "keeps all", "reads", "hands labels on", "keeps what it gets", "is cleared"],
)
def test_call_leaves_as_it_is(one: Any, protects: Protects | None) -> None:
    """Where nothing is to be looked for, where nothing leaves, and towards who may have it."""
    whole = call(one=one, to="x", text=KEY)
    assert leaving(whole, shield(protects)) == Leaving(whole)


@pytest.mark.parametrize(
    "one",
    [
        POST,
        replace(POST, effect=Effect.SPEND),
        replace(POST, effect=Effect.WRITE, clearance=PII),
        replace(POST, effect=Effect.READ),
    ],
)
def test_own_secret_is_refused(one: Any) -> None:
    """Whatever the tool is that is not cleared for it; every argument with one is named, and the call stays as it was."""
    whole = call(one=one, to=KEY, text="fine", more=KEY)
    found = leaving(whole, shield())
    assert [reason.partition(" in ")[2] for reason in found.refused] == [
        "argument 'to' is not let out",
        "argument 'more' is not let out",
    ]
    assert found.call is whole


def test_strangers_secret_is_taken_out() -> None:
    """Where it does not decide: whether a call is made must not be up to strangers. Where it does, it is refused as ours is."""
    whole = call(UNTRUSTED, to="x", text=f"{KEY} and {KEY}", more="fine")
    found = leaving(whole, shield())
    assert KEY not in str(found.call.arguments)
    assert (found.call.arguments["to"], found.call.arguments["more"]) == ("x", "fine")
    assert (list(found.kinds), found.refused) == (["text"], ())
    assert len(found.kinds["text"]) == 1
    assert len(leaving(call(UNTRUSTED, to=KEY), shield()).refused) == 1


def deep() -> Any:
    """Deeper than anything looks."""
    value: Any = "x"
    for _ in range(300):
        value = [value]
    return value


def test_value_that_cannot_be_looked_through_is_refused() -> None:
    """It may hold anything, whichever argument it is; what was found in others is not said of it."""
    found = leaving(call(UNTRUSTED, text=KEY, more=deep()), shield())
    assert [reason.partition(":")[0] for reason in found.refused] == ["argument 'more'"]
    assert list(found.kinds) == ["text"]
    first = leaving(call(more=deep(), to="x"), shield())
    assert [reason.partition(":")[0] for reason in first.refused] == ["argument 'more'"]


def test_kinds_are_told_in_order() -> None:
    """Each once, whatever the order in which they were found."""
    letters = "hgfedcba"
    fields = Protects(fields=dict.fromkeys(letters, Treatment.KEEP), out=dict.fromkeys(letters, Treatment.REDACT))
    words = {letter: f"word {letter}" for letter in letters}
    found = leaving(call(to="x", more={**words, "c": {"a": "word"}}), shield(fields))
    assert found.kinds == {"more": sorted(letters)}
    assert "word" not in str(found.call.arguments)
    assert found.refused == ()


# --- tokens -------------------------------------------------------------------------------------------------------------


def spoken(*texts: str) -> tuple[Counter, list[str]]:
    vault = Counter()
    return vault, [vault.token("name", text) for text in texts]


CLEARED = replace(POST, clearance=PII)


@pytest.mark.parametrize(
    ("one", "protects"),
    [
        (POST, SPEAKS),
        (replace(CLEARED, labelled=True), SPEAKS),
        (replace(CLEARED, clearance=Clearance()), SPEAKS),
        (CLEARED, None),
        (CLEARED, Protects(fields={"name": Treatment.REDACT})),
    ],
    ids=["says nothing", "hands labels on", "is not cleared", "protects nothing", "speaks none"],
)
def test_tool_gets_tokens(one: Any, protects: Protects | None) -> None:
    """Unless it says that it is cleared for what stands behind them, where tokens mean something."""
    vault, [token] = spoken("Ada")
    whole, guard = call(UNTRUSTED, one=one, to="x", text=token), shield(protects, vault)
    assert reveals(whole, guard) == ()
    assert disclosed(whole, guard, {}) == Handed(whole.arguments, UNTRUSTED.join(whole.label))


def test_depth_is_no_matter_to_a_tool_that_gets_tokens() -> None:
    """Tokens are looked for only where one would be turned back."""
    whole, guard = call(one=POST, more=deep()), shield()
    assert reveals(whole, guard) == ()
    assert disclosed(whole, guard, {}).arguments is whole.arguments


def test_cleared_tool_gets_texts() -> None:
    """In every argument that has tokens, wherever they stand in it; those of a kind that it may not know stay."""
    vault, [token] = spoken("Ada")
    key = vault.token("secret", KEY)
    whole = call(INTERNAL, one=CLEARED, to="x", text=f"Dear {token}", more={"a": [token.upper(), key]})
    guard = shield(SPEAKS, vault)
    assert reveals(whole, guard) == ("text", "more")
    asked: list[Any] = []

    class Asking(Counter):
        def reveal(
            self, value: Any, tenant: str, *, wanted: Callable[[str], bool], purpose: Mapping[str, Any]
        ) -> Revealed:
            asked.extend([value, tenant, wanted("name"), wanted("secret"), purpose])
            return vault.reveal(value, tenant, wanted=wanted, purpose=purpose)

    found = disclosed(whole, shield(SPEAKS, Asking()), {"why": "x"})
    assert found.arguments["text"] == "Dear Ada"
    assert found.arguments["to"] == "x"
    assert found.label == whole.label.join(OF_PERSON)
    assert found.texts[token] == "Ada"
    purpose = {"why": "x", "tool": "post", "arguments": ["text", "more"]}
    assert asked == [[whole.arguments["text"], whole.arguments["more"]], "acme", True, False, purpose]


def test_label_does_not_show_whether_a_strangers_text_has_tokens() -> None:
    """It is the same with one and without; of ours it is known."""
    vault, [token] = spoken("Ada")
    labels = [
        disclosed(call(UNTRUSTED, one=CLEARED, text=text), shield(vault=vault), {}).label for text in (token, "x")
    ]
    assert labels[0] == labels[1] == call(UNTRUSTED, text="x").label.join(OF_PERSON)
    ours = call(SECRET, one=CLEARED, text="x")
    assert disclosed(ours, shield(vault=vault), {}) == Handed(ours.arguments, ours.label)


def test_erased_text_stops_a_call_of_ours() -> None:
    """And one that it decides about; a stranger's token that was erased stays what it is."""
    vault, [token] = spoken("Ada")
    vault.gone.add(token)
    guard = shield(vault=vault)
    for label, name in ((INTERNAL, "text"), (UNTRUSTED, "to")):
        with pytest.raises(ToolFailed, match=f"a token in argument '{name}' was erased"):
            disclosed(call(label, one=CLEARED, **{name: token}), guard, {})
    assert disclosed(call(UNTRUSTED, one=CLEARED, text=token), guard, {}).arguments == {"text": token}
    fine = vault.token("name", "Bea")
    assert disclosed(call(INTERNAL, one=CLEARED, text=fine), guard, {}).arguments == {"text": "Bea"}


@pytest.mark.parametrize("place", [0, 1])
def test_one_erased_text_of_several_stops_a_call_of_ours(place: int) -> None:
    """A letter to two people, one of whom is forgotten, is not written to the other alone."""
    vault, tokens = spoken("Ada", "Bea")
    vault.gone.add(tokens[place])
    with pytest.raises(ToolFailed, match="a token in argument 'text' was erased"):
        disclosed(call(INTERNAL, one=CLEARED, text=" and ".join(tokens)), shield(vault=vault), {})


def test_who_may_not_reveal_stops_a_call_of_ours() -> None:
    """What only strangers wrote stays tokens, since whether the call is made is not up to them."""

    class Closed(Counter):
        def reveal(self, value: Any, tenant: str, **_: Any) -> Revealed:
            raise Unauthorized("ada", "reveal", "vault:/acme", "no role", "grant one")

    vault = Closed()
    token = vault.token("name", "Ada")
    with pytest.raises(ToolFailed, match="may not be told: ada may not reveal"):
        disclosed(call(INTERNAL, one=CLEARED, text=token), shield(vault=vault), {})
    with pytest.raises(ToolFailed):
        disclosed(call(UNTRUSTED, one=CLEARED, to=token), shield(vault=vault), {})
    found = disclosed(call(STRANGE_SECRET, one=CLEARED, text=token), shield(vault=vault), {})
    assert (found.arguments, dict(found.texts)) == ({"text": token}, {})


def test_without_a_vault_tokens_stay() -> None:
    """There is nobody to ask."""
    _, [token] = spoken("Ada")
    whole = call(INTERNAL, one=CLEARED, text=token)
    assert disclosed(whole, Shield("desk", SPEAKS, None), {}) == Handed(whole.arguments, whole.label)


# --- hidden -------------------------------------------------------------------------------------------------------------

ADA, LONG, NUMBER, LINK, CITY, STREET = (f"pii_name_{letter * 34}" for letter in "abcdef")
TOLD = Handed(
    {},
    INTERNAL,
    {ADA: "Ada", LONG: "Ada Lovelace", NUMBER: "77", LINK: "ä b&c", CITY: "İzmir", STREET: "Weiße Gasse"},
)


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ("told Ada.", f"told {ADA}."),
        ("ADA and ada", f"{ADA} and {ADA}"),
        ("Ada Lovelace, Ada", f"{LONG}, {ADA}"),
        ("Adam, NAda and 7Ada", "Adam, NAda and 7Ada"),
        ("Adamé", "Adamé"),
        ("to İzmir and İZMİR, izmir", f"to {CITY} and {CITY}, {CITY}"),
        ("İzmir".lower(), CITY),
        ("WEISSE GASSE 5, weiße Gasse", f"{STREET} 5, {STREET}"),
        ("?to=weisse+gasse", f"?to={STREET}"),
        ("私はAdaさん", f"私は{ADA}さん"),
        ("?q=%C3%A4+b%26c and %C3%A4%20b%26c", f"?q={LINK} and {LINK}"),
        ({"Ada": ["x", {"y": "Ada"}]}, {ADA: ["x", {"y": ADA}]}),
        (f"{ADA} 77", f"{ADA} {NUMBER}"),
        (77, NUMBER),
        (78, 78),
        (7.5, 7.5),
        (True, True),
        (None, None),
    ],
)
def test_what_was_told_comes_back_as_tokens(came: Any, kept: Any) -> None:
    """In any case of letters, as URLs spell it, in keys and as numbers; not inside of words."""
    assert TOLD.hidden(came) == kept


def test_text_inside_of_another_is_hidden_with_it() -> None:
    """Once: the token of the longer one stands for all of it, and nothing around it is lost."""
    both = Handed({}, INTERNAL, {ADA: "Lovelace", LONG: "Ada Lovelace King", LINK: "Lovelace King of"})
    assert both.hidden("Ada Lovelace King of Ockham, Lovelace") == f"{LONG} of Ockham, {ADA}"


def test_what_is_handed_over_is_not_shown() -> None:
    """Logs and tracebacks print what they meet: neither an argument nor a text is in it."""
    shown = repr(Handed({"to": "Bea"}, INTERNAL, {ADA: "Ada"}))
    assert "Bea" not in shown
    assert "Ada" not in shown


def test_what_nobody_was_told_comes_back_as_it_is() -> None:
    """The same value, not a copy that JSON could hold; and marks alone are nobody's secret."""
    value = {"a": ["Ada", 77], 7: ("x",)}
    assert Handed({}, INTERNAL).hidden(value) is value
    assert Handed({}, INTERNAL, {ADA: "--"}).hidden("a -- b") == "a -- b"
