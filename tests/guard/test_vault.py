"""Tokens that turn back, until their key is erased."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from stemma.core.errors import InvalidName, NotConfigured, NotFound, Unauthorized
from stemma.guard.text import TOKEN, Protection, Treatment, protect
from stemma.guard.vault import KEY_FILE, Vault
from stemma.ledger import Ledger, Signer
from stemma.ledger.scope import Scope
from stemma.store.schema import vault_keys

EVERYWHERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


@pytest.fixture
def vault(scope: Scope, tmp_path: Path) -> Vault:
    return Vault(scope, tmp_path / "keys")


@EVERYWHERE
@given(st.text(), st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True))
def test_a_token_turns_back_into_its_text(vault: Vault, text: str, kind: str) -> None:
    """Whatever the text, its token is one word of safe letters that comes back, also through JSON and in capitals."""
    token = vault.tokens("acme").token(kind, text)
    assert TOKEN.fullmatch(token)
    assert vault.reveal(token, "acme").value == text
    assert vault.reveal(json.loads(json.dumps({"a": f"**{token.upper()}**"})), "acme").value == {"a": f"**{text}**"}


def test_equal_texts_have_equal_tokens_in_one_place_only(vault: Vault) -> None:
    """Under one key a text has one token for each kind; another tenant, subject or kind makes another."""
    one, other = vault.tokens("acme"), vault.tokens("globex")
    subject = vault.tokens("acme", subject="customer-17")
    assert one.token("email", "a@b.c") == vault.tokens("acme").token("email", "a@b.c")
    made = {keys.token(kind, "a@b.c") for keys in (one, other, subject) for kind in ("email", "name")}
    assert len(made) == 6


def test_only_its_own_tenant_turns_a_token_back(vault: Vault) -> None:
    """A token of another tenant, or one that was altered, stays as it is and is counted as strange."""
    token = vault.tokens("acme").token("email", "a@b.c")
    altered = token[:-3] + ("aaa" if token[-3:] != "aaa" else "bbb")
    for text, tenant in ((token, "globex"), (altered, "acme"), (token.replace("_email_", "_phone_"), "acme")):
        done = vault.reveal(text, tenant)
        assert (done.value, done.revealed, done.strange) == (text, 0, 1)


def test_erasing_a_subject_leaves_the_others(vault: Vault) -> None:
    """After a subject's key is dropped its tokens stay closed for ever; the tenant's others still turn back."""
    gone = vault.tokens("acme", subject="customer-17").token("name", "Ada")
    kept = vault.tokens("acme").token("name", "Ben")
    assert vault.erase("acme", subject="customer-17") == 1
    done = vault.reveal(f"{gone} {kept}", "acme")
    assert (done.value, done.revealed, done.erased) == (f"{gone} Ben", 1, 1)
    anew = vault.tokens("acme", subject="customer-17").token("name", "Ada")
    assert anew != gone
    assert vault.reveal(f"{gone} {anew}", "acme").value == f"{gone} Ada"


def test_erasing_a_tenant_erases_all_of_it(vault: Vault, scope: Scope) -> None:
    """Without a subject every key of the tenant goes, nothing of it stays in the row, and other tenants lose nothing."""
    tokens = [vault.tokens("acme", subject=subject).token("name", "Ada") for subject in ("", "s1", "s2")]
    other = vault.tokens("globex").token("name", "Ben")
    assert vault.erase("acme") == 3
    assert vault.reveal(" ".join(tokens), "acme").erased == 3
    assert vault.reveal(other, "globex").value == "Ben"
    with scope.read() as connection:
        rows = connection.execute(select(vault_keys).where(vault_keys.c.tenant == "acme")).all()
    assert all(row.wrapped is None and row.erased_at is not None for row in rows)
    with pytest.raises(NotFound, match="nothing to erase"):
        vault.erase("acme")


def test_the_log_verifies_and_says_nothing_of_what_was_hidden(scope: Scope, tmp_path: Path) -> None:
    """Making, revealing and erasing are events without the words; a log that carries tokens verifies after the erasure."""
    signer = Signer.load_or_create(tmp_path / "keys")
    signed = replace(scope, ledger=Ledger(scope.store, scope.clock, signer))
    vault = Vault(signed, tmp_path / "keys")
    policy = Protection(fields={"name": Treatment.TOKENISE})
    hidden = protect({"name": "Ada Lovelace"}, policy, vault.tokens("acme")).value
    with signed.write() as tx:
        tx.record("ticket.read", subject="t2", data=hidden)
    signed.ledger.checkpoint()
    assert vault.reveal(hidden, "acme").value == {"name": "Ada Lovelace"}
    vault.erase("acme")
    assert vault.reveal(hidden, "acme").value == hidden
    signed.ledger.checkpoint()
    told = [json.dumps(entry.to_json()) for entry in signed.ledger.tail(10)]
    kinds = sorted(json.loads(entry)["kind"] for entry in told)
    assert kinds == ["ticket.read", "vault.created", "vault.erased", "vault.revealed", "vault.revealed"]
    assert not any("Ada" in entry for entry in told)
    assert signed.ledger.verify(signer.public_key).verified


def test_a_reveal_is_told_even_when_it_fails(vault: Vault, scope: Scope) -> None:
    """Trying tokens of another tenant leaves a trace with how many there were."""
    token = vault.tokens("acme").token("name", "Ada")
    vault.reveal(token, "globex")
    [entry] = scope.ledger.tail(1)
    assert (entry.kind, entry.subject) == ("vault.revealed", "globex")
    assert entry.to_json()["data"] == {"erased": 0, "revealed": 0, "strange": 1}


def test_a_reveal_says_what_for_and_opens_no_other_kind(vault: Vault, scope: Scope) -> None:
    """Kinds that are not wanted stay tokens; the event has the purpose, and what could not be opened is named."""
    name, mail = (vault.tokens("acme").token(kind, f"{kind}!") for kind in ("name", "email"))
    gone = vault.tokens("acme", subject="s").token("name", "Ada")
    vault.erase("acme", subject="s")
    done = vault.reveal([name, mail, gone], "acme", wanted=lambda kind: kind == "name", purpose={"tool": "letter"})
    assert done.value == ["name!", mail, gone]
    assert dict(done.texts) == {name: "name!"}
    assert done.gone == {gone}
    [entry] = scope.ledger.tail(1)
    assert entry.to_json()["data"] == {"erased": 1, "revealed": 1, "strange": 0, "tool": "letter"}


def test_a_vault_knows_its_own(vault: Vault) -> None:
    """A token of a tenant is known by its key, erased ones too; what only looks like one is nobody's."""
    mine = [vault.tokens("acme", subject=subject).token("name", "Ada") for subject in ("", "s1")]
    others = [vault.tokens("globex").token("name", "Ada"), f"pii_name_{'a' * 40}"]
    vault.erase("acme", subject="s1")
    assert vault.own({"x": [*mine, *others]}, "acme") == set(mine)
    assert vault.own("no token", "acme") == set()


def test_agents_neither_reveal_nor_erase(vault: Vault, scope: Scope, tmp_path: Path) -> None:
    """Whoever an agent acts for, it may have tokens made and no more."""
    agents = Vault(scope.acting_as("agent:desk/reader"), tmp_path / "keys")
    token = agents.tokens("acme").token("name", "Ada")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: agents.reveal(token, "acme"),
        lambda: agents.reveal("no token", "acme"),
        lambda: agents.erase("acme"),
    )
    for attempt in attempts:
        with pytest.raises(Unauthorized):
            attempt()
    assert vault.reveal(token, "acme").value == "Ada"


def test_the_key_file_is_what_opens_the_store(vault: Vault, scope: Scope, tmp_path: Path) -> None:
    """Another key file opens nothing; one that others can read, or that is damaged, is not used."""
    token = vault.tokens("acme").token("name", "Ada")
    with pytest.raises(NotConfigured, match="does not fit"):
        Vault(scope, tmp_path / "other").reveal(token, "acme")
    file = tmp_path / "keys" / KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(NotConfigured, match="chmod 600"):
        vault.reveal(token, "acme")
    file.chmod(0o600)
    file.write_text("STEMMA+VAULT+AAAA\n")
    with pytest.raises(NotConfigured, match="damaged"):
        vault.reveal(token, "acme")


def test_a_key_cannot_be_moved_to_another_tenant(vault: Vault, scope: Scope) -> None:
    """A row that is changed to name another tenant does not open, so nobody reads through the store what is not theirs."""
    token = vault.tokens("acme").token("name", "Ada")
    with scope.write() as tx:
        tx.connection.execute(update(vault_keys).values(tenant="globex"))
    with pytest.raises(NotConfigured, match="does not fit"):
        vault.reveal(token, "globex")


def test_names_that_cannot_be_are_refused(vault: Vault) -> None:
    """Tenants, subjects and kinds keep to their letters."""
    for tenant, subject in (("", ""), ("a b", ""), ("a", "é")):
        with pytest.raises(InvalidName, match="letters, digits"):
            vault.tokens(tenant, subject=subject)
    with pytest.raises(InvalidName, match="hyphens"):
        vault.tokens("a").token("Full_Name", "x")


def test_a_store_in_memory_has_a_vault_that_ends_with_it(scope: Scope, tmp_path: Path) -> None:
    """Without a folder no file is written, and another object opens nothing."""
    vault = Vault(scope, None)
    token = vault.tokens("acme").token("name", "Ada")
    assert vault.reveal(token, "acme").value == "Ada"
    with pytest.raises(NotConfigured):
        Vault(scope, None).reveal(token, "acme")
