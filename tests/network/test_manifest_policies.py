"""Names in policies: agents, tools and networks that are there, whichever network beside the folder has them."""

from pathlib import Path

import pytest

from stemma.guard.policy import Policy
from stemma.network import load_manifest
from stemma.network.manifest.policies import Known, misnamed, misnamed_in

TILL = """\
network: till
inputs: [order]
tools:
  refund: {python: "tools.py:refund"}
  desk: {files: desk}
  shop: {mcp: {command: [shop], tools: {find: "0000"}}}
agents:
  find: {calls: shop_find, reads: [order], writes: found}
  keep: {calls: desk_write, reads: [found], writes: kept}
  pay: {calls: refund, reads: [kept], writes: receipt}
pipeline: [find, keep, pay]
"""
STALL = """\
network: stall
inputs: [order]
tools: {sell: {python: "tools.py:sell"}}
agents: {seller: {calls: sell, reads: [order], writes: receipt}}
pipeline: [seller]
"""


def forbids(resource: str) -> Policy:
    """One policy, about that resource."""
    return Policy.of({"own.cedar": f"forbid (principal, action, resource == {resource});"})


@pytest.mark.parametrize(
    ("tool", "there"),
    [
        ("refund", True),
        ("desk_write", True),
        ("desk_wipe", False),
        ("desk", False),
        ("shop_anything", True),
        ("workspace_put", True),
        ("ask", True),
        ("refunds", False),
    ],
)
def test_tools_are_those_of_the_entries(tmp_path: Path, tool: str, there: bool) -> None:
    """A set has its own by name, a server may have any, and those that every network has are known."""
    (tmp_path / "till.yaml").write_text(TILL)
    known = Known.of([load_manifest(tmp_path / "till.yaml")])
    assert (not list(misnamed(forbids(f'Tool::"{tool}"'), known))) is there


def test_fields_are_not_looked_at(tmp_path: Path) -> None:
    """An agent may have any field read out of a text."""
    (tmp_path / "till.yaml").write_text(TILL)
    known = Known.of([load_manifest(tmp_path / "till.yaml")])
    endorses = 'permit (principal == Agent::"pay", action == Action::"endorse", resource == Field::"any");'
    assert not list(misnamed(Policy.of({"own.cedar": endorses}), known))


def test_networks_that_share_a_folder_have_what_either_has(tmp_path: Path) -> None:
    """A file beside them that is no manifest is passed over; what neither has is wrong for both, each name once."""
    (tmp_path / "policies").mkdir()
    for name, text in (("till.yaml", TILL), ("stall.yaml", STALL), ("cases.yaml", "cases: []")):
        (tmp_path / name).write_text(text)
    own = tmp_path / "policies" / "own.cedar"
    own.write_text('forbid (principal == Agent::"seller", action, resource == Tool::"refund");')
    manifests = [load_manifest(tmp_path / name) for name in ("till.yaml", "stall.yaml")]
    assert [misnamed_in(manifest) for manifest in manifests] == [[], []]
    own.write_text(
        'forbid (principal, action, resource) when { principal != Agent::"celler" || principal == Agent::"celler" };'
    )
    for manifest in manifests:
        [wrong] = misnamed_in(manifest)
        assert "there is no agent 'celler' (did you mean 'seller'?), as Agent::\"celler\" has it" in str(wrong)
