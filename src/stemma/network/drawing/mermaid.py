"""A network as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count, pairwise

from stemma.network.agent import Agent
from stemma.network.drawing.words import asked, in_words, rule_of
from stemma.network.flow import (
    Flow,
    Hierarchy,
    Loop,
    OpenTopic,
    Panel,
    Phases,
    Pipeline,
    Route,
    Step,
    Tie,
)
from stemma.network.manifest import Manifest
from stemma.network.manifest.names import ASK
from stemma.network.manifest.tools import spec_of
from stemma.network.people import Interceptor

_NOT_PLAIN = re.compile(r"[^0-9A-Za-z_]")
_ESCAPED = re.compile(r'["#<>&`\\]')


def mermaid(manifest: Manifest) -> str:
    """The text of a flowchart, the same for the same manifest.

    Boxes are agents, frames teams and phases, stadiums people, hexagons tools, barrels folders and memories. Whole lines are
    the way of a task, dotted ones what an agent uses and who else may be asked.
    """
    chart = _Chart(manifest)
    chart.draw()
    return "\n".join(["flowchart TD", *chart.nodes, *chart.shared, *chart.edges]) + "\n"


class _Chart:
    """The lines drawn so far. An agent that stands in several places is a box in each."""

    def __init__(self, manifest: Manifest) -> None:
        self.nodes: list[str] = []
        self.shared: list[str] = []  # behind every frame: where a thing is named first, there Mermaid puts it
        self.edges: list[str] = []
        self._manifest = manifest
        self._agents = {agent.name: agent for agent in manifest.agents}
        self._ids: set[str] = set()
        self._boxes: defaultdict[str, list[str]] = defaultdict(list)
        self._phase_frames: defaultdict[str, list[str]] = defaultdict(list)
        self._shared_ids: dict[tuple[str, str], str] = {}
        self._topic_flags: dict[str, str] = {}
        self._depth = 1

    def draw(self) -> None:
        flow = self._manifest.flow
        inputs = self._node("inputs", f'[/"{_text(", ".join(self._manifest.inputs))}"/]')
        match flow:
            case Pipeline():
                self._way([inputs, *(self._flow(step) for step in flow.steps)])
            case Phases():
                self._phases(flow, before=inputs)
            case _:
                self._way([inputs, self._flow(flow)])
        for topic, names in self._manifest.topics.items():
            self._topic(topic, names)
        for agent in self._manifest.agents:
            self._colleagues(agent)
        for agent in self._manifest.agents:
            self._belongings(agent)
        for interceptor in self._manifest.interceptors:
            self._interceptor(interceptor)

    def _flow(self, flow: Flow) -> str:
        """Draws a flow, and comes back with the id that lines to and from it end at."""
        match flow:
            case Step():
                return self._agent(flow.agent)
            case Pipeline() | Loop():
                with self._frame("team", flow.name, rule_of(flow)) as frame:
                    steps = [self._flow(step) for step in flow.steps]
                    self._way(steps)
                if isinstance(flow, Loop):
                    if len(steps) > 1:
                        self._edge(steps[-1], steps[0], "again")
                    self._edge(frame, self._person(), f"after {flow.at_most}: {flow.until.otherwise}", dotted=True)
            case Phases():
                with self._frame("team", flow.name, rule_of(flow)) as frame:
                    self._phases(flow)
            case Hierarchy():
                with self._frame("team", flow.name, rule_of(flow)) as frame:
                    self._hierarchy(flow)
            case Panel():
                with self._frame("team", flow.name, rule_of(flow)) as frame:
                    vote = [self._agent(member) for member in flow.members]
                    counted = self._node("vote", f'{{"{_text(flow.writes)}"}}')
                    for member in vote:
                        self._edge(member, counted, "votes")
                what = "tie, or no quorum" if flow.tie in (Tie.PERSON, Tie.REVOTE) else "no quorum"
                self._edge(counted, self._person(), what, dotted=True)
            case Route() | OpenTopic():
                with self._frame("team", flow.name, rule_of(flow)) as frame:
                    self._choice(flow)
        return frame

    def _phases(self, flow: Phases, *, before: str | None = None) -> None:
        frames: dict[str, str] = {}
        for phase in flow.phases:
            with self._frame("phase", phase.phase, "in parallel" if phase.parallel else "") as frames[phase.phase]:
                members = [self._flow(member) for member in phase.agents]
                if not phase.parallel:
                    self._way(members)
            self._phase_frames[phase.phase].append(frames[phase.phase])
        for phase in flow.phases:
            for needed in phase.depends_on:
                self._edge(frames[needed], frames[phase.phase])
            if before and not phase.depends_on:
                self._edge(before, frames[phase.phase])

    def _hierarchy(self, flow: Hierarchy) -> None:
        orchestrator = self._agent(flow.orchestrator)
        workers = {self._flow(worker): "briefs" for worker in flow.workers}
        if flow.spawn:
            workers[self._agent(flow.spawn)] = "makes up roles"
        merge = self._agent(flow.merge) if flow.merge else None
        for worker, words in workers.items():
            self._edge(orchestrator, worker, words)
            if merge:
                self._edge(worker, merge)

    def _choice(self, flow: Route | OpenTopic) -> None:
        choice = self._node("choice", f'{{"{_text(", ".join(flow.reads) or "which?")}"}}')
        sides: Sequence[Flow] = flow.agents if isinstance(flow, Route) else [Step(agent) for agent in flow.agents]
        drawn = {side.name: self._flow(side) for side in sides}
        for side in drawn.values():
            self._edge(choice, side)
        other = flow.otherwise
        if other is None:
            end = self._person()
        else:
            end = drawn[other.name] if other.name in drawn else self._flow(other)
        self._edge(choice, end, "otherwise", dotted=True)

    def _agent(self, name: str) -> str:
        box = self._node(f"agent_{name}", f'["{_text(name)}"]')
        self._boxes[name].append(box)
        condition = self._agents[name].when
        if condition is not None:
            words = f"unless {in_words(condition)}: {condition.otherwise}"
            self._edge(box, self._person(), words, dotted=True)
        return box

    def _colleagues(self, agent: Agent) -> None:
        own = self._boxes[agent.name] or [self._agent(agent.name)]
        for name in agent.asks:
            for other in self._boxes[name] or [self._agent(name)]:
                for box in own:
                    self._edge(box, other, "asks", dotted=True)
        for topic in agent.publishes:
            for box in own:
                self._edge(box, self._topic_flags[topic], "publishes", dotted=True)

    def _belongings(self, agent: Agent) -> None:
        for name in [*agent.tools, *([agent.calls] if agent.calls else [])]:
            spec = spec_of(name, self._manifest.tools)
            if spec is None:
                continue
            tool = self._shared("tool", spec.name, f'{{{{"{_text(spec.name)}"}}}}')
            self._use(agent, tool, "" if name == spec.name else name)
        if agent.knowledge:
            folder = agent.knowledge.folder
            self._use(agent, self._shared("folder", folder, f'[("{_text(folder)}")]'))
        if agent.memory:
            scope = agent.memory.scope
            self._use(agent, self._shared("memory", scope, f'[("memory {_text(scope)}")]'))

    def _use(self, agent: Agent, used: str, label: str = "") -> None:
        for box in self._boxes[agent.name]:
            self._edge(box, used, label, dotted=True)

    def _topic(self, topic: str, names: Sequence[str]) -> None:
        flag = self._topic_flags[topic] = self._node(f"topic_{topic}", f'>"{_text(topic)}"]')
        for name in names:
            for box in self._boxes[name] or [self._agent(name)]:
                self._edge(flag, box, dotted=True)

    def _interceptor(self, interceptor: Interceptor) -> None:
        asking = self._node("ask", f'(["{_text(asked(interceptor))}"])')
        match interceptor.before:
            case "tool":
                spec = spec_of(interceptor.name.rpartition("/")[2], self._manifest.tools)
                targets = [self._shared_ids["tool", spec.name]] if spec else self._senders(interceptor.name)
            case "message":
                targets = self._boxes[interceptor.name]
            case "phase":
                targets = self._phase_frames[interceptor.name]
        for target in targets:
            self._edge(asking, target, dotted=True)

    def _senders(self, name: str) -> list[str]:
        """The agents who are asked about before they send something: `name` is a tool of colleagues, perhaps of one agent."""
        only, _, tool = name.rpartition("/")
        agents = [agent for agent in self._manifest.agents if (agent.asks if tool == ASK else agent.publishes)]
        return [box for agent in agents if only in ("", agent.name) for box in self._boxes[agent.name]]

    def _person(self) -> str:
        return self._shared("person", "", '(["a person"])')

    # --- lines ----------------------------------------------------------------------------------------------------------

    def _way(self, ids: Sequence[str]) -> None:
        for one, next_one in pairwise(ids):
            self._edge(one, next_one)

    def _shared(self, kind: str, name: str, shape: str) -> str:
        """The id of the one thing of this name; it is drawn when it is first asked for."""
        if (kind, name) not in self._shared_ids:
            id = self._fresh(f"{kind}_{name}" if name else kind)
            self.shared.append(f"    {id}{shape}")
            self._shared_ids[kind, name] = id
        return self._shared_ids[kind, name]

    def _node(self, wanted: str, shape: str) -> str:
        id = self._fresh(wanted)
        self.nodes.append(f"{'    ' * self._depth}{id}{shape}")
        return id

    @contextmanager
    def _frame(self, kind: str, name: str, rule: str) -> Iterator[str]:
        id = self._fresh(f"{kind}_{name}")
        title = f"{name}: {rule}" if rule else name
        self.nodes.append(f'{"    " * self._depth}subgraph {id}["{_text(title)}"]')
        self._depth += 1
        yield id
        self._depth -= 1
        self.nodes.append(f"{'    ' * self._depth}end")

    def _edge(self, one: str, other: str, label: str = "", *, dotted: bool = False) -> None:
        words = f'|"{_text(label)}"|' if label else ""
        line = f"    {one} {'-.->' if dotted else '-->'}{words} {other}"
        if line not in self.edges:
            self.edges.append(line)

    def _fresh(self, wanted: str) -> str:
        """An id that no other thing has; letters, digits and '_' only, and no word of Mermaid's own."""
        plain = _NOT_PLAIN.sub("_", wanted)
        ids = chain([plain], (f"{plain}_{number}" for number in count(2)))
        id = next(id for id in ids if id not in self._ids)
        self._ids.add(id)
        return id


def _text(words: str) -> str:
    """Any words as they may stand between quotation marks."""
    return _ESCAPED.sub(lambda found: f"#{ord(found[0])};", " ".join(words.split()))
