"""Killed at every step: a process dies just before and just after each of its commits, and another brings its work to the end.

A commit is the only thing that a process leaves behind, so there is no moment to die at that is not one of these, but
for what tools did meanwhile: dying before a commit leaves that done and not written down.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import get_args

from benchmarks.campaigns.checks import Check, batches, differences, ends, out_of_order, repeated_events
from benchmarks.campaigns.desks import TOPOLOGIES, tickets, write_network
from benchmarks.campaigns.places import Death, Place, Processes, When, finish

from stemma.network import Verdict
from stemma.network.networks import Networks
from stemma.platform.effects import verify_effects

UNDISTURBED = "undisturbed"
_ONE_AT_A_TIME = ("look", "left", "haul")  # the agents with one replica


@dataclass
class Tally:
    """What came of one topology."""

    deaths: int = 0
    repeats: int = 0
    asked: int = 0
    problems: list[str] = field(default_factory=list)


def killed_at_every_step(
    place: Place, processes: Processes, *, only: Sequence[str] = (), stride: int = 1, number: int = 1
) -> Iterator[Check]:
    """A check for each topology. With a `stride` only every so many commits are died at."""
    for name in only or TOPOLOGIES:
        write_network(place.folder, name, TOPOLOGIES[name])
        tally = _campaign(place, processes, name, stride=stride, number=number)
        figure = f"{tally.deaths} deaths, each run as undisturbed, {tally.repeats} repeated calls, no effect twice"
        yield Check(f"killed at every step: {name}", not tally.problems and tally.deaths > 0, figure, tally.problems)


def never_repeated(place: Place, processes: Processes, *, stride: int = 1) -> Iterator[Check]:
    """The pipeline with tools that may not be called twice: where it is not known whether one was, a person is asked."""
    write_network(place.folder, "pipeline", TOPOLOGIES["pipeline"], idempotent=False)
    tally = _campaign(place, processes, "pipeline", stride=stride, number=1)
    if tally.repeats:
        tally.problems.append(f"{tally.repeats} calls reached a tool again that may not be repeated")
    figure = f"{tally.deaths} deaths, {tally.asked} of them asked a person, {tally.repeats} repeated calls"
    holds = not tally.problems and tally.deaths > 0 and tally.asked > 0
    yield Check("killed at every step: tools that may not be repeated", holds, figure, tally.problems)


def _campaign(place: Place, processes: Processes, name: str, *, stride: int, number: int) -> Tally:
    items, tally = tickets(number), Tally()
    with place.opened() as here:
        networks = here.networks
        assert processes.run(finish, place, name, items, f"{name}-{UNDISTURBED}", None) == 0
        undisturbed = ends(networks, batches(networks)[f"{name}-{UNDISTURBED}"])
        expected = len(place.effects.done(f"{name}-{UNDISTURBED}."))
        for when in get_args(When):
            for commit in count(1, stride):
                batch = f"{name}-{when}-{commit}"
                if processes.run(finish, place, name, items, batch, Death(commit, when)) == 0:
                    break
                tally.deaths += 1
                asked = _finished(place, processes, networks, name, items, batch)
                tally.asked += asked
                runs = batches(networks)[batch]
                if asked:  # what the tool returned is then not known
                    problems = [f"{run.id} ended as {run.status}" for run in runs if run.status != "completed"]
                else:
                    problems = differences(ends(networks, runs), undisturbed)
                problems += _effects(place, batch, expected, tally)
                tally.problems += [f"{when} commit {commit}: {problem}" for problem in problems]
        tally.problems += repeated_events(here.ledger)
        if problem := verify_effects(here.ledger).problem:
            tally.problems.append(problem)
        tally.problems += out_of_order(place.effects.calls(), here, _ONE_AT_A_TIME)
    return tally


def _finished(
    place: Place, processes: Processes, networks: Networks, name: str, items: list[dict[str, str]], batch: str
) -> int:
    """Brings the batch to its end; returns how many questions people had to answer."""
    asked = 0
    while not (runs := batches(networks).get(batch)) or not all(run.status.is_final for run in runs):
        code = processes.run(finish, place, name, items, batch, None)
        if code != 0:
            raise RuntimeError(f"a process that went on with batch {batch!r} exited with {code}")
        for waiting in networks.questions.ls():
            asked += 1
            _answer(place, networks, waiting.question.id)
    return asked


def _effects(place: Place, batch: str, expected: int, tally: Tally) -> list[str]:
    keys, calls = place.effects.done(f"{batch}."), place.effects.calls(f"{batch}.")
    tally.repeats += len(calls) - len(keys)
    return [] if len(keys) == expected else [f"{len(keys)} effects in place of {expected}"]


def _answer(place: Place, networks: Networks, question: str) -> None:
    """A person looks whether it happened."""
    happened = question.removesuffix(".uncertain") in place.effects.done()
    value = "yes" if happened else "no"
    networks.questions.decide(question, Verdict.ANSWERED, value=value)
