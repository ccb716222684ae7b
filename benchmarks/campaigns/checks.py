"""What has to hold after a campaign, whatever was killed: compared with a batch that nobody disturbed."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.campaigns.effects import Made
from benchmarks.campaigns.places import Opened

from stemma.ledger import Ledger
from stemma.network import Run, RunReport
from stemma.network.networks import Networks

_ONCE = ("run.started", "run.finished", "message.sent", "message.answered")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a campaign's report."""

    name: str
    holds: bool
    figure: str
    problems: Sequence[str] = field(default=())


@dataclass(frozen=True)
class Ended:
    """How a run ended, all that may differ between two runs of the same item taken out: its id and its times."""

    outcome: Mapping[str, Any] | None
    messages: tuple[tuple[str, str, str, Any], ...]
    """What follows the run's id in the message's; recipient; status; answer."""

    @classmethod
    def of(cls, report: RunReport) -> "Ended":
        run = report.run
        messages = [
            (sent.message.id.removeprefix(run.id), sent.message.recipient, sent.status.value, sent.answer)
            for sent in report.messages
        ]
        outcome = None if run.outcome is None else run.outcome.to_json()
        return cls(outcome, tuple(sorted(messages, key=lambda message: message[0])))


def batches(networks: Networks) -> dict[str, list[Run]]:
    """The runs of each batch, by the name under which it was begun."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in networks.ls(limit=1_000_000):
        found[run.batch.removesuffix(".1")].append(run)
    return found


def ends(networks: Networks, runs: Iterable[Run]) -> dict[str, Ended]:
    """How each run ended, by its ticket."""
    return {run.request["ticket"]: Ended.of(networks.show(run.id)) for run in runs}


def differences(ended: Mapping[str, Ended], undisturbed: Mapping[str, Ended]) -> list[str]:
    """Every run that did not end as it does undisturbed."""
    found = [f"{ticket!r} was lost" for ticket in undisturbed.keys() - ended.keys()]
    for ticket, end in ended.items():
        expected = undisturbed[ticket]
        if end.outcome != expected.outcome:
            found.append(f"{ticket!r} ended as {end.outcome}, undisturbed as {expected.outcome}")
        elif end.messages != expected.messages:
            wrong = [
                one
                for one in (*end.messages, *expected.messages)
                if (one in end.messages) != (one in expected.messages)
            ]
            found.append(f"{ticket!r}: messages differ: {wrong}")
    return found


def repeated_events(ledger: Ledger) -> list[str]:
    """Events that are on record more than once of one subject."""
    found = Counter((entry.kind, entry.subject) for entry in ledger.tail(10_000_000) if entry.kind in _ONCE)
    return [f"{kind} of {subject} {number} times" for (kind, subject), number in found.items() if number > 1]


def out_of_order(calls: Sequence[Made], here: Opened, agents: Sequence[str]) -> list[str]:
    """Messages to these agents that were worked on, going by the first call of each, before one that was sent earlier.

    Of two that processes send at the same moment neither is earlier: their places in the inbox and in the audit log differ.
    """
    places = _places(here, agents)
    firsts: dict[str, list[str]] = defaultdict(list)
    for message, agent in dict.fromkeys((made.key.rpartition(".t")[0], made.agent) for made in calls):
        if message in places:
            firsts[agent].append(message)
    return [
        f"{agent}: {message} was worked on before {later}"
        for agent, messages in firsts.items()
        for number, message in enumerate(messages)
        for later in messages[number + 1 :]
        if all(own > other for own, other in zip(places[message], places[later], strict=True))
    ]


def _places(here: Opened, agents: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where each message stands in its inbox, and in the audit log."""
    sent = here.ledger.tail(10_000_000, kind="message.sent")
    logged = {entry.subject: entry.seq for entry in sent}
    reached = {entry.data["to"] for entry in sent}
    return {
        letter.message.id: (number, logged[letter.message.id])
        for agent in agents
        if agent in reached
        for number, letter in enumerate(reversed(here.networks.letters.ls(agent=agent, limit=1_000_000)))
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least so great a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
