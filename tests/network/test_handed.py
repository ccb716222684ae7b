"""What a tool is handed, and how what comes back is made fit to be kept."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.network.clerks import KEY, NAMES, PII, call, tool

from stemma.core.errors import InvalidInput
from stemma.core.trust import INTERNAL, UNTRUSTED, Confidentiality
from stemma.guard.ruling import Clearance
from stemma.guard.text import Treatment, protect
from stemma.guard.text.protection import Protection
from stemma.guard.vault import Vault
from stemma.ledger.scope import Scope
from stemma.network.disclosure import Handed, disclosed, reveals
from stemma.network.protection import Protects, Shield
from stemma.network.tools.tool import Effect, ToolFailed
from stemma.network.wanted import Wanted, checked

EVERYWHERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


@pytest.fixture
def vault(scope: Scope, tmp_path: Path) -> Vault:
    return Vault(scope, tmp_path / "keys")


_words = st.text(st.characters(codec="utf-8", exclude_characters="pP"), min_size=1, max_size=12)
_values = st.recursive(
    _words | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x", "y"]), inner, max_size=3),
    max_leaves=10,
)


@EVERYWHERE
@given(value=_values)
def test_what_is_protected_is_told_as_it_was(vault: Vault, value: Any) -> None:
    """However deep it stands in the arguments; twice is the same as once, and what comes back has none of it in it."""
    policy = Protection(fields={"name": Treatment.TOKENISE})
    kept = protect({"x": value}, policy, vault.tokens("acme")).value
    wanted = call(tool(Effect.EGRESS, PII), kept)
    shield = Shield("desk", NAMES, vault)
    handed = disclosed(wanted, shield, {})
    assert handed.arguments == _as_texts({"x": value})
    assert disclosed(wanted, shield, {}) == handed
    again = _texts(handed.hidden(handed.arguments))
    assert not any(text in again for text in handed.texts.values() if any(map(str.isalnum, text)))


def _as_texts(value: Any, *, named: bool = False) -> Any:
    """`value` with the numbers of protected fields as texts, which is what tokens stand for."""
    match value:
        case dict():
            return {key: _as_texts(item, named=named or key == "name") for key, item in value.items()}
        case list():
            return [_as_texts(item, named=named) for item in value]
        case int() if named and not isinstance(value, bool):
            return str(value)
        case _:
            return value


def _texts(value: Any) -> list[str]:
    match value:
        case dict():
            return [text for item in value.values() for text in _texts(item)]
        case list():
            return [text for item in value for text in _texts(item)]
        case str():
            return [value]
        case _:
            return []


def test_tokens_of_another_tenant_stay_as_they_are(vault: Vault) -> None:
    """And what only looks like a token; the call is made all the same."""
    strange = f"{vault.tokens('globex').token('name', 'Ada')} pii_name_{'a' * 40}"
    handed = disclosed(call(tool(Effect.EGRESS, PII), {"x": strange}), Shield("desk", NAMES, vault), {})
    assert handed.arguments == {"x": strange}


def test_secrets_take_a_clearance_of_their_own(vault: Vault) -> None:
    """A token of a secret is not turned back for a tool that is cleared for personal data alone."""
    protects = Protects({"secret": Treatment.TOKENISE}, tenant="acme")
    shield = Shield("desk", protects, vault)
    kept = {"x": protect(KEY, Protection(protects.kinds), vault.tokens("acme")).value}
    assert reveals(call(tool(Effect.EGRESS, PII), kept), shield) == ()
    cleared = call(tool(Effect.EGRESS, Clearance(Confidentiality.SECRET)), kept)
    handed = disclosed(cleared, shield, {})
    assert handed.arguments == {"x": KEY}
    assert handed.label.confidentiality is Confidentiality.SECRET


def test_strangers_arguments_label_the_result_with_a_token_or_without(vault: Vault) -> None:
    """What a label says is not up to them, nor is whether the call is made when their text was erased."""
    shield, cleared = Shield("desk", NAMES, vault), tool(Effect.EGRESS, PII)
    token = vault.tokens("acme").token("name", "Ada")
    vault.erase("acme")
    body = Wanted(cleared, {"x": "to", "y": token}, {"x": INTERNAL, "y": UNTRUSTED})
    without = Wanted(cleared, {"x": "to", "y": "hello"}, {"x": INTERNAL, "y": UNTRUSTED})
    assert disclosed(body, shield, {}).arguments["y"] == token
    labels = [disclosed(one, shield, {}).label for one in (body, without)]
    assert labels[0] == labels[1]
    assert labels[0].categories == {"pii"}
    with pytest.raises(ToolFailed, match="was erased"):
        disclosed(call(cleared, {"x": token}), shield, {})


def test_strangers_text_that_may_not_be_told_stays_a_token(scope: Scope, tmp_path: Path) -> None:
    """Where the process may not reveal, a call is refused for what decides or is ours, and not for what strangers wrote."""
    vault = Vault(scope.acting_as("agent:desk/clerk"), tmp_path / "keys")
    token, cleared = vault.tokens("acme").token("name", "Ada"), tool(Effect.EGRESS, PII)
    body = Wanted(cleared, {"x": "to", "y": token}, {"x": INTERNAL, "y": UNTRUSTED})
    assert disclosed(body, Shield("desk", NAMES, vault), {}).arguments == body.arguments
    with pytest.raises(ToolFailed, match="may not be told"):
        disclosed(call(cleared, {"x": token}), Shield("desk", NAMES, vault), {})


def test_token_may_stand_where_a_cleared_tool_wants_a_form(vault: Vault) -> None:
    """A schema is held against what stands behind it, when that is there; against the token for every other tool."""
    token = vault.tokens("acme").token("iban", "DE89370400440532013000")
    form = {"type": "string", "maxLength": 34}
    checked(call(tool(Effect.SPEND, PII, **form), {"x": token}))
    with pytest.raises(ToolFailed, match="too long"):
        checked(call(tool(Effect.SPEND, None, **form), {"x": token}))


def test_what_comes_back_is_found_however_it_is_spelt() -> None:
    """In capitals, in a URL, in a number, as a key, and beside letters that no word ends at; nowhere inside a word."""
    handed = Handed({}, INTERNAL, {"pii_name_x": "Erika Möller", "pii_n_y": "4711"})
    value = {"ERIKA MÖLLER": ["GET /?q=Erika+M%C3%B6ller", 4711, 47110, True], "a": "客户Erika Möller您好 14711"}
    assert handed.hidden(value) == {
        "pii_name_x": ["GET /?q=pii_name_x", "pii_n_y", 47110, True],
        "a": "客户pii_name_x您好 14711",
    }


def test_hiding_many_texts_takes_no_time_worth_telling() -> None:
    """Thousands of texts in a long result are looked up, not tried one by one at every place, which would take minutes."""
    texts = {f"pii_email_{number}": f"user{number}@example.org" for number in range(10_000)}
    hidden = Handed({}, INTERNAL, texts).hidden("hello USER77@example.org and world, " * 2_500)
    assert hidden == "hello pii_email_77 and world, " * 2_500


def test_out_names_kinds_and_fields_that_there_are() -> None:
    """A name that is neither is refused with what there is."""
    with pytest.raises(InvalidInput, match="did you mean 'email'"):
        Protects(out={"emial": Treatment.BLOCK})
