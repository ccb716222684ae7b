"""The outline of a network, as lines for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from stemma.network.agent import Agent
from stemma.network.bounds import Bounds
from stemma.network.drawing.words import asked, in_words, rule_of, span
from stemma.network.flow import Flow, Hierarchy, OpenTopic, Panel, Phase, Phases, Route, Step, agents_of, parts_of
from stemma.network.manifest import Manifest
from stemma.network.tools.tool import ToolSpec


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of the tree: its name, what is said beside it, and what grows on it."""

    name: str
    words: str
    grown: tuple["Branch", ...] = ()


def outline(manifest: Manifest) -> tuple[str, ...]:
    """The network as a tree of its teams and agents, each with what it reads and writes; below it whatever else there is."""
    agents = {agent.name: agent for agent in manifest.agents}
    whole = _branch(manifest.flow, agents)
    top = Branch(manifest.name, f"{whole.words} · {', '.join(manifest.inputs)}", whole.grown or (whole,))
    rows = [(top.name, top.words), *_rows(top.grown, "")]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {_one_line(words)}".rstrip() for name, words in rows]
    for title, entries in _sections(manifest).items():
        if entries:
            lines += ["", title, *(f"  {_one_line(entry)}" for entry in entries)]
    return tuple(lines)


def _one_line(words: str) -> str:
    return " ".join(words.split())


def _rows(branches: Sequence[Branch], before: str) -> Iterator[tuple[str, str]]:
    for number, branch in enumerate(branches, start=1):
        last = number == len(branches)
        yield f"{before}{'└─' if last else '├─'} {branch.name}", branch.words
        yield from _rows(branch.grown, f"{before}{'   ' if last else '│  '}")


def _branch(flow: Flow, agents: Mapping[str, Agent]) -> Branch:
    match flow:
        case Step():
            return Branch(flow.agent, _work(agents[flow.agent]))
        case Phases():
            return Branch(flow.name, rule_of(flow), tuple(_phase(phase, agents) for phase in flow.phases))
    parts = parts_of(flow)
    grown = [_branch(part, agents) for part in parts]
    if isinstance(flow, Hierarchy):
        grown[0] = _as("splits", grown[0])
        if flow.merge:
            grown[-1] = _as("merges", grown[-1])
        if flow.spawn:
            at = len(flow.workers) + 1
            grown[at] = _as("plays roles", grown[at])
    if isinstance(flow, Route | OpenTopic):
        last = grown.pop() if flow.otherwise else Branch("a person", "")
        again = any(one.name == last.name for one in grown)
        grown.append(Branch(last.name, "otherwise") if again or not last.words else _as("otherwise", last))
    written = f" → {flow.writes}" if isinstance(flow, Panel) else ""
    return Branch(flow.name, f"{rule_of(flow)}{written}", tuple(grown))


def _phase(phase: Phase, agents: Mapping[str, Agent]) -> Branch:
    words = ["phase", *(["parallel"] if phase.parallel else [])]
    words += [f"after {', '.join(phase.depends_on)}"] if phase.depends_on else []
    return Branch(phase.phase, ", ".join(words), tuple(_branch(member, agents) for member in phase.agents))


def _as(part: str, branch: Branch) -> Branch:
    return replace(branch, words=f"{part}: {branch.words}")


def _work(agent: Agent) -> str:
    reads = ", ".join(f"{name}?" if name in agent.optional else name for name in agent.reads)
    words = [f"{reads} → {agent.writes}".lstrip(), f"calls {agent.calls}" if agent.calls else agent.model]
    words += [f"searches {agent.knowledge.folder}"] if agent.knowledge else []
    words += [f"remembers {agent.memory.scope}"] if agent.memory else []
    words += [f"tools {', '.join(agent.tools)}"] if agent.tools else []
    words += [f"asks {', '.join(agent.asks)}"] if agent.asks else []
    words += [f"publishes {', '.join(agent.publishes)}"] if agent.publishes else []
    words += [f"{agent.replicas} at a time"] if agent.replicas else []
    words += [f"if {in_words(agent.when)}, else a person: {agent.when.otherwise}"] if agent.when else []
    return " · ".join(words)


def _sections(manifest: Manifest) -> dict[str, Iterable[str]]:
    asked_for = {*agents_of(manifest.flow)}
    subscribed = {name for names in manifest.topics.values() for name in names}
    waiting = {agent.name: f"{agent.name}: {_work(agent)}" for agent in manifest.agents if agent.name not in asked_for}
    return {
        "agents that only topics ask": [words for name, words in waiting.items() if name in subscribed],
        "agents that only colleagues ask": [words for name, words in waiting.items() if name not in subscribed],
        "people are asked": [asked(interceptor) for interceptor in manifest.interceptors],
        "tools": [_tool(spec) for spec in manifest.tools],
        "topics": [f"{topic} → {', '.join(names)}" for topic, names in manifest.topics.items()],
        "bounds": [_bounds(manifest.bounds)] if manifest.bounds != Bounds() else [],
    }


def _tool(spec: ToolSpec) -> str:
    effect = f", effect {spec.effect.value}" if spec.effect else ""
    return f"{spec.name}: {spec.kind}{effect}"


def _bounds(bounds: Bounds) -> str:
    given = {one.name: getattr(bounds, one.name) for one in fields(Bounds)}
    written = {
        name: span(value) if name == "seconds" else f"{value:,}" for name, value in given.items() if value is not None
    }
    return ", ".join(
        f"{'time' if name == 'seconds' else name.replace('_', '-')} {value}" for name, value in written.items()
    )
