"""Voting: from ballots to those who have won. Pure functions; more than one winner is a tie.

A ballot is what one member chose, best first; where the rule knows no ranking it holds one choice. Choices are texts, the same
when they differ only in case and surrounding space.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

from stemma.network.flow import Rule
from stemma.network.topologies.answers import structured
from stemma.network.turn import as_said

Ballot: TypeAlias = tuple[str, ...]

_BREAK = re.compile(r"[,;>]")
_BULLET = re.compile(r"(?:\d+[.)]|[-*•])\s+")


def winners(ballots: Mapping[str, Ballot], rule: Rule, weights: Mapping[str, float]) -> tuple[str, ...]:
    """Who has won by `rule`, given the ballots by member; in the order in which they were first named. None without ballots."""
    match rule:
        case Rule.MAJORITY:
            won: Collection[str] = majority(ballots.values())
        case Rule.WEIGHTED:
            won = weighted(ballots, weights)
        case Rule.RANKED:
            won = ranked(ballots.values())
    return tuple(choice for choice in _named(ballots.values()) if choice in won)


def majority(ballots: Iterable[Ballot]) -> frozenset[str]:
    """The choices with the most votes.

    >>> majority([("yes",), ("no",), ("yes",)])
    frozenset({'yes'})
    """
    return weighted({str(number): ballot for number, ballot in enumerate(ballots)}, {})


def weighted(ballots: Mapping[str, Ballot], weights: Mapping[str, float]) -> frozenset[str]:
    """The choices with the greatest weight of votes; a member whose weight is not given has weight 1.

    Weights count as the decimal numbers that they are written as: 0.1 and 0.2 tie with 0.3.
    """
    totals: dict[str, Fraction] = {}
    for member, ballot in ballots.items():
        totals[ballot[0]] = totals.get(ballot[0], Fraction(0)) + Fraction(str(weights.get(member, 1)))
    return frozenset(choice for choice, total in totals.items() if total == max(totals.values()))


def ranked(ballots: Iterable[Ballot]) -> frozenset[str]:
    """Instant-runoff: until one choice leads more than half of the ballots left, the one that leads the fewest drops out.

    Where several lead the fewest, each is tried as the one to drop out (parallel-universe tie-breaking: Conitzer, Rognlie and
    Xia, 2009): a choice that wins in every course of events has won, and those that win in some are tied. Nothing hangs on the
    order of members or the spelling of choices.

    >>> sorted(ranked([("stay",)] * 4 + [("north", "south")] * 3 + [("south", "north")] * 3))
    ['north', 'south']
    """
    cast = tuple(ballots)

    @cache
    def won(remaining: frozenset[str]) -> frozenset[str]:
        leads = dict.fromkeys(remaining, 0)
        for ballot in cast:
            first = next((choice for choice in ballot if choice in remaining), None)
            if first is not None:
                leads[first] += 1
        most, fewest = max(leads.values()), min(leads.values())
        if 2 * most > sum(leads.values()):
            return frozenset(choice for choice, count in leads.items() if count == most)
        last = frozenset(choice for choice, count in leads.items() if count == fewest)
        if fewest == 0:  # they lead nothing: in whatever order they go, the rest stays as it is
            return won(remaining - last)
        return frozenset[str]().union(*(won(remaining - {choice}) for choice in last))

    choices = frozenset(_named(cast))
    return won(choices) if choices else choices


def first_voted(tied: Collection[str], ballots: Iterable[Ballot]) -> str:
    """Of the tied choices, the one that the earliest ballot that names any of them puts first."""
    return next(choice for ballot in ballots for choice in ballot if choice in tied)


def read_ballots(answers: Mapping[str, Any], rule: Rule) -> dict[str, Ballot]:
    """The ballots by member, of those whose answer is one; every choice is spelled as whoever named it first spelled it.

    An answer is a choice, or an object whose `vote` is one. Where the rule ranks, it is a list, or a text with a choice a line
    or choices parted by commas.

    >>> read_ballots({"a": "Yes", "b": {"vote": "yes "}, "c": {"opinion": "no"}}, Rule.MAJORITY)
    {'a': ('Yes',), 'b': ('Yes',)}
    """
    spelling: dict[str, str] = {}
    ballots: dict[str, Ballot] = {}
    for member, answer in answers.items():
        said = structured(answer)
        vote = said.get("vote") if isinstance(said, Mapping) else said
        choices = _ranking(vote) if rule is Rule.RANKED else [_choice(vote)]
        named = [spelling.setdefault(choice.casefold(), choice) for choice in choices if choice]
        if named:
            ballots[member] = tuple(dict.fromkeys(named))
    return ballots


def _ranking(vote: Any) -> list[str]:
    if isinstance(vote, str):
        lines = [line.strip() for line in vote.splitlines() if line.strip()]
        items: list[Any] = lines if len(lines) > 1 else _BREAK.split(vote)
        return [_choice(_BULLET.sub("", item.strip(), count=1)) for item in items]
    return [_choice(item) for item in vote] if isinstance(vote, list) else [_choice(vote)]


def _choice(vote: Any) -> str:
    """The choice as text; empty for what is none."""
    return "" if vote is None or isinstance(vote, Mapping | list) else as_said(vote).strip()


def _named(ballots: Iterable[Ballot]) -> list[str]:
    return list(dict.fromkeys(choice for ballot in ballots for choice in ballot))
