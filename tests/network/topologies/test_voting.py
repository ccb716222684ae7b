"""Votes to decisions: what holds for any ballots."""

from collections.abc import Mapping

from hypothesis import assume, given
from hypothesis import strategies as st

from stemma.network.flow import Rule
from stemma.network.topologies.voting import (
    Ballot,
    first_voted,
    majority,
    ranked,
    read_ballots,
    weighted,
    winners,
)

CHOICES = ("a", "b", "c", "d")
single = st.lists(st.sampled_from(CHOICES).map(lambda choice: (choice,)), min_size=1, max_size=9)
rankings = st.lists(
    st.permutations(CHOICES).flatmap(lambda order: st.integers(1, 4).map(lambda size: tuple(order[:size]))),
    min_size=1,
    max_size=9,
)
weights = st.floats(0.01, 100, allow_nan=False)


@given(single)
def test_majority_has_the_most_votes(ballots: list[Ballot]) -> None:
    """Nobody has more votes than a winner, and nobody else has as many."""
    won = majority(ballots)
    most = max(ballots.count((choice,)) for choice in CHOICES)
    assert won == {choice for choice in CHOICES if ballots.count((choice,)) == most}


@given(single, weights)
def test_equal_weights_are_a_majority(ballots: list[Ballot], weight: float) -> None:
    """When all weigh the same, weighing changes nothing."""
    cast = {str(place): ballot for place, ballot in enumerate(ballots)}
    assert weighted(cast, dict.fromkeys(cast, weight)) == majority(ballots)


def test_weights_count_as_they_are_written() -> None:
    """0.1 and 0.2 weigh as much as 0.3."""
    cast: Mapping[str, Ballot] = {"ann": ("a",), "bob": ("a",), "cy": ("b",)}
    assert weighted(cast, {"ann": 0.1, "bob": 0.2, "cy": 0.3}) == {"a", "b"}


@given(rankings)
def test_most_first_choices_win_alone(ballots: list[Ballot]) -> None:
    """A choice that more than half put first wins."""
    for choice in CHOICES:
        if 2 * sum(ballot[0] == choice for ballot in ballots) > len(ballots):
            assert ranked(ballots) == {choice}


@given(rankings)
def test_choice_that_loses_to_every_other_never_wins(ballots: list[Ballot]) -> None:
    """Instant-runoff never elects a Condorcet loser, nor counts one among the tied."""

    def beats(one: str, other: str) -> int:
        def prefers(ballot: Ballot) -> int:
            places = [ballot.index(choice) if choice in ballot else len(CHOICES) for choice in (one, other)]
            return (places[0] < places[1]) - (places[0] > places[1])

        return sum(map(prefers, ballots))

    named = {choice for ballot in ballots for choice in ballot}
    assume(len(named) > 1)
    for loser in named:
        if all(beats(other, loser) > 0 for other in named - {loser}):
            assert loser not in ranked(ballots)


@given(rankings, st.permutations(CHOICES), st.randoms())
def test_neither_names_nor_order_matter(ballots: list[Ballot], renamed: list[str], draw: st.DrawFn) -> None:
    """Other names for the choices, or another order of members, give the same winners."""
    names = dict(zip(CHOICES, renamed, strict=True))
    other = [tuple(names[choice] for choice in ballot) for ballot in ballots]
    draw.shuffle(other)  # type: ignore[attr-defined]
    assert ranked(other) == {names[choice] for choice in ranked(ballots)}


@given(rankings, st.sampled_from(Rule))
def test_winners_are_among_the_choices(ballots: list[Ballot], rule: Rule) -> None:
    """Some choice always wins or is tied, none twice; the tie rule picks one of them."""
    cast = {str(place): ballot for place, ballot in enumerate(ballots)}
    won = winners(cast, rule, {})
    assert won
    assert len(set(won)) == len(won)
    assert set(won) <= {choice for ballot in ballots for choice in ballot}
    assert first_voted(won, cast.values()) in won


def test_nobody_wins_without_ballots() -> None:
    """No votes, no winner."""
    assert [winners({}, rule, {}) for rule in Rule] == [(), (), ()]


def test_plurality_leader_that_most_rank_last_loses_the_runoff() -> None:
    """Ties for the last place are resolved in every way, not by dropping all of the tied."""
    ballots = [("stay",)] * 4 + [("north", "south")] * 3 + [("south", "north")] * 3
    assert ranked(ballots) == {"north", "south"}


def test_half_of_the_ballots_is_not_enough() -> None:
    """A choice that leads exactly half is tied with whoever may gather the other half."""
    assert ranked([("a",), ("a",), ("b", "c"), ("c", "b")]) == {"a", "b", "c"}


def test_ballots_are_read_as_they_are_written() -> None:
    """Case and space do not part choices, the first spelling stands, a choice counts once, and what is no vote is left out."""
    said = {
        "ann": "1. Red\n2. Blue\n3. red",
        "bob": {"vote": ["blue ", None, "green"]},
        "cy": "green > RED",
        "di": {"colour": "red"},
        "eve": ["", None],
    }
    assert read_ballots(said, Rule.RANKED) == {
        "ann": ("Red", "Blue"),
        "bob": ("Blue", "green"),
        "cy": ("green", "Red"),
    }
    assert read_ballots({"ann": True, "bob": '{"vote": true}', "cy": 5, "di": ["a"]}, Rule.MAJORITY) == {
        "ann": ("true",),
        "bob": ("true",),
        "cy": ("5",),
    }
