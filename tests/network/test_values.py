"""Values along the flow: what is surely there when it is read, whichever way a task goes."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma import Prompt
from stemma.core.errors import InvalidData
from stemma.network import (
    Agent,
    Assignment,
    By,
    Condition,
    Hierarchy,
    Loop,
    Manifest,
    OpenTopic,
    Panel,
    Phase,
    Phases,
    Pipeline,
    Route,
    Step,
    define_agent,
    define_network,
)
from stemma.network.flow import Flow, agents_of, parts_of
from stemma.network.manifest.values import Known, settled, walk, written

PASSED = Condition({"b": "yes"}, "it never passed")


def steps(*names: str) -> tuple[Step, ...]:
    return tuple(Step(name) for name in names)


def network(flow: Flow, *, writes: str = "", **reads: str) -> Manifest:
    """Agents a, b, c … that read what is said (by default the input `x`), and each write what they are called, or `writes`."""
    names = dict.fromkeys(agents_of(flow))
    agents = [
        define_agent(
            name,
            Prompt("Act."),
            reads=reads.get(name, "x").split(),
            writes=writes or name,
            capabilities=("all",),
        )
        for name in names
    ]
    return define_network("n", inputs=["x"], agents=agents, flow=flow)


@pytest.mark.parametrize(
    ("flow", "reads", "message"),
    [
        (
            Pipeline("n", steps("a", "b")),
            {"a": "b"},
            "agent 'a' needs 'b', which 'b' writes only later; move 'b' before it",
        ),
        (
            Pipeline("n", steps("a", "b")),
            {"a": "b", "b": "a"},
            "agents need each other in a cycle: a → b → a; break it",
        ),
        (Pipeline("n", steps("a", "b")), {"b": "aa"}, "no agent writes (did you mean 'a'?); there are x, a, b"),
        (
            Phases("n", (Phase("p", steps("a")), Phase("q", steps("b")))),
            {"b": "a"},
            "which 'a' writes in phase 'p', which phase 'q' does not wait for; add it to the phase's 'depends_on'",
        ),
        (
            Phases("n", (Phase("p", steps("a", "b"), parallel=True),)),
            {"b": "a"},
            "which 'a' writes at the same time, in the parallel phase 'p'; put 'a' into a phase before it",
        ),
        (
            Hierarchy("h", "a", steps("b", "c")),
            {"c": "b"},
            "which 'b' writes at the same time, in hierarchy 'h'; let its workers work in turn: parallel: false",
        ),
        (
            Hierarchy("h", "a", steps("b", "c"), parallel=False),
            {"c": "b"},
            "'b' may not have written by then; read it as 'b?' (empty while it is not known)",
        ),
        (
            Panel("p", ("a", "b"), "v"),
            {"b": "a"},
            "at the same time, in panel 'p'; members hear each other as 'statements'",
        ),
        (
            Pipeline("n", (Panel("p", ("a", "b"), "v"), Step("c"))),
            {"c": "a"},
            "'a' may not have written by then; read it as 'a?'",
        ),
        (
            Pipeline("n", (Route("r", steps("a", "b")), Step("c"))),
            {"c": "a"},
            "'a' may not have written by then; read it as 'a?' (empty while it is not known), or have it written on every",
        ),
        (
            Pipeline("n", (OpenTopic("o", ("a", "b"), ("x",)), Step("c"))),
            {"c": "b"},
            "'b' may not have written by then",
        ),
        (
            Pipeline("n", (Hierarchy("h", "a", steps("b")), Step("c"))),
            {"c": "b"},
            "'b' may not have written by then",
        ),
        (Loop("l", steps("a", "b"), PASSED, 2), {"a": "b"}, "read it as 'b?'"),
        (Loop("l", steps("a", "c"), PASSED, 2), {}, "loop 'l' needs 'b', which is no input and no agent writes"),
        (Route("r", steps("a", "b"), reads=("y",)), {}, "route 'r' needs 'y', which is no input"),
        (
            Pipeline("n", (Route("r", steps("a", "b"), reads=("c",)), Step("c"))),
            {},
            "route 'r' needs 'c', which 'c' writes only later",
        ),
        (
            Hierarchy("h", "a", steps("b"), None, {"p": (Assignment("b", "Do {{ y }}"),)}),
            {},
            "hierarchy 'h' needs 'y', which is no input and no agent writes",
        ),
        (
            Hierarchy("h", "a", steps("b", "c"), None, {"p": (Assignment("b", "Do"), Assignment("c", "{{b}}"))}),
            {},
            "hierarchy 'h' fills 'b' into a brief, before 'b' has begun",
        ),
        (Pipeline("n", steps("a", "b")), {"b": "statements"}, "which only a member of a panel is given"),
        (Hierarchy("h", "a", steps("b"), "c"), {"a": "brief"}, "which only a worker of a hierarchy is given"),
        (
            Hierarchy("h", "a", steps("b"), "c"),
            {"b": "missing"},
            "which only the merging agent of a hierarchy is given",
        ),
        (Pipeline("n", (Step("a"), Step("b"))), {"a": "x b?"}, "which 'b' writes only later"),
        (Panel("p", ("a", "b"), "x"), {}, "panel 'p' writes 'x', which is an input"),
        (Panel("p", ("a", "b"), "brief"), {}, "value name 'brief' is taken"),
        (
            Pipeline("n", (Step("c"), Panel("p", ("a", "b"), "c"))),
            {},
            "panel 'p' writes 'c', which is what 'c' writes; choose another name",
        ),
    ],
)
def test_value_that_may_be_missing(flow: Flow, reads: dict[str, str], message: str) -> None:
    """Whoever reads what may not be there is named, with who writes it and the way out."""
    with pytest.raises(InvalidData) as caught:
        network(flow, **reads)
    assert message in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("flow", "reads"),
    [
        (Pipeline("n", (Pipeline("in", steps("a", "b")), Step("c"))), {"b": "a", "c": "a b"}),
        (
            Phases(
                "n",
                (
                    Phase("r", steps("c"), depends_on=("q",)),
                    Phase("q", steps("b"), depends_on=("p",)),
                    Phase("p", steps("a")),
                ),
            ),
            {"c": "a b", "b": "a"},
        ),
        (Pipeline("n", (Phases("p", (Phase("one", steps("a", "b"), True),)), Step("c"))), {"c": "a b"}),
        (Hierarchy("h", "a", steps("b"), "c"), {"b": "a brief", "c": "b missing h_missing"}),
        (Hierarchy("h", "a", steps("b", "c"), parallel=False), {"c": "b?"}),
        (
            Hierarchy(
                "h", "a", (Pipeline("team", steps("b", "c")),), None, {"p": (Assignment("team", "{{x}} {{a}}"),)}
            ),
            {"c": "b brief"},
        ),
        (Pipeline("n", (Panel("p", ("a", "b"), "v"), Step("c"))), {"a": "x statements", "c": "v v_votes a?"}),
        (Loop("l", steps("a", "b"), PASSED, 2), {"a": "x b? a?", "b": "a"}),
        (Pipeline("n", (Route("r", steps("a", "b"), by=By.LOAD), Step("c"))), {"c": "a? b?"}),
    ],
)
def test_value_that_is_there(flow: Flow, reads: dict[str, str]) -> None:
    """What came before on every way, and what may be empty, can be read."""
    assert network(flow, **reads).flow == flow


@pytest.mark.parametrize(
    "flow",
    [
        Route("r", steps("a", "b")),
        Route("r", steps("a"), otherwise=Step("b")),
        OpenTopic("o", ("a", "b"), ("x",)),
        Panel("p", ("a", "b"), "same"),
    ],
)
def test_alternatives_may_write_the_same(flow: Flow) -> None:
    """Agents of which one is heard may write one value, and it is surely known behind them; others may not."""
    agents = [define_agent(name, Prompt("Act."), reads=["x"], writes="same", capabilities=("all",)) for name in "ab"]
    behind = define_agent("c", Prompt("Act."), reads=["same"], writes="end")
    define_network("n", inputs=["x"], agents=[*agents, behind], flow=[flow, "c"])
    with pytest.raises(InvalidData, match="agent 'b' writes 'same', which is what agent 'a' writes"):
        define_network("n", inputs=["x"], agents=[*agents, behind], flow=["a", "b", "c"])


NAMES = [f"a{number}" for number in range(9)]


@st.composite
def flows(draw: st.DrawFn) -> tuple[Flow, dict[str, Agent]]:
    """A flow of up to nine agents, each in one place, which read whatever they like."""
    names = iter(NAMES)
    teams = iter(f"t{number}" for number in range(100))

    def flow(depth: int) -> Flow:
        kinds = (
            ["step"] if depth == 0 else ["step", "pipeline", "loop", "phases", "hierarchy", "panel", "route", "topic"]
        )
        kind = draw(st.sampled_from(kinds))
        name = next(teams)
        parts = tuple(flow(depth - 1) for _ in range(draw(st.integers(1, 2)))) if kind not in ("step", "panel") else ()
        match kind:
            case "pipeline":
                return Pipeline(name, parts)
            case "loop":
                return Loop(name, parts, Condition({}), draw(st.integers(1, 2)))
            case "phases":
                waits = [("p0",) if number and draw(st.booleans()) else () for number in range(len(parts))]
                return Phases(name, tuple(Phase(f"p{n}", (part,), True, waits[n]) for n, part in enumerate(parts)))
            case "hierarchy":
                return Hierarchy(name, next(names, "z"), parts, next(names, "z"), parallel=draw(st.booleans()))
            case "panel":
                return Panel(name, (next(names, "z"), next(names, "z")), f"{name}_said")
            case "route":
                return Route(name, parts, otherwise=flow(0) if draw(st.booleans()) else None)
            case "topic":
                return OpenTopic(name, (next(names, "z"), next(names, "z")), ())
            case _:
                return Step(next(names, "z"))

    whole = Pipeline("whole", (flow(2), flow(2)))
    values = sorted(written(whole, {name: Agent(name, "p", "m", (), name) for name in [*NAMES, "z"]}))
    agents = {}
    for name in dict.fromkeys(agents_of(whole)):
        reads = tuple(draw(st.lists(st.sampled_from(values), unique=True, max_size=6)))
        optional = reads[: draw(st.integers(0, 1))]
        agents[name] = Agent(name, "p", "m", reads, name, optional=optional)
    return whole, {agent.name: agent for agent in settled(agents, whole)}


@given(flows(), st.randoms(use_true_random=False))
def test_without_gaps_no_task_ever_lacks_a_value(drawn: tuple[Flow, dict[str, Agent]], random: Random) -> None:
    """Whatever is chosen, left out or unanswered on the way, what an agent needs is there, once all gaps are closed."""
    whole, agents = drawn
    while gaps := list(walk(whole, agents, Known(frozenset({"x"})))):
        for gap in gaps:
            agent = agents[gap.reader.name]
            agents[agent.name] = replace(agent, reads=tuple(value for value in agent.reads if value != gap.value))
    for _ in range(10):
        lacking = list(_played(whole, agents, {"x"}, random))
        assert lacking == []


def _played(flow: Flow, agents: dict[str, Agent], known: set[str], random: Random) -> Iterator[str]:
    """Adds to `known` what a task that goes this way learns; yields what it lacks on the way."""
    match flow:
        case Step():
            agent = agents[flow.agent]
            yield from (
                f"{agent.name}: {name}" for name in agent.reads if name not in known and name not in agent.optional
            )
            known.add(agent.writes)
        case Pipeline() | Loop():
            for _ in range(random.randint(1, flow.at_most) if isinstance(flow, Loop) else 1):
                for part in flow.steps:
                    yield from _played(part, agents, known, random)
        case Phases():
            ended: dict[str, set[str]] = {}
            for phase in flow.phases:
                begun = known.union(*(ended[name] for name in phase.depends_on))
                for member in phase.agents:
                    yield from _played(member, agents, begun, random)
                ended[phase.phase] = begun
            known.update(*ended.values())
        case Hierarchy():
            yield from _played(Step(flow.orchestrator), agents, known, random)
            brought: set[str] = set()
            for worker in flow.workers:
                if random.random() < 0.6:
                    branch = known | (set() if flow.parallel else brought)
                    yield from _played(worker, agents, branch, random)
                    brought |= branch if random.random() < 0.8 else set()
            known |= brought
            yield from _played(Step(flow.merge or ""), agents, known, random)
        case Panel():
            for name in flow.members:
                yield from _played(Step(name), agents, set(known), random)
            known |= {flow.writes, f"{flow.writes}_votes"}
        case Route() | OpenTopic():
            yield from _played(random.choice(parts_of(flow)), agents, known, random)
