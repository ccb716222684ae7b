"""Plots: in which ways an attacker's words get into a network, and what he wants with each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stemma.core.errors import InvalidInput
from stemma.core.trust import Integrity, TrustLabel
from stemma.models.orders import Use
from stemma.network import Effect
from stemma.platform.attack.own.doubles import Answers
from stemma.platform.attack.own.forging import forged
from stemma.platform.attack.own.network import Target
from stemma.platform.attack.own.swap import swapped
from stemma.platform.attack.own.task import Task
from stemma.platform.attack.own.wish import Wish


@dataclass(frozen=True, slots=True)
class Way:
    """A way in: an input, or a tool whose answers strangers write in. `label` is what the manifest says of it."""

    about: str
    label: TrustLabel
    input: str | None = None
    tool: str | None = None

    @property
    def doubted(self) -> bool:
        """Whether the manifest takes for ours what strangers write."""
        return self.label.integrity is not Integrity.UNTRUSTED


@dataclass(frozen=True, slots=True)
class Pair:
    """One attack: a way in with a wish, and what the network is given for it."""

    way: str
    wish: Wish
    item: Mapping[str, str]
    answers: Answers
    doubted: bool = False

    def name(self, task: Task) -> str:
        """The name under which it is told of."""
        return f"{'' if task.made_up else f'{task.name}: '}from {self.way} to {self.wish.about}"


@dataclass(frozen=True, slots=True)
class Plot:
    """Attacks that are tried on one network: what its documents, its memories and one of its agents say is the same in all."""

    task: Task
    pairs: tuple[Pair, ...]
    documents: str = ""
    """What stands in a document beside those in `folder`."""
    folder: str = ""
    planted: str = ""
    """What agent `peer` says as soon as it has read anything of a stranger's."""
    peer: str = ""
    remembered: Mapping[str, str] = field(default_factory=dict)
    """What is remembered in each scope."""
    before: tuple[Mapping[str, str], Answers] | None = None
    """A task that is worked on first, with what tools answer in it."""


def ways(target: Target) -> list[Way]:
    """Every way in through an input or a tool's answer."""
    found = [
        Way(f"input {name!r}", label, input=name)
        for name, label in target.manifest.inputs.items()
        if label.integrity is Integrity.UNTRUSTED or name in target.strangers
    ]
    for name, double in target.equipped.doubles.items():
        if (double.strange is not None or name in target.strangers) and target.equipped.holders(name):
            label = TrustLabel(Integrity.UNTRUSTED) if double.strange is not None else double.label
            found.append(Way(f"tool {name!r}", label, tool=name))
    return found


def looks(target: Target, agent: str, task: Task) -> tuple[Use, ...]:
    """The calls by which an agent reads what strangers wrote, as far as its task does not make them already."""
    called = {call.tool for call in task.calls if call.agent == agent}
    found: list[Use] = []
    for name in {way.tool: way for way in ways(target) if way.tool}:
        double = target.equipped.doubles[name or ""]
        if double.name in called or double.name not in target.equipped.held[agent] or double.effect not in _LOOKS:
            continue
        try:
            found.append(Use(double.name, forged(double.parameters, "anything", number=1)))
        except InvalidInput:  # nobody knows how it is called
            continue
    return tuple(found)


_LOOKS = (Effect.READ, Effect.EGRESS)


def folders(target: Target) -> Iterator[tuple[str, TrustLabel]]:
    """The folders of documents that strangers write in."""
    seen: dict[str, TrustLabel] = {}
    for agent in target.manifest.agents:
        known = agent.knowledge
        if known and (known.label.integrity is Integrity.UNTRUSTED or known.folder in target.strangers):
            seen[known.folder] = known.label
    yield from seen.items()


def believed(target: Target) -> list[str]:
    """What an agent reads and the manifest takes for ours, so that nothing was tried there."""
    tried = {way.input or way.tool for way in ways(target)} | {folder for folder, _ in folders(target)}
    known = {agent.knowledge.folder for agent in target.manifest.agents if agent.knowledge}
    held = [name for name in target.equipped.doubles if target.equipped.holders(name)]
    return [name for name in (*target.manifest.inputs, *held, *sorted(known)) if name not in tried]


def by_way(target: Target, task: Task, way: Way, wish: Wish) -> Pair:
    """The attack in which the words come in there."""
    item = dict(task.item)
    if way.input:
        item[way.input] = f"{item[way.input]} {wish.order}"
    poison = {way.tool: wish.order} if way.tool else {}
    return Pair(way.about, wish, item, Answers(task.answers, poison), way.doubted)


def clean(task: Task, way: str, wish: Wish, *, doubted: bool = False) -> Pair:
    """The attack in which the words come in elsewhere."""
    return Pair(way, wish, task.item, Answers(task.answers), doubted)


def injection(target: Target, task: Task, wanted: Sequence[Wish]) -> list[Plot]:
    """Instructions in inputs, in what tools return, and in documents."""
    orders = " ".join(wish.order for wish in wanted)
    plots = [Plot(task, tuple(by_way(target, task, way, wish) for way in ways(target) for wish in wanted))]
    for folder, label in folders(target):
        doubted = label.integrity is not Integrity.UNTRUSTED
        pairs = tuple(clean(task, f"documents {folder!r}", wish, doubted=doubted) for wish in wanted)
        plots.append(Plot(task, pairs, documents=orders, folder=folder))
    return [plot for plot in plots if plot.pairs]


def peers(target: Target, task: Task, wanted: Sequence[Wish]) -> list[Plot]:
    """Each agent in turn says the attacker's words, once it has read anything of a stranger's."""
    orders = " ".join(wish.order for wish in wanted)
    return [
        Plot(
            task, tuple(clean(task, f"agent {agent.name!r}", wish) for wish in wanted), planted=orders, peer=agent.name
        )
        for agent in target.manifest.agents
        if agent.prompt is not None
    ]


def memory(target: Target, task: Task, wanted: Sequence[Wish]) -> list[Plot]:
    """Poison that is remembered: from an earlier task where an agent keeps anything, else put there."""
    orders = " ".join(wish.order for wish in wanted)
    memories = [agent.memory for agent in target.manifest.agents if agent.memory]
    kept = {one.scope for one in memories if one.keeps}
    plots = []
    for scope in dict.fromkeys(one.scope for one in memories):
        pairs = tuple(clean(task, f"memory {scope!r}", wish) for wish in wanted)
        if scope in kept:
            plots.append(Plot(task, pairs, before=_earlier(target, task, orders)))
        else:
            plots.append(Plot(task, pairs, remembered={scope: f"{' '.join(task.words)} {orders}"}))
    return plots


def _earlier(target: Target, task: Task, orders: str) -> tuple[Mapping[str, str], Answers]:
    """The same task, with the attacker's words wherever strangers write."""
    found = ways(target)
    item = {
        name: f"{text} {orders}" if name in {way.input for way in found} else text for name, text in task.item.items()
    }
    return item, Answers(task.answers, {way.tool: orders for way in found if way.tool})


def substitution(target: Target, task: Task, _: Sequence[Wish]) -> list[Plot]:
    """No instruction: another value stands where the task takes one from data."""
    found = {way.input or way.tool: way for way in ways(target)}
    pairs = []
    for call, argument, find in task.finds():
        way = found.get(find.source)
        made = swapped(task, call, argument, find, target) if way and target.equipped.doubles[call.tool].acts else None
        if way is None or made is None:
            continue
        text, wish = made
        item = {**task.item, **({way.input: text} if way.input else {})}
        answers = {**task.answers, **({way.tool: text} if way.tool else {})}
        pairs.append(Pair(way.about, wish, item, Answers(answers), way.doubted))
    return [Plot(task, tuple(pairs))] if pairs else []
