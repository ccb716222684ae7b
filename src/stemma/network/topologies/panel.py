"""The panel: members debate in rounds, then vote."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stemma.core.trust import Integrity, TrustLabel, join_all
from stemma.network.flow import Panel, Rule, Tie
from stemma.network.manifest.names import CHOICES, STATEMENTS
from stemma.network.message import Part, PartKind
from stemma.network.task import Task, together
from stemma.network.topologies.person import choice
from stemma.network.topologies.step import admit
from stemma.network.topologies.voting import Ballot, first_voted, read_ballots, winners
from stemma.network.turn import Unusable


async def panel(flow: Panel, task: Task) -> None:
    """Learns what each member said last, the votes by member as ``<writes>_votes``, and the decision as `writes`.

    Votes are what is said in the last round; a member without a usable answer has none. Too few votes for the quorum: to a
    person. The decision carries the labels of all that was said in any round, and of what those read who said nothing.
    """
    for member in flow.members:
        await admit(member, task)
    debate = _Debate(flow, task)
    for _ in range(flow.rounds):
        await debate.round()
    ballots = debate.votes()
    tied = winners(ballots, flow.rule, flow.weights)
    if flow.tie is Tie.REVOTE:
        task.heed(debate.label)  # whether there is another round is up to what was said, also where there is none
    if len(tied) > 1 and flow.tie is Tie.REVOTE:
        await debate.round(among=tied)
        ballots = debate.votes(among=tied)
        tied = winners(ballots, flow.rule, flow.weights)
    decided = tied[0] if len(tied) == 1 else await _broken(flow, task, tied, ballots, debate.label)
    votes = {member: list(ballot) if flow.rule is Rule.RANKED else ballot[0] for member, ballot in ballots.items()}
    task.learn(Part(PartKind.DATA, f"{flow.writes}_votes", votes, debate.label))
    task.learn(Part(PartKind.DATA, flow.writes, decided, debate.label))


class _Debate:
    """What the members of a panel said in its last round, and the label of everything said in any."""

    def __init__(self, flow: Panel, task: Task) -> None:
        self._flow, self._task = flow, task
        self._said: Mapping[str, Part] = {}
        self._labels: list[TrustLabel] = []

    @property
    def label(self) -> TrustLabel:
        return join_all(self._labels)

    async def round(self, *, among: Sequence[str] = ()) -> None:
        """Asks every member at the same time, telling each what the others said, and what is left to choose from."""
        members, task = self._flow.members, self._task
        task.check_fan_out(len(members))
        left = [Part(PartKind.DATA, CHOICES, list(among), self.label)] if among else []
        answers = await together(
            [task.ask(member, id=task.next_id(), add=[*self._others(member), *left]) for member in members]
        )
        said: dict[str, Part] = {}
        for member, answer in zip(members, answers, strict=True):
            if isinstance(answer, Unusable):  # that it says nothing is up to what it read, which may be anything
                labels = [answer.label] if answer.label else [part.label for part in task.known.values()]
                self._labels += labels
                task.learn(Part(PartKind.DATA, task.network.role(member).agent.writes, "", join_all(labels)))
            else:
                said[member] = answer
                self._labels.append(answer.label)
        self._said = said
        for member, answer in said.items():
            # Whether it has an answer is up to all that it read: no piece is worth more than the whole.
            task.learn(replace(answer, inner=None), sender=member)

    def votes(self, *, among: Sequence[str] = ()) -> Mapping[str, Ballot]:
        """The ballots cast in the last round, limited to `among`. Too few for the quorum: the task goes to a person."""
        flow = self._flow
        ballots = read_ballots({member: part.value for member, part in self._said.items()}, flow.rule)
        if among:
            folded = {one.casefold(): one for one in among}
            kept = {
                member: tuple(folded[one.casefold()] for one in ballot if one.casefold() in folded)
                for member, ballot in ballots.items()
            }
            ballots = {member: ballot for member, ballot in kept.items() if ballot}
        if len(ballots) < max(flow.quorum, 1):
            self._task.heed(self.label)
            self._task.hand_over(
                f"panel {flow.name!r} had {len(ballots)} of {len(flow.members)} votes, needs {max(flow.quorum, 1)}"
            )
        return ballots

    def _others(self, member: str) -> list[Part]:
        """What the others said, as a part; none in the first round, and none when nobody else said anything."""
        others = {name: part for name, part in self._said.items() if name != member}
        if not others and (not self._labels or self.label.integrity is not Integrity.UNTRUSTED):
            return []
        statements: list[dict[str, Any]] = [{"member": name, "says": part.value} for name, part in others.items()]
        return [Part(PartKind.DATA, STATEMENTS, statements, self.label)]


async def _broken(
    flow: Panel, task: Task, tied: Sequence[str], ballots: Mapping[str, Ballot], label: TrustLabel
) -> str:
    """The choice among the tied, by the panel's tie rule."""
    if flow.tie is Tie.FIRST:
        return first_voted(tied, ballots.values())
    if flow.tie is Tie.FAIL:
        task.heed(label)
        task.fail(f"panel {flow.name!r} is tied between {', '.join(tied)}")
    return await choice(
        task,
        "tie",
        text=f"Panel {flow.name!r} is tied between {', '.join(tied)}. Which is it?",
        choices=tied,
        facts={"panel": flow.name, "votes": {member: list(ballot) for member, ballot in ballots.items()}},
        label=label,
    )
