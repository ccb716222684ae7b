"""The access of a store: governing it, granting, tokens, and that every change is seen at once and written down."""

import json
from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from sqlalchemy import select
from tests.guard.access.house import Caller, House, Joining

from stemma.core.errors import Conflict, InvalidName, NotConfigured, NotFound, StemmaError, Unauthorized
from stemma.guard.access import Permission, Role, TokenScope
from stemma.ledger.authority import Action
from stemma.registry.prompt import Prompt
from stemma.store.schema import metadata

HELLO, BYE = Prompt("Say hello."), Prompt("Say goodbye.")
UNKNOWN = f"stm_{'0' * 26}_{'a' * 64}"


# --- governing --------------------------------------------------------------------------------------------------------


def test_a_fresh_store_asks_nobody_for_anything(house: House) -> None:
    """Whoever opens a store that nobody governs may do everything, under whatever name, without setup."""
    for actor in ("user:ada", "ada", "service:nightly"):
        caller = house.caller(actor=actor)
        caller.prompts.save("triage", Prompt(actor))
        caller.prompts.label("triage", 1, "production")
    assert house.caller().access.whoami().rules.governed is False


def test_from_enabling_on_a_caller_without_a_token_is_refused(house: House) -> None:
    """Also in a process that was at work before; the message says what is missing and who gives it."""
    before = house.caller()
    before.prompts.save("triage", HELLO)
    issued = before.access.enable()
    with pytest.raises(Unauthorized) as refused:
        before.prompts.save("triage", BYE)
    assert str(refused.value) == (
        "user:ada may not write prompts:/triage: this store is governed, and no token was given; set STEMMA_TOKEN to "
        "your own; where that is lost, with the key of the audit log: stemma access recover"
    )
    assert (refused.value.principal, refused.value.action) == ("user:ada", "write")
    assert (refused.value.resource, refused.value.missing.partition(",")[0]) == (
        "prompts:/triage",
        "this store is governed",
    )
    assert house.caller(issued.secret).prompts.save("triage", BYE).author == "user:ada"
    with pytest.raises(Conflict, match="governed already"):
        house.caller(issued.secret).access.enable()


def test_the_first_token_governs_the_store_and_has_to_be_an_admins(house: House) -> None:
    """Else nobody could grant anything, and there would be no way back."""
    access = house.caller().access
    access.add("user:bea")
    access.grant("user:bea", "author")
    with pytest.raises(Conflict, match="the first token governs the store, and nothing was issued"):
        access.issue("user:bea")
    assert access.tokens() == []
    assert access.whoami().rules.governed is False
    access.grant("user:bea", "admin")
    bea = house.caller(access.issue("user:bea").secret)
    assert (bea.access.whoami().actor, bea.access.whoami().rules.governed) == ("user:bea", True)


def test_a_store_can_be_given_back(house: House, ada: Caller) -> None:
    """Disabled, it asks nobody again, and keeps who was granted what for the next time."""
    ada.access.disable()
    house.caller(actor="user:bea").prompts.save("triage", HELLO)
    with pytest.raises(Conflict, match="not governed"):
        ada.access.disable()
    ada.access.enable()
    assert [one.id for one in ada.access.principals()] == ["user:ada"]


def test_of_two_who_enable_access_at_once_one_does(house: House) -> None:
    """The other is told, and gets no token that nobody knows of."""
    both = [house.caller(), house.caller(actor="user:bea")]
    failures = together(*(one.access.enable for one in both))
    assert len(failures) == 1
    assert isinstance(failures[0], Conflict | Unauthorized)
    [enabled] = both[0].scope.ledger.tail(9, kind="access.enabled")
    assert [entry.actor for entry in both[0].scope.ledger.tail(9, kind="token.issued")] == [enabled.actor]


def test_only_a_principal_can_enable_access(house: House) -> None:
    """A name that nothing could be granted to would lock itself out; an agent governs nothing."""
    with pytest.raises(InvalidName, match="principal 'ada' is not valid"):
        house.caller(actor="ada").access.enable()
    with pytest.raises(Unauthorized, match="no agent can grant"):
        house.caller(actor="agent:desk/triage").access.enable()


def test_lost_access_is_recovered_with_the_key_of_the_log_alone(house: House, ada: Caller) -> None:
    """Without the key that signs the audit log there is no way around a token."""
    with pytest.raises(NotConfigured, match="set STEMMA_KEYS to the folder that holds it"):
        house.caller(actor="user:eve").access.recover()
    with pytest.raises(Unauthorized, match="no agent can grant"):
        house.caller(actor="agent:desk/triage").access.recover()


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_makes_its_bearer_the_principal(house: House, join: Joining) -> None:
    """Whatever name the environment gives, what is done is recorded under the token's."""
    bea = join("user:bea", "author")
    assert bea.prompts.save("triage", HELLO).author == "user:bea"
    with pytest.raises(
        Unauthorized, match=r"user:eve may not write prompts:/a: token \w+ is user:bea's; use a token of user:eve"
    ):
        bea.scope.acting_as("user:eve").require(Action.WRITE, "prompts:/a")


def test_a_token_that_the_store_does_not_know_opens_nothing(house: House) -> None:
    """Governed or not, and with the right id but a wrong secret too: whoever shows a token wants to be somebody."""
    with pytest.raises(Unauthorized, match="the store knows no such token; set STEMMA_TOKEN"):
        house.caller(UNKNOWN)
    secret = house.caller().access.enable().secret
    with pytest.raises(Unauthorized, match="the store knows no such token"):
        house.caller(secret[:-64] + "a" * 64)


def test_a_revoked_token_is_refused_at_its_next_call(ada: Caller, join: Joining) -> None:
    """In a process that used it a moment ago, which hears of it from the store alone."""
    bea = join("user:bea", "author")
    bea.prompts.save("triage", HELLO)
    token = bea.access.whoami().token
    assert token is not None
    assert ada.access.revoke_token(token.id).revoked_at is not None
    with pytest.raises(Unauthorized, match=rf"token {token.id} is revoked; an admin \(user:ada\) issues one"):
        bea.prompts.save("triage", BYE)
    assert ada.access.revoke_token(token.id).standing("") == "revoked"
    with pytest.raises(NotFound, match="no token 'none'"):
        ada.access.revoke_token("none")


def test_a_token_expires_by_itself(house: House, join: Joining) -> None:
    """To the second, and without anybody doing anything."""
    bea = join("user:bea", "author", days=1)
    house.clock.advance(86_399)
    bea.prompts.save("triage", HELLO)
    house.clock.advance(1)
    with pytest.raises(Unauthorized, match=r"token \w+ is expired"):
        bea.prompts.save("triage", BYE)


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        (TokenScope.of(["read"], []), r"limited to read on \*"),
        (TokenScope.of([], ["prompts:/desk/*"]), r"limited to \* on prompts:/desk/\*"),
    ],
)
def test_a_scoped_token_says_what_it_lacks(join: Joining, scope: TokenScope, missing: str) -> None:
    """The principal may, its token may not: the way out is another token, not another role."""
    bea = join("user:bea", "author", scope=scope)
    with pytest.raises(Unauthorized, match=missing) as refused:
        bea.prompts.save("triage", HELLO)
    assert refused.value.missing.startswith("user:bea may, but token")
    assert "stemma tokens issue user:bea" in refused.value.way_out
    assert "--on prompts:/triage" in refused.value.way_out


def test_the_last_admins_token_and_role_stay(ada: Caller) -> None:
    """Nobody can lock everybody out, not even an admin; with a second one he can go."""
    token = ada.access.whoami().token
    assert token is not None
    with pytest.raises(Conflict, match="was not revoked: no admin would have a live token"):
        ada.access.revoke_token(token.id)
    with pytest.raises(Conflict, match="role 'admin' of user:ada was not revoked"):
        ada.access.revoke("user:ada", "admin")
    ada.access.add("user:bea")
    ada.access.grant("user:bea", "admin")
    ada.access.issue("user:bea", scope=TokenScope.of(["read"], []))  # can grant nothing: does not count
    with pytest.raises(Conflict):
        ada.access.revoke_token(token.id)
    ada.access.issue("user:bea")
    assert ada.access.revoke("user:ada", "admin") == 1
    with pytest.raises(Unauthorized, match="no role of user:ada allows it"):
        ada.access.add("user:cy")


def test_two_admins_who_revoke_each_other_leave_one(ada: Caller, join: Joining) -> None:
    """Changes of access run one after the other, so that the last admin is seen to be the last."""
    bea = join("user:bea", "admin")
    failures = together(lambda: ada.access.revoke("user:bea", "admin"), lambda: bea.access.revoke("user:ada", "admin"))
    assert len(failures) == 1
    assert isinstance(failures[0], Conflict | Unauthorized)
    left = [one for one in (ada, bea) if "admin" in [grant.role for grant in one.access.whoami().grants]]
    assert len(left) == 1
    left[0].access.add("user:cy")


# --- the record -------------------------------------------------------------------------------------------------------


def test_every_change_of_access_is_one_event(house: House, ada: Caller) -> None:
    """In the name of who changed it; changes that change nothing are none."""
    before = ada.scope.ledger.size()
    ada.access.add("user:bea", description="a reviewer")
    assert [ada.access.grant("user:bea", "reviewer") for _ in range(2)] == [True, False]
    token = ada.access.issue("user:bea").token
    ada.access.define(Role("own", "", (Permission.parse("read *"),)))
    ada.access.protect(["production", "staging"])
    ada.access.revoke("user:bea", "reviewer")
    ada.access.revoke_token(token.id)
    ada.access.revoke_token(token.id)
    ada.access.disable()
    entries = sorted(ada.scope.ledger.tail(ada.scope.ledger.size() - before), key=lambda one: one.seq)
    assert [(one.kind, one.subject) for one in entries] == [
        ("access.added", "user:bea"),
        ("access.granted", "user:bea"),
        ("token.issued", token.id),
        ("access.role_defined", "own"),
        ("access.protected", "access"),
        ("access.revoked", "user:bea"),
        ("token.revoked", token.id),
        ("access.disabled", "access"),
    ]
    assert {one.actor for one in entries} == {"user:ada"}


def test_no_secret_is_kept_told_or_logged(house: House) -> None:
    """Nowhere in the store, in no listing, and in no text that a program prints of what was issued."""
    access = house.caller().access
    issued = access.enable()
    secret = issued.secret.rpartition("_")[2]
    ada = house.caller(issued.secret)
    now = "2026-01-01T00:00:00.000000Z"
    told = [repr(issued), repr(ada.access.whoami()), json.dumps([one.to_json(now) for one in ada.access.tokens()])]
    with house.store.read() as connection:
        for table in metadata.sorted_tables:
            told += [repr(tuple(row)) for row in connection.execute(select(table))]
    assert len(told) > 15
    assert not [text for text in told if secret in text or bytes.fromhex(secret).hex() in text]


def together(*works: Callable[[], object]) -> list[BaseException]:
    """What went wrong when all were begun at the same moment."""
    barrier, failures = Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        except StemmaError as error:
            failures.append(error)

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures
