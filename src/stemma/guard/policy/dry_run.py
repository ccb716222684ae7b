"""What policies would have said of the calls that the log remembers: the way to see a change before it is made."""

from collections.abc import Iterable
from dataclasses import dataclass

from stemma.guard.policy.policy import Policy
from stemma.guard.policy.recorded import Decision
from stemma.guard.ruling import CallFacts, Ruling


@dataclass(frozen=True, slots=True)
class Change:
    """A decision that would be another."""

    made: Decision
    now: Ruling


@dataclass(frozen=True, slots=True)
class Open:
    """A decision that cannot be made again: policies look at these arguments, and the log has only their digest."""

    made: Decision
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DryRun:
    """Of `decisions` in the log, those that would change and those that depend on arguments."""

    decisions: int
    changes: tuple[Change, ...]
    open: tuple[Open, ...]


def dry_run(policy: Policy, made: Iterable[Decision]) -> DryRun:
    """Asks `policy` again about what was decided, by labels alone."""
    count, changes, left = 0, list[Change](), list[Open]()
    for one in made:
        count += 1
        arguments = _looked_at(policy, one)
        now = policy.call(one.facts) if isinstance(one.facts, CallFacts) else policy.endorse(one.facts)
        if arguments:
            left.append(Open(one, arguments))
        elif now.verdict is not one.ruling.verdict:
            changes.append(Change(one, now))
    return DryRun(count, tuple(changes), tuple(left))


def _looked_at(policy: Policy, made: Decision) -> tuple[str, ...]:
    """The arguments that the call had and policies speak of."""
    if not isinstance(made.facts, CallFacts):
        return ()
    return tuple(sorted(policy.looks_at(made.facts.tool).keys() & made.facts.labels.keys()))
