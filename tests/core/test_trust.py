"""Trust labels: a lattice in which nothing rises."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.core.trust import TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel, join_all

labels = st.builds(
    TrustLabel,
    st.sampled_from(Integrity),
    st.sampled_from(Confidentiality),
    st.frozensets(st.sampled_from(["pii", "health", "payroll"])),
)


@given(labels, labels, labels)
def test_join_makes_a_semilattice(a: TrustLabel, b: TrustLabel, c: TrustLabel) -> None:
    """Joining is idempotent, commutative and associative: neither order nor repetition changes a label."""
    assert a.join(a) == a
    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))


@given(labels, labels, labels)
def test_flows_to_is_a_partial_order(a: TrustLabel, b: TrustLabel, c: TrustLabel) -> None:
    """A label flows to itself, two that flow to each other are one, and flows chain."""
    assert a.flows_to(a)
    assert not (a.flows_to(b) and b.flows_to(a)) or a == b
    assert not (a.flows_to(b) and b.flows_to(c)) or a.flows_to(c)


@given(labels, labels, labels)
def test_join_is_the_least_upper_bound(a: TrustLabel, b: TrustLabel, c: TrustLabel) -> None:
    """Both parts flow to their join, and the join flows to whatever both flow to."""
    assert a.flows_to(a.join(b))
    assert b.flows_to(a.join(b))
    assert (a.flows_to(c) and b.flows_to(c)) == a.join(b).flows_to(c)


@given(labels, labels, labels)
def test_join_is_monotone(a: TrustLabel, b: TrustLabel, c: TrustLabel) -> None:
    """A source that is no better leaves a result that is no better: `a` flowing to `b` holds under any join."""
    assert not a.flows_to(b) or a.join(c).flows_to(b.join(c))


@given(st.lists(labels, min_size=1, max_size=6))
def test_nothing_derived_is_better_than_any_source(sources: list[TrustLabel]) -> None:
    """A text's integrity is at most, its confidentiality and categories at least, those of everything it came from."""
    derived = join_all(sources)
    for source in sources:
        assert derived.integrity <= source.integrity
        assert derived.confidentiality >= source.confidentiality
        assert derived.categories >= source.categories


def test_levels_have_their_numbers() -> None:
    """Policies compare levels by number, so each keeps its own: a level more trusted, or more secret, is one more."""
    assert [(level.name, int(level)) for level in Integrity] == [("UNTRUSTED", 0), ("INTERNAL", 1), ("TRUSTED", 2)]
    assert [(level.name, int(level)) for level in Confidentiality] == [("PUBLIC", 0), ("INTERNAL", 1), ("SECRET", 2)]


def test_a_label_is_written_one_way() -> None:
    """Categories are in order, so that what is bound to a label is bound to the same digest in every process."""
    label = TrustLabel(Integrity.INTERNAL, Confidentiality.SECRET, frozenset("hgfedcba"))
    assert label.to_json() == {"integrity": "internal", "confidentiality": "secret", "categories": list("abcdefgh")}


@given(labels)
def test_a_label_reads_back_what_it_writes(label: TrustLabel) -> None:
    """Every label survives its JSON form."""
    assert TrustLabel.from_json(label.to_json()) == label


def test_untrusted_text_never_stands_where_trusted_is_expected() -> None:
    """Integrity only flows down: trusted text may be used as untrusted, not the other way round."""
    assert TRUSTED.flows_to(UNTRUSTED)
    assert not UNTRUSTED.flows_to(TRUSTED)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "trusted",
        {},
        {"integrity": "trusted", "confidentiality": "public"},
        {"integrity": "TOTAL", "confidentiality": "public", "categories": []},
        {"integrity": 2, "confidentiality": "public", "categories": []},
        {"integrity": "trusted", "confidentiality": "public", "categories": "pii"},
        {"integrity": "trusted", "confidentiality": "public", "categories": ["pii", 7]},
    ],
)
def test_a_label_with_a_part_missing_is_refused(value: Any) -> None:
    """No part of a label is ever assumed."""
    with pytest.raises(InvalidInput, match="is not a trust label"):
        TrustLabel.from_json(value)


def test_a_text_from_nothing_has_no_label() -> None:
    """Joining no labels is an error, since the neutral one would be fully trusted."""
    with pytest.raises(InvalidInput, match="has no trust label"):
        join_all([])
