"""Who may do what: principals, roles, grants and agents, and that a change of them is seen at once."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest
from tests.guard.access.house import Caller, House, Joining

from stemma.core.errors import Conflict, InvalidInput, InvalidName, NotFound, StemmaError, Unauthorized
from stemma.guard.access import Permission, Role
from stemma.ledger.authority import Action
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Generator, NewSession

HELLO, BYE = Prompt("Say hello."), Prompt("Say goodbye.")


def test_a_grant_holds_for_the_resources_it_names(ada: Caller, join: Joining) -> None:
    """An author of one folder writes there and nowhere else; the message holds the command that would change it."""
    bea = join("user:bea", "author@prompts:/desk/*")
    bea.prompts.save("desk/triage", HELLO)
    bea.candidate("Say it.", name="desk/triage")
    with pytest.raises(Unauthorized) as refused:
        bea.prompts.save("shop/triage", HELLO)
    assert refused.value.way_out.endswith("stemma access grant user:bea author --on prompts:/shop/triage")
    ada.prompts.save("shop/triage", HELLO)
    for read in (lambda: bea.prompts.latest("shop/triage"), lambda: bea.prompts.log("shop/triage"), bea.prompts.ls):
        with pytest.raises(Unauthorized, match="may not read prompts:/"):
            read()
    assert [one.name for one in bea.prompts.ls("desk")] == ["desk/triage"]


def test_a_revoked_role_is_gone_at_once(ada: Caller, join: Joining) -> None:
    """For one pattern or for all; what was never granted cannot be revoked."""
    bea = join("user:bea", "author@prompts:/a/*", "author@prompts:/b/*")
    bea.prompts.save("b/triage", HELLO)
    assert ada.access.revoke("user:bea", "author", on="prompts:/b/*") == 1
    with pytest.raises(Unauthorized):
        bea.prompts.save("b/triage", BYE)
    bea.prompts.save("a/triage", HELLO)
    assert ada.access.revoke("user:bea", "author") == 1
    with pytest.raises(NotFound, match="user:bea has no role 'author'"):
        ada.access.revoke("user:bea", "author")


def test_fallbacks_are_not_served_to_those_who_may_not_read(join: Joining) -> None:
    """A missing right is not a missing prompt."""
    with pytest.raises(Unauthorized):
        join("user:bea").prompts.get("triage", fallback=HELLO)


def test_roles_of_ones_own_allow_what_they_say(ada: Caller, join: Joining) -> None:
    """And what they are changed to say, at once."""
    ada.access.define(Role("scribe", "writes", (Permission.parse("write prompts:/a"),)))
    bea = join("user:bea", "scribe", "viewer")
    bea.prompts.save("a", HELLO)
    ada.access.define(Role("scribe", "writes", (Permission.parse("write prompts:/b"),)))
    with pytest.raises(Unauthorized):
        bea.prompts.save("a", BYE)
    bea.prompts.save("b", HELLO)
    with pytest.raises(Conflict, match="role 'author' is built in"):
        ada.access.define(Role("author", "", (Permission.parse("read *"),)))
    assert [role.name for role in ada.access.roles()][-1] == "scribe"


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda access: access.add("bea"), InvalidName, "principal 'bea' is not valid"),
        (lambda access: access.add("user:ada"), Conflict, "user:ada is there already"),
        (lambda access: access.grant("user:bea", "viewer"), NotFound, "stemma access add user:bea"),
        (
            lambda access: access.grant("user:ada", "boss"),
            NotFound,
            "there are viewer, auditor, author, reviewer, operator, custodian, admin",
        ),
        (lambda access: access.grant("user:ada", "viewer", on="desk"), InvalidName, "resource pattern 'desk'"),
        (lambda access: access.issue("user:bea"), NotFound, "stemma access add user:bea"),
        (lambda access: access.issue("user:ada", days=366), InvalidInput, "365 at most"),
        (lambda access: access.protect(["a b"]), InvalidInput, "label 'a b' cannot be protected"),
    ],
)
def test_wrong_changes_are_refused_with_the_way_out(
    ada: Caller, change: Callable[[Any], object], error: type[StemmaError], said: str
) -> None:
    """Nothing is changed, and nothing recorded."""
    before = ada.scope.ledger.size()
    with pytest.raises(error) as refused:
        change(ada.access)
    assert said in str(refused.value)
    assert ada.scope.ledger.size() == before


def test_only_admins_change_access(join: Joining) -> None:
    """Whatever else somebody may do, granting is a right of its own."""
    bea = join("user:bea", "author", "reviewer", "operator", "viewer")
    for change in (
        lambda: bea.access.grant("user:bea", "admin"),
        lambda: bea.access.issue("user:ada"),
        lambda: bea.access.define(Role("own", "", (Permission.parse("grant *"),))),
        lambda: bea.access.protect([]),
        bea.access.disable,
    ):
        with pytest.raises(Unauthorized, match="user:bea may not grant access:/"):
            change()


def test_whoever_may_read_nothing_sees_of_access_only_himself(house: House, join: Joining) -> None:
    """Who else is here, and what they may do, is for those who may read it; a claimed name shows nothing at all."""
    bea = join("user:bea", "author@prompts:/desk/*")
    for look in (bea.access.principals, bea.access.roles, bea.access.tokens):
        with pytest.raises(Unauthorized, match="user:bea may not read access:/"):
            look()
    found = bea.access.whoami()
    assert (found.actor, [grant.role for grant in found.grants]) == ("user:bea", ["author"])
    assert house.caller(actor="user:ada").access.whoami().grants == ()


# --- agents -----------------------------------------------------------------------------------------------------------


def test_an_agent_is_itself_and_has_no_more_than_its_process(join: Joining) -> None:
    """What it writes is recorded under its own name, on behalf of the process; it saves no versions and moves no labels."""
    worker = join("service:worker", "operator", "author", "reviewer")
    agent = worker.sessions.acting_as("agent:desk/plan")
    session = agent.open(NewSession(Generator("desk/plan", {}), prompt_name="desk/clerk"))
    assert session.actor == "agent:desk/plan"
    [opened] = worker.scope.ledger.tail(1, kind="session.opened")
    assert (opened.actor, opened.data["on_behalf_of"]) == ("agent:desk/plan", "service:worker")
    scope = worker.scope.acting_as("agent:desk/plan")
    for action, resource in (
        (Action.WRITE, "prompts:/a"),
        (Action.APPROVE, "questions:/desk"),
        (Action.GRANT, "access:/"),
    ):
        with pytest.raises(Unauthorized, match="agent:desk/plan may not"):
            scope.require(action, resource)
    with pytest.raises(Unauthorized, match="no role of service:reader allows it"):
        join("service:reader", "viewer").sessions.acting_as("agent:desk/plan").open(
            NewSession(Generator("desk/plan", {}), prompt_name="desk/clerk")
        )


def test_an_agent_that_was_added_has_only_its_own_grants(ada: Caller, join: Joining) -> None:
    """Levels of access on tools and memories, agent by agent."""
    worker = join("service:worker", "operator").scope
    desk, clerk = worker.acting_as("agent:desk/plan"), worker.acting_as("agent:desk/clerk")
    desk.require(Action.USE, "tools:/desk/refund")
    ada.access.add("agent:desk/plan")
    with pytest.raises(Unauthorized) as refused:
        desk.require(Action.USE, "tools:/desk/refund")
    command = "stemma access grant agent:desk/plan operator --on tools:/desk/refund"
    assert refused.value.way_out == f"an admin (user:ada) grants it with: {command}"
    ada.access.grant("agent:desk/plan", "operator", on="tools:/desk/refund")
    desk.require(Action.USE, "tools:/desk/refund")
    with pytest.raises(Unauthorized):
        desk.require(Action.READ, "memories:/desk")
    clerk.require(Action.READ, "memories:/desk")


def test_no_agent_is_given_what_no_agent_may(ada: Caller) -> None:
    """A grant that would never hold is refused when it is made, and when a role is changed under an agent's hands."""
    ada.access.add("agent:desk/plan")
    with pytest.raises(InvalidInput, match="role 'reviewer' cannot be agent:desk/plan's: no agent may approve"):
        ada.access.grant("agent:desk/plan", "reviewer")
    ada.access.define(Role("own", "", (Permission.parse("read *"),)))
    ada.access.grant("agent:desk/plan", "own")
    with pytest.raises(InvalidInput, match="no agent may grant"):
        ada.access.define(Role("own", "", (Permission.parse("grant *"),)))


def test_what_an_admin_is_told_to_type_is_one_command(join: Joining) -> None:
    """Also where a name was chosen so that a shell would read more out of it."""
    reader = join("user:bea", "viewer").scope
    with pytest.raises(Unauthorized) as refused:
        reader.require(Action.WRITE, "memories:/x' ; rm -rf ~ '")
    assert shlex.split(refused.value.way_out)[-2:] == ["--on", "memories:/x' ; rm -rf ~ '"]
