"""What a caller may do, for all grants, tokens and times."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.clock import timestamp
from stemma.core.errors import Unauthorized
from stemma.guard.access import BUILT_IN, Grant, Permission, Role, Token, TokenScope
from stemma.guard.access.permission import KINDS
from stemma.guard.access.standing import Standing
from stemma.ledger.authority import Action, Rules, check_agent
from stemma.testing.clock import VirtualClock

GOVERNED = Rules(governed=True, separated=True)
NOW = VirtualClock().now()

paths = st.lists(st.sampled_from(["a", "ab", "b"]), min_size=1, max_size=3).map("/".join)
resources = st.builds("{}:/{}".format, st.sampled_from(KINDS), paths)
patterns = st.one_of(st.just("*"), resources, st.sampled_from(KINDS).map("{}:/*".format), resources.map("{}/*".format))
actions = st.sampled_from(Action)
scopes = st.builds(TokenScope.of, st.lists(actions, max_size=2), st.lists(patterns, max_size=2))
roles = st.builds(
    lambda permissions: {**BUILT_IN, "own": Role("own", "", tuple(permissions))},
    st.lists(st.builds(Permission, actions, patterns), min_size=1, max_size=3),
)
grants = st.lists(st.builds(Grant, st.just("user:bea"), st.sampled_from([*BUILT_IN, "own"]), patterns), max_size=3)


def token(scope: TokenScope, *, days: float = 1, revoked: bool = False) -> Token:
    expires = timestamp(NOW + timedelta(days=days))
    return Token("t", "user:bea", scope, "user:ada", timestamp(NOW), expires, timestamp(NOW) if revoked else None)


def allowed(standing: Standing, action: Action, resource: str, *, actor: str = "user:bea") -> bool:
    try:
        standing.check(actor, action, resource, now=timestamp(NOW))
    except Unauthorized:
        return False
    return True


@given(scope=scopes, roles=roles, grants=grants, action=actions, resource=resources)
def test_a_token_never_allows_more_than_its_principal_may(
    scope: TokenScope, roles: dict[str, Role], grants: list[Grant], action: Action, resource: str
) -> None:
    """Whatever a token is limited to, it gives exactly what both its scope and a grant allow."""
    given = {"user:bea": tuple(grants)}
    whole = allowed(Standing("s", GOVERNED, token(TokenScope()), roles, given), action, resource)
    limited = allowed(Standing("s", GOVERNED, token(scope), roles, given), action, resource)
    assert limited is (whole and scope.allows(action, resource))


@given(scope=scopes, roles=roles, grants=grants, action=actions, resource=resources, days=st.floats(-400, 400))
def test_a_token_that_ended_allows_nothing(
    scope: TokenScope, roles: dict[str, Role], grants: list[Grant], action: Action, resource: str, days: float
) -> None:
    """Expired or revoked, it opens nothing that it opened before."""
    for ended in (token(scope, days=min(days, -0.0)), token(scope, days=days, revoked=True)):
        assert not allowed(Standing("s", GOVERNED, ended, roles, {"user:bea": tuple(grants)}), action, resource)


@given(roles=roles, grants=grants, own=grants, registered=st.booleans(), action=actions, resource=resources)
def test_an_agent_never_has_more_than_the_process_it_runs_in(
    roles: dict[str, Role], grants: list[Grant], own: list[Grant], registered: bool, action: Action, resource: str
) -> None:
    """Acting as an agent only narrows; an agent with grants of its own has what both allow, and never approves or grants."""
    agent = "agent:desk/triage"
    given = {"user:bea": tuple(grants), agent: tuple(own)}
    agents = frozenset({agent} if registered else ())
    standing = Standing("s", GOVERNED, token(TokenScope()), roles, given, agents)
    may = allowed(standing, action, resource, actor=agent)
    assert not may or allowed(standing, action, resource)
    if registered and may:
        assert any(grant.allows(roles, action, resource) for grant in own)
    if action in (Action.APPROVE, Action.GRANT):
        with pytest.raises(Unauthorized, match=f"no agent can {action}"):
            check_agent(agent, action, resource)


@pytest.mark.parametrize(
    ("action", "resource", "way_out"),
    [
        (Action.APPROVE, f"verdicts:/{'0a' * 32}", "stemma access grant user:bea reviewer --on 'verdicts:/*'"),
        (Action.READ, "prompts:/", "stemma access grant user:bea reviewer --on 'prompts:/*'"),
        (Action.USE, "models:/embedded", "stemma access grant user:bea reviewer --on models:/embedded"),
        (Action.GRANT, "access:/grants/user:bea", "an admin (user:ada) can do it"),
    ],
)
def test_a_refusal_names_a_grant_that_helps(action: Action, resource: str, way_out: str) -> None:
    """For more than the one thing where nobody names it by hand, of a role that is held before another's; and none of power."""
    given = {
        "user:ada": (Grant("user:ada", "admin", "*"),),
        "user:bea": (Grant("user:bea", "reviewer", "prompts:/desk/*"),),
    }
    with pytest.raises(Unauthorized) as refused:
        Standing("s", GOVERNED, token(TokenScope()), BUILT_IN, given).check(
            "user:bea", action, resource, now=timestamp(NOW)
        )
    assert refused.value.way_out.endswith(way_out)


@given(roles=roles, grants=grants, action=actions, resource=resources)
def test_nobody_acts_in_another_persons_name(
    roles: dict[str, Role], grants: list[Grant], action: Action, resource: str
) -> None:
    """A token is good for its principal and for agents, not for whoever else the caller says that he is."""
    standing = Standing("s", GOVERNED, token(TokenScope()), roles, {"user:bea": tuple(grants)})
    assert not allowed(standing, action, resource, actor="user:ada")
