"""Patterns, permissions and scopes: what covers what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput, InvalidName
from stemma.guard.access import BUILT_IN, Permission, Role, TokenScope
from stemma.guard.access.permission import KINDS, covers
from stemma.ledger.authority import Action

PATHS = st.lists(st.sampled_from(["a", "ab", "b", "3"]), min_size=1, max_size=3).map("/".join)
RESOURCES = st.builds("{}:/{}".format, st.sampled_from(KINDS), PATHS)
PATTERNS = st.one_of(st.just("*"), RESOURCES, st.sampled_from(KINDS).map("{}:/*".format), RESOURCES.map("{}/*".format))


@pytest.mark.parametrize(
    ("pattern", "resource", "said"),
    [
        ("*", "access:/", True),
        ("prompts:/*", "prompts:/a/b", True),
        ("prompts:/a/*", "prompts:/a/b/c", True),
        ("prompts:/a/*", "prompts:/a", False),
        ("prompts:/a/*", "prompts:/ab", False),
        ("prompts:/a", "prompts:/a", True),
        ("prompts:/a", "prompts:/a/b", False),
        ("prompts:/*", "memories:/a", False),
        ("prompts:/a/*", "candidates:/a/b", True),
        ("candidates:/a/*", "prompts:/a/b", False),
    ],
)
def test_a_pattern_covers_itself_or_all_below_its_folder(pattern: str, resource: str, said: bool) -> None:
    """A star stands for everything below a folder, never for part of a name; candidates go with their prompt."""
    assert covers(pattern, resource) is said


@given(pattern=PATTERNS, resource=RESOURCES)
def test_kinds_never_mix(pattern: str, resource: str) -> None:
    """But for candidates of prompts, runs of networks, and the star alone, nothing said of one kind holds for another."""
    kind = resource.partition(":")[0]
    kinds = {kind, {"candidates": "prompts", "runs": "networks"}.get(kind, "")}
    if covers(pattern, resource) and pattern != "*":
        assert pattern.partition(":")[0] in kinds


@pytest.mark.parametrize("wrong", ["", "a", "a:/b", "prompts:/a*", "prompts:/*/a", "prompts:/a b", "**", "prompts:a"])
def test_what_is_no_pattern_is_refused(wrong: str) -> None:
    """A pattern that would say something else than it seems to cannot be granted."""
    with pytest.raises(InvalidName, match="resource pattern"):
        Permission(Action.READ, wrong)


def test_permissions_read_back_what_they_print() -> None:
    """Roles are kept and typed as text."""
    for role in BUILT_IN.values():
        assert tuple(Permission.parse(str(one)) for one in role.permissions) == role.permissions
    with pytest.raises(InvalidInput, match="action 'delete' is not known"):
        Permission.parse("delete prompts:/*")


def test_a_role_has_a_name_and_allows_something() -> None:
    """What cannot be typed, or says nothing, is no role."""
    with pytest.raises(InvalidName, match="role"):
        Role("The Boss", "", (Permission(Action.READ, "*"),))
    with pytest.raises(InvalidInput, match="allows nothing"):
        Role("nobody", "", ())


def test_built_in_roles_keep_duties_apart() -> None:
    """Whoever writes does not approve, whoever approves does not write, and only an admin grants."""
    prompt, people = "prompts:/triage", "access:/grants/user:ada"
    may = {role.name: [action.value for action in Action if role.allows(action, prompt)] for role in BUILT_IN.values()}
    assert may == {
        "viewer": ["read"],
        "auditor": ["read"],
        "author": ["read", "write"],
        "reviewer": ["read", "approve"],
        "operator": ["read", "use"],
        "custodian": [],
        "admin": ["read"],
    }
    readers = {
        kind: [name for name, role in BUILT_IN.items() if role.allows(Action.READ, f"{kind}:/desk")] for kind in KINDS
    }
    assert readers["runs"] == ["auditor", "operator"]
    assert readers["questions"] == ["auditor", "reviewer", "operator"]
    assert readers["memories"] == ["auditor", "operator"]
    assert readers["access"] == ["auditor", "admin"]
    assert readers["audit"] == readers["vault"] == readers["workspace"] == ["auditor"]
    assert [role.name for role in BUILT_IN.values() if role.allows(Action.APPROVE, "vault:/shop")] == ["custodian"]
    assert [role.name for role in BUILT_IN.values() if role.allows(Action.GRANT, people)] == ["admin"]


def test_a_scope_without_limits_says_so() -> None:
    """None given is none meant; a word that is no action is refused."""
    assert TokenScope.of([], []) == TokenScope(("*",), ("*",))
    assert TokenScope.of(["read", "read"], ["prompts:/*"]) == TokenScope(("read",), ("prompts:/*",))
    with pytest.raises(InvalidInput, match="action 'reed' is not known"):
        TokenScope.of(["reed"], [])
