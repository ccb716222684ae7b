"""The Merkle tree against the published Certificate Transparency vectors, and for every size by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.ledger.merkle import (
    EMPTY_ROOT,
    ConsistencyProof,
    Frontier,
    InclusionProof,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    root_of,
)

# Inputs, roots and paths of certificate-transparency's merkle_tree_test, which every RFC 6962 implementation shares.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
L0_1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
L0_4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
L1_1 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
L1_2 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
L1_3 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
L2_1 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
LEAVES = [leaf_hash(bytes.fromhex(data)) for data in INPUTS]

leaf_lists = st.integers(0, 70).map(lambda n: [leaf_hash(str(i).encode()) for i in range(n)])


def inclusion(leaves: list[bytes], index: int) -> InclusionProof:
    ranges = inclusion_ranges(index, len(leaves))
    return InclusionProof(index, len(leaves), tuple(root_of(leaves[a:b]) for a, b in ranges))


def consistency(leaves: list[bytes], old: int) -> ConsistencyProof:
    ranges = consistency_ranges(old, len(leaves))
    return ConsistencyProof(old, len(leaves), tuple(root_of(leaves[a:b]) for a, b in ranges))


def defined_root(leaves: list[bytes]) -> bytes:
    """The recursive definition of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return node_hash(defined_root(leaves[:k]), defined_root(leaves[k:]))


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    """The root at each size up to 8 is the one that Certificate Transparency publishes."""
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, [L0_1, L1_1, L2_1]),
        (5, 8, [L0_4, L1_3, ROOTS[4]]),
        (2, 3, [ROOTS[2]]),
        (1, 5, [ROOTS[1], L1_1, L0_4]),
    ],
)
def test_inclusion_paths_are_the_published_ones(index: int, size: int, path: list[str]) -> None:
    """Inclusion paths equal the published ones and lead from the leaf to the root."""
    proof = inclusion(LEAVES[:size], index)
    assert [node.hex() for node in proof.path] == path
    assert proof.proves(LEAVES[index], bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [(1, 1, []), (1, 8, [L0_1, L1_1, L2_1]), (6, 8, [L1_2, L1_3, ROOTS[4]]), (2, 5, [L1_1, L0_4])],
)
def test_consistency_paths_are_the_published_ones(old: int, new: int, path: list[str]) -> None:
    """Consistency paths equal the published ones and lead to both roots."""
    proof = consistency(LEAVES[:new], old)
    assert [node.hex() for node in proof.path] == path
    assert proof.proves(bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new]))


@given(leaf_lists, st.data())
def test_a_frontier_gives_the_defined_root_however_the_leaves_arrive(leaves: list[bytes], data: st.DataObject) -> None:
    """Appending in pieces of any sizes, through bytes and back, gives the root of the recursive definition."""
    tree, rest = Frontier(), leaves
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        tree, rest = tree.extend(rest[:cut]), rest[cut:]
        tree = Frontier.from_bytes(tree.size, tree.to_bytes())
    assert (tree.size, tree.root()) == (len(leaves), defined_root(leaves))


@given(leaf_lists.filter(bool), st.data())
def test_an_inclusion_proof_proves_its_own_leaf_alone(leaves: list[bytes], data: st.DataObject) -> None:
    """A proof holds for its leaf, place, size and root, and for no other leaf, place, root or path."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = inclusion(leaves, index), root_of(leaves)
    assert proof.proves(leaves[index], root)
    assert not proof.proves(leaf_hash(b"another"), root)
    assert not proof.proves(leaves[index], leaf_hash(b"another"))
    assert not InclusionProof(index, proof.size, (*proof.path, root)).proves(leaves[index], root)
    assert not InclusionProof(proof.size, proof.size, proof.path).proves(leaves[index], root)
    other = data.draw(st.integers(0, len(leaves) - 1))
    assert InclusionProof(other, proof.size, proof.path).proves(leaves[index], root) == (other == index)
    if proof.path:
        assert not InclusionProof(index, proof.size, proof.path[:-1]).proves(leaves[index], root)


@given(leaf_lists, st.data())
def test_a_consistency_proof_proves_that_nothing_before_was_changed(leaves: list[bytes], data: st.DataObject) -> None:
    """A proof holds between a log and its own beginning, and for no other old or new root."""
    old = data.draw(st.integers(0, len(leaves)))
    proof, old_root, new_root = consistency(leaves, old), root_of(leaves[:old]), root_of(leaves)
    assert proof.proves(old_root, new_root)
    assert not proof.proves(leaf_hash(b"another"), new_root)
    if old:
        assert not proof.proves(old_root, leaf_hash(b"another"))
        assert not ConsistencyProof(old, proof.new, (*proof.path, new_root)).proves(old_root, new_root)
    if proof.path:
        assert not ConsistencyProof(old, proof.new, proof.path[:-1]).proves(old_root, new_root)
        assert not ConsistencyProof(old, proof.new, ()).proves(old_root, new_root)


def test_ranges_outside_the_tree_are_refused() -> None:
    """No proof is made for an entry that is not there, a tree that shrank, or a frontier of the wrong length."""
    with pytest.raises(InvalidInput, match="entry 3 is not in a tree of 3"):
        inclusion_ranges(3, 3)
    with pytest.raises(InvalidInput, match="cannot extend"):
        consistency_ranges(4, 3)
    with pytest.raises(InvalidInput, match="frontier of a tree of 3"):
        Frontier.from_bytes(3, bytes(32))
