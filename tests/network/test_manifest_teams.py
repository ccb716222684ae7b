"""Teams, tools and people in a manifest: what they say, and what is said about those that cannot work."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.network.teams import FULL, write_everything

from stemma.core.errors import InvalidData
from stemma.core.trust import UNTRUSTED, TrustLabel
from stemma.network import (
    Assignment,
    Bounds,
    By,
    Condition,
    Effect,
    Hierarchy,
    Interceptor,
    Loop,
    Manifest,
    OnTimeout,
    OpenTopic,
    Panel,
    Phase,
    Phases,
    Pipeline,
    Recall,
    Route,
    Rule,
    Step,
    ToolSpec,
    load_manifest,
)
from stemma.network.flow import Flow, agents_of
from stemma.network.tools.toolbox import Toolbox
from stemma.network.wire import from_json, to_json


@pytest.fixture
def everything(tmp_path: Path) -> Manifest:
    return load_manifest(write_everything(tmp_path / "all"))


def test_every_kind_of_team_is_read(everything: Manifest) -> None:
    """The flow is the whole shape, with each team in its place and the defaults where the file is silent."""
    crew = Hierarchy(
        "crew",
        "lead",
        (Step("look"), Step("pay")),
        "writer",
        {
            "refund": (Assignment("look", "Look for {{ticket}}."), Assignment("pay", "Pay it.")),
            "other": (Assignment("look", "{{ category }}"),),
        },
    )
    jury = Panel("jury", ("ann", "bob", "cat"), "verdict", 2, Rule.WEIGHTED, {"ann": 2.0}, 2)
    build = Loop("build", (Step("coder"), Step("tester")), Condition({"passed": "yes"}, "no program passed"), 4)
    who = Route("who", (Step("card"), Step("loan")), By.BOTH, ("ticket",), 0.2)
    anyone = OpenTopic("any", ("checker", "proof"), ("reply",), 0.1, Step("checker"))
    assert everything.flow == Phases(
        "everything",
        (
            Phase("sort", (Step("triage"),)),
            Phase("work", (Pipeline("line", (crew, jury)), build), True, ("sort",)),
            Phase("answer", (who, anyone), depends_on=("work",)),
        ),
    )
    assert from_json(Flow, to_json(everything.flow, Flow)) == everything.flow


def test_tools_people_bounds_and_topics_are_read(everything: Manifest) -> None:
    """Times are seconds, and what the file leaves to a tool's kind is left to it."""
    assert everything.tools[0] == ToolSpec(
        "refund", "python", {"function": "tools.py:refund"}, Effect.SPEND, idempotent=True, timeout=10.0
    )
    assert [(spec.kind, spec.effect) for spec in everything.tools[1:]] == [
        (kind, None) for kind in ("files", "http", "mcp", "code")
    ]
    assert everything.interceptors == (
        Interceptor("tool", "pay/refund", "Pay this refund?", timeout=259_200.0),
        Interceptor("message", "loan"),
        Interceptor("phase", "answer", when={"verdict": "yes"}),
    )
    assert everything.bounds == Bounds(calls=200, seconds=3600.0)
    assert (everything.inbox, everything.topics) == (50, {"new-ticket": ("triage", "archive")})


def test_what_an_agent_may_have_is_read(everything: Manifest) -> None:
    """Agents stand in the order of the flow, those that only a topic asks last; all of them survive JSON."""
    names = [agent.name for agent in everything.agents]
    assert names == [*dict.fromkeys(agents_of(everything.flow)), "archive"]
    triage = everything.agents[0]
    assert (triage.tools, triage.replicas, triage.history) == (("docs", "web_get"), 2, 2)
    assert triage.memory == Recall("desk", 2, ("ticket",), ("category",))
    assert triage.settings == {"scripted": {"temperature": 0.5}}
    assert (triage.limits.timeout, triage.limits.iterations, triage.limits.corrections) == (120.0, 6, 0)
    agents = {agent.name: agent for agent in everything.agents}
    assert (agents["pay"].calls, agents["pay"].prompt, agents["pay"].models) == ("refund", None, ())
    for agent in everything.agents:
        assert from_json(type(agent), to_json(agent)) == agent


def test_what_may_be_unknown_is_optional(everything: Manifest) -> None:
    """A question mark, what a team adds for its members, and what workers bring the agent that merges it."""
    optional = {agent.name: agent.optional for agent in everything.agents if agent.optional}
    assert optional == {
        "lead": ("workers",),
        "look": ("brief",),
        "writer": ("found", "receipt", "missing"),
        "ann": ("statements",),
        "coder": ("passed",),
    }


def test_flow_may_be_one_team_or_one_agent(tmp_path: Path) -> None:
    """`flow` names what does the whole task; a tool's label is untrusted where the file does not say more."""
    path = write_everything(tmp_path / "all")
    path.write_text(
        """\
network: small
inputs: [ticket]
tools: {look: {python: "tools.py:look", label: {confidentiality: secret}, timeout: 1m}}
agents:
  a: {prompt: act.json, reads: [ticket], writes: seen, tools: [look]}
  b: {prompt: act.json, reads: [seen], writes: said}
teams: {both: {pipeline: [a, b]}}
people: [{before: message, name: b, timeout: 2h, on_timeout: approve}]
flow: both
"""
    )
    manifest = load_manifest(path)
    assert manifest.flow == Pipeline("both", (Step("a"), Step("b")))
    assert manifest.tools[0].label == TrustLabel(UNTRUSTED.integrity, type(UNTRUSTED.confidentiality).SECRET)
    assert manifest.interceptors[0].on_timeout is OnTimeout.APPROVE
    assert manifest.agents[0].model == "embedded"


def change(old: str, new: str) -> Callable[[str], str]:
    assert FULL.count(old) == 1, old
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("changed", "line", "message"),
    [
        # names
        (
            change("[look, pay]", "[lok, pay]"),
            43,
            "'lok', which is not described under 'agents' or 'teams' (did you mean 'look'?)",
        ),
        (change("orchestrator: lead", "orchestrator: jury"), 42, "asks an agent there, and 'jury' is a team"),
        (change("members: [ann, bob, cat]", "members: [ann, bob, cut]"), 48, "names 'cut', which is not described"),
        (change("  line: {", "  triage: {"), 52, "team 'triage' has the name of an agent"),
        (change("  line: {", "  person: {"), 52, "no team can be called 'person'"),
        (change("pipeline: [crew, jury]", "pipelin: [crew, jury]"), 52, "no key 'pipelin' (did you mean 'pipeline'?)"),
        (change("{pipeline: [crew, jury]}", "{}"), 52, "it has 0 of them"),
        (change("rounds: 2", "rouns: 2"), 48, "did you mean 'rounds'?"),
        (change("rule: weighted", "rule: wieghted"), 48, "cannot be 'wieghted' (did you mean 'weighted'?)"),
        (change("[line, build]", "[line]"), 49, "nothing uses team 'build'"),
        (change("[triage, archive]", "[triage]"), 38, "nothing asks agent 'archive'"),
        (change("[triage, archive]", "[triage, archiv]"), 57, "topic 'new-ticket' names 'archiv'"),
        (change("{new-ticket:", "{New ticket:"), 57, "topic name 'New ticket'"),
        (change("[triage, archive]", "[]"), 57, "nobody subscribes"),
        # cycles
        (change("[crew, jury]", "[crew, line]"), 52, "teams contain each other in a cycle: line → line"),
        (change("[sort]}", "[answer]}"), 60, "phases depend on each other in a cycle: work → answer → work; break it"),
        (
            change("[triage]}", "[triage], depends_on: [sort]}"),
            59,
            "a cycle: sort → sort, and work, answer would never begin",
        ),
        (
            change("depends_on: [sort]", "depends_on: [sotr]"),
            60,
            "'sotr', which there is not (did you mean 'sort'?); work, answer",
        ),
        # shapes
        (change("phase: answer, ", "phase: work, "), 61, "has the phase 'work' twice"),
        (change("phase: answer, ", "phase: The end, "), 61, "phase name 'The end' is not lower-case"),
        (
            change("depends_on: [work]}\n", "depends_on: [work]}\n  - {phase: last, agents: []}\n"),
            62,
            "phase 'last' names nobody",
        ),
        (change("[coder, tester]", "[coder, coder]"), 49, "names agent 'coder' twice; it asks each agent once a round"),
        (change("at_most: 4", "at_most: 0"), 49, "whole number above 0"),
        (change("quorum: 2", "quorum: 4"), 48, "can never meet its quorum of 4; it has 3 members"),
        (change("{ann: 2}", "{ned: 2}"), 48, "gives a weight to 'ned', which is no member"),
        (change("rule: weighted", "rule: ranked"), 48, "only the rule 'weighted' counts; it has 'ranked'"),
        (change("members: [ann, bob, cat]", "members: [ann]"), 48, "a panel has at least two"),
        (change("merge: writer", "merge: look"), 44, "has 'look' as a worker and as its 'merge'"),
        (change("merge: writer", "merge: lead"), 44, "use two agents"),
        (change("{agent: pay, brief", "{agent: bob, brief"), 46, "names 'bob', which is none of its workers"),
        (
            change(", {agent: pay, brief: Pay it.}", ""),
            43,
            "no plan of hierarchy 'crew' gives worker 'pay' anything to do",
        ),
        (change("      merge: writer\n", "      merge: writer\n      fan_out: 1\n"), 47, "it takes 1 to 1 ('fan_out')"),
        (change("abstain: 0.2", "abstain: 2"), 50, "a number from 0 to 1"),
        (change(", capabilities: [cards]", ""), 50, "'card' does not say it; give it 'capabilities'"),
        (change(", capabilities: [check]", ""), 51, "'checker' does not say it"),
        # tools
        (
            change("tools: [out]", "tools: [oot]"),
            31,
            "names tool 'oot', which is not described under 'tools' (did you mean 'out'?)",
        ),
        (change("web_get]", "web_gett]"), 18, "did you mean 'web_get'?"),
        (change(", tools: [out]", ""), 8, "nothing uses tool 'out'"),
        (change("calls: lab_run", "calls: lab"), 32, "calls 'lab', which is a set of tools; name one of them: lab_run"),
        (change("{files: reports}", "{files: reports, http: {allow: []}}"), 8, "it has 2 of them"),
        (change("memory_mb", "memory_bm"), 11, "no option 'memory_bm' (did you mean 'memory_mb'?)"),
        (change("effect: spend", "effect: spent"), 7, "did you mean 'spend'?"),
        (change("idempotent: true", "idempotent: 1"), 7, "must be true or false"),
        (
            lambda text: text.replace("  out: {", "  Out: {").replace("[out]", "[Out]"),
            8,
            "tool name 'Out' is not lower",
        ),
        # people
        (change("pay/refund", "pay/refnd"), 54, "did you mean 'refund'?"),
        (change("pay/refund", "ann/refund"), 54, "agent 'ann' does not use tool 'refund'"),
        (change("pay/refund", "pya/refund"), 54, "no agent 'pya' is described (did you mean 'pay'?)"),
        (change("pay/refund", "out"), 54, "a set of tools; name one of them: out_read, out_write, out_list"),
        (change("name: loan", "name: jury"), 55, "no such agent is described"),
        (change("name: answer", "name: anwser"), 56, "no such phase is in the flow (did you mean 'answer'?)"),
        (change("before: message", "before: massage"), 55, "did you mean 'message'?"),
        (change("timeout: 3d, on_timeout: reject", "on_timeout: approve"), 54, "has no 'timeout'"),
        (change("on_timeout: reject", "on_timeout: rejct"), 54, "did you mean 'reject'?"),
        (change("when: {verdict: yes}", "when: {verdit: yes}"), 56, "did you mean 'verdict'?"),
    ],
)
def test_team_that_cannot_work(tmp_path: Path, changed: Callable[[str], str], line: int, message: str) -> None:
    """Each mistake is named with its line and, where there is one, what was probably meant."""
    path = write_everything(tmp_path / "all")
    path.write_text(changed(FULL))
    with pytest.raises(InvalidData) as caught:
        load_manifest(path)
    assert message in str(caught.value)
    assert caught.value.line == line, str(caught.value)
    assert "\n" not in str(caught.value)


async def _given(specs: tuple[ToolSpec, ...], folder: Path) -> set[str]:
    async with Toolbox(specs, folder) as toolbox:
        return set(await toolbox.tools([spec.name for spec in specs]))


def test_known_tools_of_a_set_are_those_that_it_gives(tmp_path: Path) -> None:
    """The manifest lets an agent name exactly the tools that the kinds without a server have."""
    import asyncio

    from stemma.network.manifest.tools import spec_of

    specs = (
        ToolSpec("out", "files", {"folder": "reports"}),
        ToolSpec("web", "http", {"allow": ["https://example.com/"], "methods": ["get", "post"]}),
        ToolSpec("lab", "code", {}),
    )
    given = asyncio.run(_given(specs, tmp_path))
    assert given == {
        f"{spec.name}_{tool}"
        for spec in specs
        for tool in ("read", "write", "list", "get", "post", "run")
        if spec_of(f"{spec.name}_{tool}", specs)
    }
    assert len(given) == 6
